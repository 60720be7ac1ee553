import { z } from 'zod';

const parameters = z.record(z.string(), z.unknown()).nullish();

const inputTensor = z.object({
  name: z.string().min(1).max(100),
  datatype: z.string().max(20),
  shape: z.array(z.int().min(0)).max(8),
  parameters,
  data: z.unknown().optional(),
});
export type InputTensor = z.output<typeof inputTensor>;

const outputRequest = z.object({ name: z.string().min(1).max(100), parameters });

/** The JSON part of the body of `POST /v2/models/{model}/infer`. */
export const inferRequest = z.object({
  id: z.string().max(1_000).nullish(),
  parameters,
  inputs: z.array(inputTensor).min(1).max(16),
  outputs: z.array(outputRequest).max(16).nullish(),
});
export type InferRequest = z.output<typeof inferRequest>;

export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  /** −1 where the size varies. */
  readonly shape: readonly number[];
}

export interface ModelMetadata {
  readonly name: string;
  readonly versions: string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** One tensor of an answer. */
export interface OutputTensor {
  readonly name: string;
  readonly datatype: 'FP64';
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float64Array;
}
