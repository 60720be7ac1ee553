import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { InferenceWorker, Tensors } from '@app/inference';
import { z } from 'zod';

const tensor = z.object({
  name: z.string(),
  dtype: z.enum(['float32', 'int64']),
  shape: z.array(z.union([z.string(), z.number().int()])),
});
const manifestSchema = z.object({
  contextLength: z.number().int().positive(),
  inputs: z.array(tensor),
  files: z.record(z.string(), z.object({ sha256: z.string() })),
  architecture: z.object({ horizons: z.array(z.number().int()).optional() }),
});

export type TensorSpec = z.infer<typeof tensor>;

/** A package that `forge golden` made of a checkpoint, loaded as serving loads one. */
export class ImportedPackage {
  readonly contextLength: number;
  readonly inputs: readonly TensorSpec[];
  /** Of Time-MoE: points that its heads forecast, ascending. */
  readonly horizons?: readonly number[];

  private constructor(
    private readonly worker: InferenceWorker,
    private readonly graphs: readonly string[],
    { contextLength, inputs, architecture }: z.infer<typeof manifestSchema>,
  ) {
    this.contextLength = contextLength;
    this.inputs = inputs;
    this.horizons = architecture.horizons;
  }

  static async open(worker: InferenceWorker, folder: string): Promise<ImportedPackage> {
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
    const graphs = Object.entries(manifest.files).filter(([name]) => name.endsWith('.onnx'));
    for (const [name, { sha256 }] of graphs) {
      await worker.load(name, { file: join(folder, name), sha256, provider: 'cpu', threads: 1 });
    }
    const names = graphs.map(([name]) => name);
    return new ImportedPackage(worker, names, manifest);
  }

  run(inputs: Tensors): Promise<Tensors> {
    return this.worker.run('model.onnx', inputs);
  }

  /** Of Time-MoE: its loss, [1]. */
  loss(inputs: Tensors): Promise<Tensors> {
    return this.worker.run('loss.onnx', inputs);
  }

  async close(): Promise<void> {
    for (const graph of this.graphs) await this.worker.release(graph);
  }
}
