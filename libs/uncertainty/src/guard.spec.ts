import { chooseChampion, GUARD_DEFAULTS, type LossBlock } from './guard.js';

const CANDIDATES = ['aggregate', 'ttm/base', 'seasonal-naive'];
/** Blocks of ten points with these mean losses, and a little noise that all share. */
const blocks = (count: number, losses: Record<string, number>, noise = 0.1): LossBlock[] =>
  Array.from({ length: count }, (_, i) => ({
    points: 10,
    losses: Object.fromEntries(
      Object.entries(losses).map(([name, loss], j) => [name, 10 * (loss + noise * Math.sin(7 * i + 3 * j))]),
    ),
  }));

describe('chooseChampion', () => {
  it('keeps the champion while nothing is clearly better', () => {
    const decision = chooseChampion(
      'aggregate',
      CANDIDATES,
      blocks(10, { aggregate: 1, 'ttm/base': 0.99, 'seasonal-naive': 1.5 }),
    );
    expect(decision).toEqual({
      champion: 'aggregate',
      changed: false,
      reason: 'nothing is clearly better than aggregate',
    });
  });

  it('crowns a challenger that is clearly better, and says by how much', () => {
    const decision = chooseChampion(
      'aggregate',
      CANDIDATES,
      blocks(10, { aggregate: 1, 'ttm/base': 0.8, 'seasonal-naive': 1.5 }),
    );
    expect(decision).toMatchObject({ champion: 'ttm/base', changed: true });
    expect(decision.reason).toMatch(
      /^ttm\/base loses (19|20|21)\.\d % less than aggregate over 100 points in 10 blocks/,
    );
  });

  it('falls back to seasonal naive as soon as the champion loses to it, though by less than a challenger would need', () => {
    const decision = chooseChampion(
      'aggregate',
      CANDIDATES,
      blocks(10, { aggregate: 1.01, 'seasonal-naive': 1 }, 0.01),
    );
    expect(decision).toMatchObject({ champion: 'seasonal-naive', changed: true });
    expect(decision.reason).toContain('aggregate loses to seasonal-naive by');
  });

  it('does not come back from seasonal naive by chance: there is hysteresis', () => {
    const even = blocks(10, { aggregate: 0.99, 'seasonal-naive': 1 }, 0.05);
    expect(chooseChampion('seasonal-naive', CANDIDATES, even).changed).toBe(false);
    expect(chooseChampion('aggregate', CANDIDATES, even).changed).toBe(false);
    expect(
      chooseChampion('seasonal-naive', CANDIDATES, blocks(10, { aggregate: 0.9, 'seasonal-naive': 1 }, 0.05)),
    ).toMatchObject({
      champion: 'aggregate',
      changed: true,
    });
  });

  it('waits for enough blocks and points', () => {
    const few = blocks(GUARD_DEFAULTS.fewestBlocks - 1, { aggregate: 3, 'seasonal-naive': 1 });
    expect(chooseChampion('aggregate', CANDIDATES, few).changed).toBe(false);
    expect(chooseChampion('aggregate', CANDIDATES, []).changed).toBe(false);
  });

  it('compares on the blocks that both have', () => {
    const mixed = [...blocks(4, { 'ttm/base': 9, aggregate: 10 }), ...blocks(10, { aggregate: 1 })];
    expect(chooseChampion('aggregate', CANDIDATES, mixed).changed).toBe(false);
  });

  it('by hand: three standard errors', () => {
    // Differences 1, 2, 3, 2, 2: mean 2, deviation √½, error √(½ / 5) = 0.316, so 6.3 errors; gain 10 of 50.
    const by = [1, 2, 3, 2, 2].map((d) => ({ points: 10, losses: { a: 10, b: 10 - d } }));
    expect(chooseChampion('a', ['b'], by).reason).toBe(
      'b loses 20.0 % less than a over 50 points in 5 blocks (6.3 standard errors)',
    );
  });

  it('comes home from a champion that is no better any more', () => {
    const even = blocks(10, { aggregate: 1, 'ttm/base': 1 }, 0);
    expect(chooseChampion('ttm/base', CANDIDATES, even)).toMatchObject({ champion: 'aggregate', changed: true });
    const better = blocks(10, { aggregate: 1, 'ttm/base': 0.98 }, 0);
    expect(chooseChampion('ttm/base', CANDIDATES, better).changed).toBe(false);
  });

  it('asks more of the best of many than of one', () => {
    // Differences ±1 around 0.7: error 0.35, two standard errors.
    const by = Array.from({ length: 9 }, (_, i) => ({
      points: 10,
      losses: {
        a: 10,
        b: 10 - 0.7 - (i % 2 ? 1 : -1),
        ...Object.fromEntries('cdefghij'.split('').map((name) => [name, 12])),
      },
    }));
    expect(chooseChampion('a', ['b'], by)).toMatchObject({ champion: 'b' });
    expect(chooseChampion('a', 'bcdefghij'.split(''), by).changed).toBe(false);
  });

  it('by hand: what goes on from block to block is worth less', () => {
    // Deviations −2 −1 0 1 2: squares 10, neighbours 2 + 0 + 0 + 2 = 4, of which ⌊5^⅓⌋ = 1 lag counts half, twice.
    const by = [1, 2, 3, 4, 5].map((d) => ({ points: 10, losses: { a: 20, b: 20 - d } }));
    const errors = 3 / Math.sqrt((10 + 4) / 20);
    expect(chooseChampion('a', ['b'], by).reason).toContain(`(${errors.toFixed(1)} standard errors)`);
  });
});
