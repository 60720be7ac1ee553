import { parseAnomalyManifest } from './anomaly-manifest.js';

const entry = { name: 'a', file: 'a.csv', time: 't', label: 'label' };

describe('parseAnomalyManifest', () => {
  it('takes what it knows and ignores the source', () => {
    const train = { kind: 'file', file: 'a.train.csv' };

    expect(parseAnomalyManifest([{ ...entry, train, source: 'x' }])).toEqual([{ ...entry, train }]);
  });

  it('lists every wrong key with its set', () => {
    const wrong = [{ ...entry, label: '', train: { kind: 'rows', rows: -1 }, vusWindow: 'wide' }];

    for (const text of [/a: label/, /a: train\.rows/, /a: vusWindow/]) {
      expect(() => parseAnomalyManifest(wrong)).toThrow(text);
    }
  });

  it('refuses something that is no list, an empty one, and a set that is listed twice', () => {
    expect(() => parseAnomalyManifest({})).toThrow(/manifest is wrong/);
    expect(() => parseAnomalyManifest([])).toThrow(/at least one set/);
    expect(() => parseAnomalyManifest([entry, entry])).toThrow(/a: is listed twice/);
  });
});
