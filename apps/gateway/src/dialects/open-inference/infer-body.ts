import { PlatformError, messageOf } from '@app/observability';
import { invalid } from '../api-error.js';
import { inferRequest, type InferRequest, type InputTensor } from './open-inference.schema.js';

/** A request with what came after its JSON. */
export interface InferBody {
  readonly request: InferRequest;
  /** Of inputs that came as bytes. */
  readonly binary: ReadonlyMap<InputTensor, Uint8Array>;
}

/** The longest JSON part whose nesting is of no concern: `JSON.parse` takes deeper ones, and walking them takes long. */
const DEEPEST = 16;

/**
 * Takes a body apart: JSON, and after it the bytes of the tensors that say so (the binary tensor data extension).
 *
 * @param headerLength bytes of the JSON part, from the header `inference-header-content-length`; without it all is JSON.
 * @throws PlatformError naming what is wrong.
 */
export function parseInferBody(body: Uint8Array, headerLength: string | undefined): InferBody {
  const length = headerLength === undefined ? body.length : Number(headerLength);
  if (!Number.isInteger(length) || length < 0 || length > body.length) {
    const message = `inference-header-content-length is "${headerLength?.slice(0, 20)}", the body has ${body.length} bytes`;
    throw invalid(`${message}; give the length of its JSON part`);
  }
  const request = validated(parseJson(Buffer.from(body.buffer, body.byteOffset, length)));
  return { request, binary: split(request.inputs, body.subarray(length)) };
}

function parseJson(bytes: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (depthOf(value) <= DEEPEST) return value;
  } catch (error) {
    throw new PlatformError('MALFORMED_JSON', `the JSON part of the body can't be read: ${messageOf(error)}`);
  }
  throw new PlatformError('MALFORMED_JSON', `the JSON is nested deeper than ${DEEPEST} levels`);
}

/** How deep a value is nested; no more than one deeper than allowed is looked at. */
function depthOf(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return depth;
  let deepest = depth + 1;
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepest = Math.max(deepest, depthOf(part, depth + 1));
    if (deepest > DEEPEST) break;
  }
  return deepest;
}

function validated(json: unknown): InferRequest {
  const parsed = inferRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(`${issue!.path.join('.') || 'the body'}: ${issue!.message}`);
}

function split(inputs: readonly InputTensor[], bytes: Uint8Array): Map<InputTensor, Uint8Array> {
  const parts = new Map<InputTensor, Uint8Array>();
  let at = 0;
  for (const input of inputs) {
    const size = input.parameters?.['binary_data_size'];
    if (size === undefined) continue;
    if (!Number.isSafeInteger(size) || (size as number) < 0) {
      throw invalid(`input ${input.name}: binary_data_size must be a number of bytes`);
    }
    if (at + (size as number) > bytes.length) {
      throw invalid(
        `input ${input.name}: binary_data_size is ${size as number}, only ${bytes.length - at} bytes are left`,
      );
    }
    parts.set(input, bytes.subarray(at, (at += size as number)));
  }
  if (at === bytes.length) return parts;
  throw invalid(`${bytes.length - at} bytes after the JSON belong to no input; say so by binary_data_size`);
}
