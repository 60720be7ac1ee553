import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf } from '@app/observability';
import type { TensorData, Tensors } from './ort-protocol.js';

const tensor = z.object({
  dtype: z.enum(['float32', 'int64']),
  dims: z.array(z.number().int().positive()).min(1),
  data: z.array(z.number()),
});
const goldenSchema = z.object({
  tolerance: z.object({ absolute: z.number().nonnegative(), relative: z.number().nonnegative() }),
  cases: z
    .array(
      z.object({
        name: z.string(),
        inputs: z.record(z.string(), tensor),
        outputs: z.record(z.string(), tensor),
      }),
    )
    .min(1),
});

/** One pair of inputs and outputs out of the framework in which the model was trained. */
export interface GoldenCase {
  readonly name: string;
  readonly inputs: Tensors;
  readonly outputs: Tensors;
}

export interface Golden {
  readonly tolerance: { readonly absolute: number; readonly relative: number };
  readonly cases: readonly GoldenCase[];
}

/**
 * Reads `golden.json`.
 *
 * @param sha256 of the file, as its manifest says.
 * @throws Error saying what is wrong with it.
 */
export async function readGolden(file: string, sha256: string): Promise<Golden> {
  const bytes = await readFile(file);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) throw new Error(`sha256 of golden.json is ${found}, the manifest says ${sha256}`);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Error(`golden.json is not JSON: ${messageOf(error)}`, { cause: error });
  }
  const parsed = goldenSchema.safeParse(json);
  if (!parsed.success) throw new Error(`golden.json is wrong: ${z.prettifyError(parsed.error)}`);
  const { tolerance, cases } = parsed.data;
  return {
    tolerance,
    cases: cases.map(({ name, inputs, outputs }) => ({ name, inputs: toTensors(inputs), outputs: toTensors(outputs) })),
  };
}

/** What was wrong with an answer. */
export interface GoldenMismatch {
  readonly message: string;
  /** There is no number at all where one is expected: the weights are spoilt. */
  readonly notFinite: boolean;
}

/**
 * Runs every case and compares.
 *
 * @returns what was wrong, or undefined when every value is within `absolute + relative · |expected|`.
 */
export async function checkGolden(
  golden: Golden,
  run: (inputs: Tensors) => Promise<Tensors>,
): Promise<GoldenMismatch | undefined> {
  for (const { name, inputs, outputs } of golden.cases) {
    const actual = await run(inputs);
    for (const [output, expected] of Object.entries(outputs)) {
      const got = actual[output];
      const wrong = differs(got, expected, golden.tolerance);
      if (wrong === undefined) continue;
      const notFinite = got?.dtype === 'float32' && got.data.some((value) => !Number.isFinite(value));
      return { message: `golden case "${name}", output ${output}: ${wrong}`, notFinite };
    }
  }
  return undefined;
}

function differs(actual: TensorData | undefined, expected: TensorData, { absolute, relative }: Golden['tolerance']) {
  if (actual?.dtype !== expected.dtype || actual.dims.join() !== expected.dims.join()) {
    const shown = actual ? `${actual.dtype} [${actual.dims.join(', ')}]` : 'nothing';
    return `got ${shown}, expected ${expected.dtype} [${expected.dims.join(', ')}]`;
  }
  for (let i = 0; i < expected.data.length; i++) {
    const [got, wanted] = [Number(actual.data[i]), Number(expected.data[i])];
    // Negated, so that NaN is a difference.
    if (!(Math.abs(got - wanted) <= absolute + relative * Math.abs(wanted))) {
      return `got ${got}, expected ${wanted} at ${i} (tolerance ${absolute} + ${relative} relative)`;
    }
  }
  return undefined;
}

function toTensors(tensors: z.infer<typeof goldenSchema>['cases'][number]['inputs']): Tensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, dims, data }]): [string, TensorData] => {
      const length = dims.reduce((product, dim) => product * dim, 1);
      if (data.length !== length) throw new Error(`golden.json: ${name} has ${data.length} values, its dims ${length}`);
      if (dtype === 'int64') return [name, { dtype, dims, data: BigInt64Array.from(data, BigInt) }];
      return [name, { dtype, dims, data: Float32Array.from(data) }];
    }),
  );
}
