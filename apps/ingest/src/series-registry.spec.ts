import type { KnownSeries, SeriesKey, SeriesWriter } from '@app/persistence';

import { SeriesRegistry, nextProfile } from './series-registry.js';

function fakeWriter() {
  const asked: SeriesKey[][] = [];
  const writer = {
    findOrCreate: async (keys: readonly SeriesKey[]): Promise<KnownSeries[]> => {
      asked.push([...keys]);
      return keys.map(({ itemId }) => ({ seriesId: Number(itemId), newest: 5, hasFreq: itemId === '2' }));
    },
  };
  return { asked, writer: writer as unknown as SeriesWriter };
}

describe('SeriesRegistry', () => {
  it('gives one object a series, and asks the database once for it', async () => {
    const { asked, writer } = fakeWriter();
    const registry = new SeriesRegistry(writer);
    const ref = registry.ref('1', 'flow');
    expect(registry.ref('1', 'flow')).toBe(ref);
    expect(registry.ref('1', 'temp')).not.toBe(ref);
    await registry.resolve([ref]);
    await registry.resolve([registry.ref('1', 'flow')]);
    expect(asked).toEqual([[ref]]);
    expect(ref).toMatchObject({ seriesId: 1, newest: 5 });
  });

  it('asks again for the newest point when it is in doubt, and keeps the count of points', async () => {
    const { asked, writer } = fakeWriter();
    const registry = new SeriesRegistry(writer);
    const ref = registry.ref('1', 'flow');
    await registry.resolve([ref]);
    ref.points = 7;
    ref.newest = Number.NaN;
    await registry.resolve([ref]);
    expect(asked).toHaveLength(2);
    expect(ref).toMatchObject({ newest: 5, points: 7 });
  });

  it('does not start over with a series that has a frequency', async () => {
    const registry = new SeriesRegistry(fakeWriter().writer);
    const [fresh, known] = [registry.ref('1', 'flow'), registry.ref('2', 'flow')];
    await registry.resolve([fresh, known]);
    expect([fresh.nextProfileAt, known.nextProfileAt]).toEqual([3, 512 + 1_024]);
  });

  it('stays within twice its limit, and keeps what is in use', () => {
    const registry = new SeriesRegistry(fakeWriter().writer, 10);
    const used = registry.ref('used', 'flow');
    for (let i = 0; i < 1_000; i++) {
      registry.ref(`item-${i}`, 'flow');
      expect(registry.ref('used', 'flow')).toBe(used);
    }
    expect(registry.ref('item-0', 'flow').seriesId).toBe(0);
  });

  it('forgets everything on demand', () => {
    const registry = new SeriesRegistry(fakeWriter().writer);
    const ref = registry.ref('1', 'flow');
    registry.forget();
    expect(registry.ref('1', 'flow')).not.toBe(ref);
  });
});

describe('nextProfile', () => {
  it('looks after 3, 8, 32, 128 and 512 points, then every 1,024', () => {
    const counts: number[] = [];
    for (let points = 0; points < 4_000;) counts.push((points = nextProfile(points)));
    expect(counts.slice(0, 8)).toEqual([3, 8, 32, 128, 512, 1_536, 2_560, 3_584]);
  });
});
