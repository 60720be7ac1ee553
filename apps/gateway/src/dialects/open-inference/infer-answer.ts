import { invalid } from '../api-error.js';
import type { InferRequest, OutputTensor } from './open-inference.schema.js';

/** An answer on its way out. */
export interface InferAnswer {
  readonly body: Buffer;
  /** Length of the JSON part, where bytes follow it. */
  readonly headerLength?: number;
}

/** The outputs that were asked for, all when none are named; each as JSON or as bytes, as wanted. */
export function writeAnswer(
  request: InferRequest,
  model: { readonly name: string; readonly version?: string },
  tensors: readonly OutputTensor[],
): InferAnswer {
  const allBinary = request.parameters?.['binary_data_output'] === true;
  const wanted = request.outputs?.length
    ? request.outputs
    : tensors.map(({ name }) => ({ name, parameters: undefined }));
  const outputs = wanted.map(({ name, parameters }) => {
    const tensor = tensors.find((one) => one.name === name);
    if (tensor) return { tensor, binary: (parameters?.['binary_data'] ?? allBinary) === true };
    const known = tensors.map((one) => one.name).join(', ');
    throw invalid(`there is no output ${JSON.stringify(name)}; there are ${known}`);
  });

  const json = Buffer.from(
    JSON.stringify({
      model_name: model.name,
      ...(model.version === undefined ? {} : { model_version: model.version }),
      ...(request.id ? { id: request.id } : {}),
      outputs: outputs.map(({ tensor: { data, ...described }, binary }) =>
        binary
          ? { ...described, parameters: { binary_data_size: data.byteLength } }
          : { ...described, data: Array.from(data) },
      ),
    }),
  );
  const bytes = outputs.filter(({ binary }) => binary).map(({ tensor: { data } }) => littleEndian(data));
  if (bytes.length === 0) return { body: json };
  return { body: Buffer.concat([json, ...bytes]), headerLength: json.length };
}

function littleEndian(data: Float64Array): Buffer {
  const bytes = Buffer.alloc(data.byteLength);
  data.forEach((value, i) => bytes.writeDoubleLE(value, i * 8));
  return bytes;
}
