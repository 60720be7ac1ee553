import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError, messageOf, type ErrorCode } from '@app/observability';
import { z } from 'zod';

const count = z.number().int().positive();
const tensor = z.object({
  name: z.string().min(1),
  dtype: z.enum(['float32', 'int64']),
  /** A name stands for a free dimension. */
  shape: z.array(z.union([z.string(), count])).min(1),
});
const file = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'),
  bytes: count,
});
const levels = z
  .array(z.number().gt(0).lt(1))
  .min(1)
  .refine((values) => values.every((level, i) => i === 0 || level > values[i - 1]!), 'must ascend');

/** What a model package says of itself. Keys that are not listed are allowed: they are for people. */
const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  /** `<family>/<name>`, as its folder. */
  name: z.string().regex(/^[a-z0-9][\w.-]*\/[a-z0-9][\w.-]*$/, 'must be <family>/<name>'),
  family: z.string().min(1),
  version: z.string().min(1),
  contextLength: count,
  predictionLength: count,
  /** `independent`: one series a row; `aligned` and `mixing`: the channels of an item together. */
  channelPolicy: z.enum(['independent', 'aligned', 'mixing']),
  /** Names of the channels in their order, where the model was made for these and no others. */
  channels: z.array(z.string().min(1)).min(1).optional(),
  levels,
  /** Observed points from which the model is better than a baseline. */
  minContext: count,
  inputs: z.array(tensor).min(1),
  outputs: z.array(tensor).min(1),
  opset: count,
  files: z.object({ 'model.onnx': file, 'golden.json': file }),
  parameters: count,
  licence: z.string().min(1),
  /** What its makers say of the network; families read what they need. */
  architecture: z.record(z.string(), z.unknown()).optional(),
  training: z.record(z.string(), z.unknown()).optional(),
  metrics: z.record(z.string(), z.unknown()).optional(),
});

export type ModelManifest = z.infer<typeof manifestSchema>;

/**
 * Reads `manifest.json` of the package in `folder`.
 *
 * @param name `<family>/<name>` by its place; the manifest must say the same.
 * @throws PlatformError MODEL_INVALID naming the package and every wrong key.
 */
export async function readManifest(folder: string, name: string): Promise<ModelManifest> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  } catch (error) {
    throw invalidModel(name, `manifest.json can't be read: ${messageOf(error)}`, error);
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) {
    const keys = parsed.error.issues.map((issue) => `${issue.path.map(String).join('.') || '(all)'}: ${issue.message}`);
    throw invalidModel(name, `manifest.json is wrong: ${keys.join('; ')}`);
  }
  const manifest = parsed.data;
  if (manifest.name !== name || manifest.family !== name.split('/')[0]) {
    throw invalidModel(name, `manifest.json is of ${manifest.family}: ${manifest.name}; its folder says ${name}`);
  }
  return manifest;
}

/** A package that can't be served, and why. */
export function invalidModel(
  name: string,
  reason: string,
  cause?: unknown,
  code: ErrorCode = 'MODEL_INVALID',
): PlatformError {
  return new PlatformError(code, `model package ${name}: ${reason}`, { model: name }, { cause });
}
