import { ModelQueue, type ModelQueueOptions } from './model-queue.js';
import type { Tensors } from './ort-protocol.js';
import type { RunBatch } from './run-batch.js';
import type { Lane } from './run-options.js';

/** Rows of two values: a name for the row, and its number. */
function rows(name: number, count: number, width = 2): Tensors {
  const data = Float32Array.from({ length: count * width }, (_, i) => (i % width === 0 ? name : Math.floor(i / width)));
  return { x: { dtype: 'float32', dims: [count, width], data } };
}

/** What the network of these specs answers: its inputs. */
function echo(batch: RunBatch): Tensors {
  const request = batch.request();
  if (request.kind !== 'run') throw new Error('not a run');
  const { dims, chunks } = request.inputs.x!;
  return { x: { dtype: 'float32', dims, data: Float32Array.from(chunks.flatMap((chunk) => [...chunk].map(Number))) } };
}

const names = (batch: RunBatch | undefined) =>
  batch?.pieces.map(({ call, start, end }) => `${Number(call.inputs.x!.data[0])}:${start}-${end}`);

describe('ModelQueue', () => {
  let queue: ModelQueue;
  const make = (options: ModelQueueOptions = {}) => (queue = new ModelQueue('m', options));
  /** Queues; what becomes of it is looked at by those tests that care. */
  const add = (name: number, count: number, lane: Lane = 'rest', now = 0) => {
    const answer = queue.add(rows(name, count), { lane }, now);
    void answer.catch(() => undefined);
    return answer;
  };
  /** The same where nobody looks at what becomes of it. */
  const put = (...call: Parameters<typeof add>) => void add(...call);
  afterEach(() => queue.failAll(new Error('over')));

  it('puts the rows of many callers into one batch, and gives each its own', async () => {
    make();
    const [a, b] = [add(1, 2), add(2, 3)];
    const batch = queue.take(0)!;
    expect(names(batch)).toEqual(['1:0-2', '2:0-3']);
    batch.deliver(echo(batch));
    await expect(a).resolves.toEqual(rows(1, 2));
    await expect(b).resolves.toEqual(rows(2, 3));
    expect(queue.take(0)).toBeUndefined();
  });

  it('computes equal rows once, for one caller as for many', async () => {
    make();
    const asked = [add(7, 2), add(7, 3), add(8, 1)];
    const batch = queue.take(0)!;
    expect([batch.asked, batch.rows]).toEqual([6, 4]);
    batch.deliver(echo(batch));
    await expect(Promise.all(asked)).resolves.toEqual([rows(7, 2), rows(7, 3), rows(8, 1)]);
  });

  it('tells rows apart that differ in their first value only', () => {
    make();
    const wide = (first: number): Tensors => {
      const data = new Float32Array(200);
      data[0] = first;
      return { x: { dtype: 'float32', dims: [1, 200], data } };
    };
    for (const first of [1, 2, 1]) void queue.add(wide(first), {}, 0).catch(() => undefined);
    expect(queue.take(0)!.rows).toBe(2);
  });

  it('gives the answers of one caller memory of their own', async () => {
    make();
    const [a, b] = [add(1, 1), add(1, 1)];
    const batch = queue.take(0)!;
    batch.deliver(echo(batch));
    (await a).x!.data[0] = 99;
    await expect(b).resolves.toEqual(rows(1, 1));
  });

  it('lets a large call leave in parts, and small ones in between', async () => {
    make({ batchRows: 4 });
    const large = add(1, 10);
    put(2, 1);
    const batches = [queue.take(1)!, queue.take(2)!, queue.take(3)!];
    expect(batches.map(names)).toEqual([['1:0-4'], ['2:0-1', '1:4-7'], ['1:7-10']]);
    // In any order.
    for (const batch of batches.toReversed()) batch.deliver(echo(batch));
    await expect(large).resolves.toEqual(rows(1, 10));
  });

  it('spreads a little work over idle workers, but not too thinly', () => {
    make();
    put(1, 40);
    expect(names(queue.take(0, 2))).toEqual(['1:0-20']);
    expect(names(queue.take(0, 8))).toEqual(['1:20-28']);
  });

  it('keeps rows of different shapes apart', () => {
    make();
    put(1, 1);
    void queue.add(rows(2, 1, 3), {}, 1).catch(() => undefined);
    put(3, 1, 'rest', 2);
    expect([names(queue.take(3)), names(queue.take(3))]).toEqual([['1:0-1', '3:0-1'], ['2:0-1']]);
  });

  it('serves people before partitions before scheduled runs', () => {
    make({ batchRows: 1 });
    put(3, 1, 'batch');
    put(2, 1, 'stream', 1);
    put(1, 1, 'rest', 2);
    expect([1, 2, 3].map(() => names(queue.take(3)))).toEqual([['1:0-1'], ['2:0-1'], ['3:0-1']]);
  });

  it('does not let newcomers pass what has waited long: no lane starves', () => {
    make({ batchRows: 1 });
    put(9, 1, 'batch', 0);
    const served: unknown[] = [];
    for (let now = 0; now <= 12_000; now += 1_000) {
      put(1, 1, 'rest', now);
      put(1, 1, 'rest', now + 1);
      served.push(...names(queue.take(now + 2))!);
    }
    expect(served.indexOf('9:0-1')).toBe(11);
  });

  it('refuses people when it is full, and says when to come again', async () => {
    make({ maxWaitingRows: 10 });
    put(1, 8);
    await expect(add(2, 3)).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfterSeconds: expect.any(Number) },
    });
    await expect(Promise.race([add(3, 2), Promise.resolve('waits')])).resolves.toBe('waits');
  });

  it('is bounded by the work that waits, not by the number of calls', async () => {
    // A second a row.
    make({ cost: { overheadSeconds: 0, secondsPerElement: 0.5 } });
    for (let i = 0; i < 10; i++) put(i, 1);
    await expect(add(99, 1)).rejects.toMatchObject({ code: 'OVERLOADED', details: { retryAfterSeconds: 10 } });
  });

  it('lets scheduled runs wait for room, in their order, and keeps room for people', async () => {
    make({ maxWaitingRows: 10, batchRows: 5 });
    put(1, 5, 'batch');
    const second = add(2, 4, 'batch');
    put(3, 1, 'batch');
    expect([queue.isFull('batch'), queue.isFull('rest'), queue.rows]).toEqual([true, false, 5]);
    put(4, 5);
    expect(names(queue.take(0))).toEqual(['4:0-5']);
    expect(names(queue.take(0))).toEqual(['1:0-5']);
    const batch = queue.take(0)!;
    expect(names(batch)).toEqual(['2:0-4', '3:0-1']);
    batch.deliver(echo(batch));
    await expect(second).resolves.toEqual(rows(2, 4));
  });

  it('takes a call that is larger than the bound when nothing waits', () => {
    make({ maxWaitingRows: 4 });
    put(1, 50);
    expect(queue.rows).toBe(50);
  });

  it('drops what nobody waits for any more', async () => {
    make();
    const caller = new AbortController();
    const left = queue.add(rows(1, 3), { signal: caller.signal }, 0);
    put(2, 1);
    caller.abort(new Error('hung up'));
    await expect(left).rejects.toThrow('hung up');
    expect(queue.rows).toBe(1);
    expect(names(queue.take(0))).toEqual(['2:0-1']);
    await expect(queue.add(rows(1, 3), { signal: caller.signal }, 0)).rejects.toThrow('hung up');
  });

  it('lets in who waits at the door when somebody leaves', async () => {
    make({ maxWaitingRows: 10 });
    const caller = new AbortController();
    const left = queue.add(rows(1, 5), { lane: 'batch', signal: caller.signal }, 0).catch(() => 'left');
    put(2, 5, 'batch');
    caller.abort();
    await expect(left).resolves.toBe('left');
    expect(queue.rows).toBe(5);
  });

  it('answers at the deadline, and drops the rows', async () => {
    make();
    const late = queue.add(rows(1, 3), { deadline: Date.now() + 20 }, 0);
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(queue.rank).toBeUndefined();
    await expect(queue.add(rows(1, 3), { deadline: Date.now() - 1 }, 0)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });

  it('chooses batches by cost: large where a run costs much however small it is', () => {
    const largest = (overheadSeconds: number, secondsPerElement: number) => {
      make({ cost: { overheadSeconds, secondsPerElement } });
      put(1, 1_000);
      return queue.take(0)!.asked;
    };
    // Two values a row.
    expect(largest(0.001, 0.0001 / 2)).toBe(200);
    expect(largest(0.001, 0.000001 / 2)).toBe(256);
    expect(largest(0.0001, 0.0001 / 2)).toBe(20);
    expect(largest(0, 0.0001 / 2)).toBe(8);
    // A run of more than 50 ms would keep others waiting.
    expect(largest(0.1, 0.02 / 2)).toBe(2);
  });

  it('gives every call one answer, whatever the order of batches, retries, errors and leavers', async () => {
    make({ batchRows: 7 });
    let seed = 1;
    const random = (below: number) => (seed = (seed * 16_807) % 2_147_483_647) % below;
    const settled = Array.from({ length: 300 }, () => 0);
    const calls = settled.map(async (_, i) => {
      const caller = new AbortController();
      if (random(10) === 0) setTimeout(() => caller.abort(), random(5));
      const asked = rows(i, 1 + random(12));
      const outcome = await queue.add(asked, { signal: caller.signal }, i).catch(() => 'failed');
      settled[i]!++;
      if (outcome !== 'failed') expect(outcome).toEqual(asked);
    });
    const running: RunBatch[] = [];
    for (let batch = queue.take(0); batch ?? running.length > 0; batch = queue.take(0)) {
      if (batch) running.push(batch);
      if (batch && running.length < 4) continue;
      const [done] = running.splice(random(running.length), 1) as [RunBatch];
      const fate = random(8);
      if (fate === 0 && done.attempts++ < 2) queue.retry(done.split());
      else if (fate === 1) done.fail(new Error('failed'));
      else done.deliver(echo(done));
      if (random(20) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(calls);
    expect(settled.every((count) => count === 1)).toBe(true);
  });
});
