import { mapInFlight } from './map-in-flight.js';

const later = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('mapInFlight', () => {
  it('keeps the order, with no more than the limit on their way', async () => {
    let running = 0;
    let most = 0;
    const results = await mapInFlight([5, 1, 4, 2, 3], 2, async (item) => {
      most = Math.max(most, ++running);
      for (let i = 0; i < item; i++) await later();
      running--;
      return item * 10;
    });
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  it('begins nothing after a failure', async () => {
    const begun: number[] = [];
    const mapping = mapInFlight([1, 2, 3, 4, 5, 6], 2, async (item) => {
      begun.push(item);
      await later();
      if (item === 2) throw new Error('two');
    });
    await expect(mapping).rejects.toThrow('two');
    await later();
    await later();
    expect(begun.length).toBeLessThan(5);
  });

  it('maps nothing to nothing', async () => {
    await expect(mapInFlight([], 3, () => Promise.reject(new Error('never')))).resolves.toEqual([]);
  });
});
