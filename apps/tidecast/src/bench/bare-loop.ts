import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { repositoryRoot } from '../repository-root.js';

/** What a loop of some seconds came to. */
export interface LoopResult {
  readonly rowsPerSecond: number;
  /** Of one run. */
  readonly p50Ms: number;
}

/** ONNX Runtime in a bare loop in a process of its own: `benchmarks/onnx-runtime/bare-loop.mjs`. */
export class BareLoop {
  private constructor(
    private readonly child: ChildProcess,
    readonly threads: number,
  ) {}

  /** @param folder of a model package; `close` the loop. */
  static async start(folder: string, threads: number): Promise<BareLoop> {
    const program = join(repositoryRoot(), 'benchmarks/onnx-runtime/bare-loop.mjs');
    const child = fork(program, [join(folder, 'model.onnx'), join(folder, 'golden.json'), String(threads)]);
    await once(child, 'message');
    return new BareLoop(child, threads);
  }

  /** Runs batches of so many rows for so long. */
  async run(rows: number, seconds: number): Promise<LoopResult> {
    const answer = once(this.child, 'message');
    this.child.send({ rows, seconds });
    const [result] = (await answer) as [LoopResult];
    return result;
  }

  async close(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.kill();
    await gone;
  }
}

/** A bare loop at what it is best at. */
export interface BestLoop {
  readonly loop: BareLoop;
  readonly rows: number;
}

const ROWS = [8, 16, 32, 64, 128];

/** The threads and rows at which a bare loop gives most rows a second. The loops stay open. */
export async function bestLoop(loops: readonly BareLoop[], seconds: number): Promise<BestLoop> {
  let best: (BestLoop & LoopResult) | undefined;
  for (const loop of loops) {
    for (const rows of ROWS) {
      const result = await loop.run(rows, seconds);
      if (!best || result.rowsPerSecond > best.rowsPerSecond) best = { loop, rows, ...result };
    }
  }
  return best!;
}
