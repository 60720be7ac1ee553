import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseAnomalyManifest } from '@app/evaluation';

import { anomalyCommand, detectorNames } from './anomaly-command.js';
import { readAnomalySet, readNab, type AnomalySet } from './anomaly-data.js';
import { eigen, OfflinePca } from './anomaly-reference.js';
import { evaluateAnomalies } from './anomaly.js';
import { Progress } from './progress.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anomaly-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const entry = (overrides = {}) =>
  parseAnomalyManifest([{ name: 'toy', file: 'toy.csv', time: 't', label: 'label', ...overrides }])[0]!;
const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

describe('readAnomalySet', () => {
  it('takes every other column as a channel, an empty cell as missing and a plain number as a minute', async () => {
    write('toy.csv', 't,a,b,label\n0,1,,0\n1,2,5,1\n');
    const set = await readAnomalySet(folder, entry());

    expect([...set.rows.times]).toEqual([0, 60_000]);
    expect(set.rows.channels.map((values) => [...values])).toEqual([
      [1, 2],
      [Number.NaN, 5],
    ]);
    expect([...set.labels]).toEqual([0, 1]);
  });

  it('scores the rows after training', async () => {
    write('toy.csv', 't,a,label\n2026-01-01 00:00:00,1,0\n2026-01-01 00:05:00,2,1\n');

    expect((await readAnomalySet(folder, entry({ train: { kind: 'rows', rows: 1 } }))).evaluateFrom).toBe(1);
    expect((await readAnomalySet(folder, entry({ evaluateFrom: 0 }))).evaluateFrom).toBe(0);
  });

  it.each([
    ['an unknown column', 't,a\n0,1\n', /no column label; it has t, a/],
    ['another label than 0 and 1', 't,a,label\n0,1,yes\n', /row 2: label yes/],
    ['text among numbers', 't,a,label\n0,one,0\n', /row 2, a: one is not a number/],
    ['no channel', 't,label\n0,0\n', /no channel/],
    ['a broken time', 't,a,label\nsoon,1,0\n', /soon is not a time/],
  ])('names the trouble with %s', async (_, text, message) => {
    write('toy.csv', text);

    await expect(readAnomalySet(folder, entry())).rejects.toThrow(message);
  });
});

describe('readNab', () => {
  it('reads the layout of the repository', async () => {
    mkdirSync(join(folder, 'labels'));
    mkdirSync(join(folder, 'data/real'), { recursive: true });
    const times = Array.from({ length: 20 }, (_, i) => `2026-01-01 00:${String(i).padStart(2, '0')}:00`);
    write('data/real/a.csv', `timestamp,value\n${times.map((time, i) => `${time},${i}`).join('\n')}\n`);
    const windows = { 'real/a.csv': [[`${times[5]}.000000`, `${times[7]}.000000`]] };
    write('labels/combined_windows.json', JSON.stringify(windows));

    const [set] = await readNab(folder, () => {});
    expect(set!.windows).toEqual([[5, 7]]);
    expect(set!.evaluateFrom).toBe(3);
    expect([...set!.labels].indexOf(1)).toBe(5);
  });

  it('says what is missing', async () => {
    await expect(readNab(folder, () => {})).rejects.toThrow(/combined_windows.json is not there/);
  });
});

/** 600 rows of two channels that move together, with an event at row 500. */
const made = (windows?: AnomalySet['windows']): AnomalySet => {
  const times = Float64Array.from({ length: 600 }, (_, t) => t * 60_000);
  const channel = (scale: number) =>
    Float64Array.from(
      times,
      (_, t) => scale * (Math.sin(t / 9) + ((t * 7919) % (12 + scale)) / 50 + (t >= 500 && t < 510 ? 6 : 0)),
    );
  const labels = Uint8Array.from(times, (_, t) => (t >= 500 && t < 510 ? 1 : 0));
  const train = {
    times,
    channels: [channel(1), channel(-2)].map((values) => values.map((v, t) => (t >= 500 ? 0 : v))),
  };
  return { name: 'toy', rows: { times, channels: [channel(1), channel(-2)] }, train, labels, evaluateFrom: 0, windows };
};

describe('evaluateAnomalies', () => {
  const quiet = { report: () => {} } as unknown as Progress;

  it('scores every detector on every set and takes means', () => {
    const names = ['default', 'pca-offline'];
    const { sets, mean, nab } = evaluateAnomalies([made()], names, quiet);

    expect(sets['toy']!['default']).toMatchObject({ events: 1, eventsFound: 1 });
    expect(mean['default']!['VUS-PR']).toBe(sets['toy']!['default']!['VUS-PR']);
    expect(mean['pca-offline']!['VUS-PR']).toBeGreaterThan(0.5);
    expect(nab).toBeUndefined();
  });

  it("adds NAB's scores where the sets have its windows", () => {
    const sets = [1, 2].map((i) => ({ ...made([[500, 509]]), name: `toy-${i}` }));
    const { nab, nabTwoFold } = evaluateAnomalies(sets, ['default'], quiet);

    expect(nab!['default']!.standard).toBeGreaterThan(50);
    expect(nabTwoFold!['default']!.standard).toBeLessThanOrEqual(nab!['default']!.standard + 1e-9);
  });

  it('has no offline reference where there is nothing to fit it on', () => {
    expect(() => evaluateAnomalies([{ ...made(), train: undefined }], ['pca-offline'], quiet)).toThrow(/has none/);
  });
});

describe('OfflinePca', () => {
  it('has the eigenvalues of a matrix solved by hand', () => {
    const { values, vectors } = eigen([Float64Array.of(2, 1), Float64Array.of(1, 2)]);

    expect([...values].sort((a, b) => a - b)).toEqual([expect.closeTo(1, 12), expect.closeTo(3, 12)]);
    expect(Math.abs(vectors[0]![0]! * vectors[0]![1]! + vectors[1]![0]! * vectors[1]![1]!)).toBeLessThan(1e-12);
  });

  it('scores a row far from the training rows above one among them', () => {
    const pca = new OfflinePca(made().train!);

    expect(pca.score(Float64Array.of(9, -18))).toBeGreaterThan(pca.score(Float64Array.of(0, 0)));
  });
});

describe('the options of evaluate anomaly', () => {
  const run = (...options: string[]) =>
    anomalyCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .parseAsync(['--data', folder, ...options], { from: 'user' });

  it.each([
    [['--layout', 'tsb'], /--layout.*tsb/],
    [['--layout', 'nab', '--manifest', 'x'], /--manifest.*--layout/],
    [['--bogus', '1'], /--bogus/],
    [['--detectors', 'default,fast', '--layout', 'nab'], /--detectors: there is no fast; there are default/],
    [['--manifest', 'nowhere.json'], /--manifest nowhere.json/],
    [[], /--manifest or --layout/],
  ])('refuses %j by name', async (options, message) => {
    await expect(run(...options)).rejects.toThrow(message);
  });

  it('lists a detector once', () => {
    expect(detectorNames('rola, default,rola')).toEqual(['rola', 'default']);
  });
});
