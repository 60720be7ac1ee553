import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@app/observability';
import type { Part } from './call-queue.js';
import { WorkerPool, type WorkerPoolOptions } from './worker-pool.js';

const handler = new URL('./fixtures/odd-handler.mjs', import.meta.url);
const part = (request: Record<string, unknown>, cost = 1): Part => ({ cost, build: () => ({ request }) });
const parts = (...values: unknown[]): Part[] => values.map((echo) => part({ echo }));

describe('WorkerPool', () => {
  let folder: string;
  let pool: WorkerPool;
  const make = (options: Partial<WorkerPoolOptions> = {}) => {
    pool = new WorkerPool({ name: 'odd', handler, threads: 1, maxCost: 100, logger: silentLogger(), ...options });
    return pool;
  };
  const flag = (name: string) => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-pool-'));
  });
  afterEach(() => pool.close());
  afterAll(() => rmSync(folder, { recursive: true }));

  it('answers in the order of the parts', async () => {
    await expect(make().call(parts('a', 'b', 'c'))).resolves.toEqual(['a', 'b', 'c']);
  });

  it('answers a call without parts at once', async () => {
    await expect(make().call([])).resolves.toEqual([]);
  });

  it('spreads the parts of a call over its threads', async () => {
    make({ threads: 2 });
    await expect(pool.call(parts(...Array.from({ length: 20 }, (_, i) => i)))).resolves.toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
  });

  it('moves what is transferred', async () => {
    const sent = Float64Array.of(1, 2, 3);
    make();
    const [back] = await pool.call([
      { cost: 1, build: () => ({ request: { buffer: sent }, transfer: [sent.buffer] }) },
    ]);
    expect(sent).toHaveLength(0);
    expect(back).toEqual(Float64Array.of(1, 2, 3));
  });

  it('lets calls take turns, so that a large one does not starve a small one', async () => {
    make();
    const hold = part({ hold: flag('go'), echo: 'first' });
    const first = pool.call([hold]);
    const large = pool.call(parts('L1', 'L2', 'L3', 'L4', 'L5', 'L6'));
    const small = pool.call(parts('s1', 's2'));
    writeFileSync(flag('go'), '');
    await Promise.all([first, large, small]);
    const [order] = (await pool.call(parts('log'))) as [string[]];
    // L1 was already waiting in the thread when the small call came.
    expect(order).toEqual(['first', 'L1', 'L2', 's1', 'L3', 's2', 'L4', 'L5', 'L6']);
  });

  it('rejects a call whose part throws, and goes on with others', async () => {
    make();
    const bad = pool.call([part({ fail: 'out of cheese' }), ...parts('a', 'b', 'c')]);
    const good = pool.call(parts('d'));
    await expect(bad).rejects.toMatchObject({ code: 'INFERENCE_FAILED', message: 'odd: out of cheese' });
    await expect(good).resolves.toEqual(['d']);
  });

  it('rejects a call whose request can not be sent', async () => {
    make();
    await expect(pool.call([part({ echo: () => undefined })])).rejects.toMatchObject({ code: 'INFERENCE_FAILED' });
    await expect(pool.call(parts('a'))).resolves.toEqual(['a']);
  });

  it('refuses with OVERLOADED when the queue is full, and takes calls again when it is not', async () => {
    make({ maxCost: 4 });
    const running = pool.call([part({ hold: flag('full') }), ...parts('next')]);
    const waiting = pool.call([part({ echo: 'w' }, 3)]);
    await expect(pool.call([part({ echo: 'x' }, 2)])).rejects.toMatchObject({
      code: 'OVERLOADED',
      message: expect.stringContaining('(3 of 4 wait)'),
    });
    writeFileSync(flag('full'), '');
    await Promise.all([running, waiting]);
    await expect(pool.call([part({ echo: 'x' }, 2)])).resolves.toEqual(['x']);
  });

  it('takes a call larger than the bound when nothing waits', async () => {
    await expect(make({ maxCost: 4 }).call([part({ echo: 'huge' }, 50)])).resolves.toEqual(['huge']);
  });

  it('replaces a thread that dies and retries what it was at', async () => {
    make();
    const dying = pool.call([part({ die: 'segment', unless: flag('died') })]);
    const innocent = pool.call(parts('a', 'b'));
    await expect(dying).resolves.toEqual(['survived']);
    await expect(innocent).resolves.toEqual(['a', 'b']);
  });

  it('fails what kills the thread twice with INFERENCE_FAILED, once, and spares what was behind it', async () => {
    make();
    const killer = pool.call([part({ die: 'poison' })]);
    const innocent = pool.call(parts('a'));
    await expect(killer).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: 'odd: the worker thread died twice (poison)',
    });
    await expect(innocent).resolves.toEqual(['a']);
  });

  it('fails when the handler can not be loaded', async () => {
    make({ handler: new URL('./fixtures/absent.mjs', import.meta.url) });
    await expect(pool.call(parts('a'))).rejects.toThrow(/absent\.mjs/);
  });

  it('keeps the main thread free while a thread is busy', async () => {
    make();
    await pool.call(parts('warm'));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    await pool.call([part({ busyMs: 200 })]);
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(5);
  });

  it('on close finishes what runs, refuses what waits and what comes later', async () => {
    make();
    const running = pool.call([part({ hold: flag('closing'), echo: 'done' })]);
    const waiting = pool.call(parts('a', 'b', 'c'));
    const closed = pool.close();
    await expect(waiting).rejects.toMatchObject({ message: 'odd is shutting down' });
    writeFileSync(flag('closing'), '');
    await expect(running).resolves.toEqual(['done']);
    await closed;
    await expect(pool.call(parts('late'))).rejects.toMatchObject({ message: 'odd is shutting down' });
  });

  it('closes at once when it was never used', async () => {
    await expect(make().close()).resolves.toBeUndefined();
  });
});
