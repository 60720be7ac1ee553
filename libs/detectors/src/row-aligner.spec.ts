import { RowAligner } from './row-aligner.js';
import { StateReader, StateWriter } from './state.js';

const aligner = (overrides = {}) =>
  new RowAligner({ channels: 2, stepMs: 1000, waiting: 2, fillSteps: 0, ...overrides });
const plain = (rows: { ts: number; values: Float64Array }[]) => rows.map(({ ts, values }) => [ts, ...values]);

describe('RowAligner', () => {
  it('lets a row go as soon as every channel has a value', () => {
    const rows = aligner();
    expect(rows.offer(1010, 0, 1)).toEqual([]);
    expect(plain(rows.offer(1999, 1, 2))).toEqual([[1000, 1, 2]]);
  });

  it('waits for a late channel, and no longer than for two rows', () => {
    const rows = aligner();
    rows.offer(1000, 0, 1);
    rows.offer(2000, 0, 2);
    // The value for 1000 comes late; 2000 waits on.
    expect(plain(rows.offer(1000, 1, 10))).toEqual([[1000, 1, 10]]);
    rows.offer(3000, 0, 3);
    expect(plain(rows.offer(4000, 0, 4))).toEqual([[2000, 2, Number.NaN]]);
    expect(rows.offer(2000, 1, 20)).toEqual([]);
    expect(plain(rows.flush())).toEqual([
      [3000, 3, Number.NaN],
      [4000, 4, Number.NaN],
    ]);
  });

  it('goes on from a snapshot with the rows that wait and the values that stand', () => {
    const before = aligner({ fillSteps: 3 });
    before.offer(1000, 0, 1);
    before.offer(1000, 1, 7);
    before.offer(2000, 0, 2);
    const state = new StateWriter();
    before.save(state);
    const after = aligner({ fillSteps: 3 });
    after.load(new StateReader(state.finish()));

    expect(after.offer(1000, 1, 8)).toEqual([]);
    expect(plain(after.flush())).toEqual([[2000, 2, 7]]);
  });

  it('refuses a snapshot of another version, and names both', () => {
    const snapshot = new StateReader(new Uint8Array(Float64Array.of(Number.NaN, 3).buffer));
    expect(() => aligner().load(snapshot)).toThrow(
      'the snapshot is of version NaN of a row aligner, this is version 1',
    );
  });

  it('lets the last value of a slow channel stand for a while', () => {
    const rows = aligner({ fillSteps: 1 });
    rows.offer(1000, 0, 1);
    rows.offer(1000, 1, 7);
    for (const ts of [2000, 3000]) rows.offer(ts, 0, 1);

    expect(plain(rows.flush())).toEqual([
      [2000, 1, 7],
      [3000, 1, Number.NaN],
    ]);
  });

  it('follows a clock that was set back, and does not take a slow channel for one', () => {
    const rows = aligner({ waiting: 0 });
    rows.offer(9_000_000, 0, 1);
    const back = Array.from({ length: 20 }, (_, i) => rows.offer(1000 * (i + 1), 0, i).map(({ ts }) => ts));
    expect(back.flat()).toEqual([16_000, 17_000, 18_000, 19_000, 20_000]);

    const slow = Array.from({ length: 100 }, (_, i) => [
      ...rows.offer(1000 * (i + 100), 0, i),
      ...rows.offer(1000 * (i + 50), 1, i),
    ]);
    expect(slow.flat().map(({ ts }) => ts)).toEqual(Array.from({ length: 100 }, (_, i) => 1000 * (i + 100)));
  });

  it('holds no more rows than it may, whatever comes', () => {
    const rows = aligner();
    for (let i = 0; i < 1000; i++) rows.offer(((i * 7919) % 1000) * 1000, i % 2, i);

    expect(rows.flush().length).toBeLessThanOrEqual(2);
  });
});
