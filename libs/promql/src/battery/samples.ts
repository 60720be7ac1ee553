import { labelsOf, type Samples } from '../index.js';

const MINUTE = 60_000;
/** Two hours of samples. */
export const START = Date.UTC(2026, 1, 28, 23, 0);
export const END = START + 120 * MINUTE;

type ValueAt = (i: number, minute: number) => number | undefined;

/** Samples every `everyMs`, a little beside the grid where `jitterMs` says so; none where the function gives none. */
function series(labels: Record<string, string>, valueAt: ValueAt, everyMs = MINUTE, jitterMs = 0): Samples {
  const ts: number[] = [];
  const values: number[] = [];
  for (let i = 0; START + i * everyMs <= END; i++) {
    const value = valueAt(i, (i * everyMs) / MINUTE);
    if (value === undefined) continue;
    ts.push(START + i * everyMs + Math.round(jitterMs * Math.sin(i)));
    values.push(value);
  }
  return {
    labels: labelsOf(Object.entries(labels)),
    ts: Float64Array.from(ts),
    values: Float64Array.from(values),
    lookbackMs: 300_000,
  };
}

const round = (value: number) => Math.round(value * 1000) / 1000;

/** Gauges, counters with resets, gaps, infinities and NaN, constants, huge and tiny values, awkward label values. */
export const ALL_SAMPLES: readonly Samples[] = [
  ...['a', 'b', 'c'].flatMap((site, s) =>
    ['1', '2'].map((pump, p) =>
      series({ __name__: 'flow', site, pump, env: s === 2 ? 'test' : 'prod' }, (i) =>
        i >= 40 + 5 * s && i < 52 + 5 * s ? undefined : round(10 * s + p + 5 * Math.sin(i / 7 + s) + (i % 13) / 10),
      ),
    ),
  ),
  series({ __name__: 'requests_total', site: 'a', code: '200' }, (i) => (i * 7) % 400, 15_000),
  series({ __name__: 'requests_total', site: 'a', code: '500' }, (i) => Math.floor(i / 9) % 20, 15_000),
  series({ __name__: 'requests_total', site: 'b', code: '200' }, (i) => 1e9 + i * i, 30_000, 4_000),
  series(
    { __name__: 'requests_total', site: 'b', code: '404' },
    (i, m) => (m > 30 && m < 34 ? undefined : i),
    30_000,
    900,
  ),
  series({ __name__: 'limit', site: 'a' }, () => 12),
  series({ __name__: 'limit', site: 'b' }, (_i, m) => (m < 60 ? 18 : 21)),
  series({ __name__: 'limit', site: 'd' }, () => 1),
  series({ __name__: 'twin', site: 'a' }, (i) => i),
  series({ __name__: 'info', site: 'a', owner: 'north', version: '1.2' }, () => 1),
  series({ __name__: 'info', site: 'b', owner: 'south', version: '1.3' }, (_i, m) => (m < 50 ? 1 : undefined)),
  series({ __name__: 'info', site: 'b', owner: 'south', version: '1.4' }, (_i, m) => (m < 60 ? undefined : 1)),
  series({ __name__: 'strange', kind: 'infinite' }, (i) => (i % 10 === 3 ? Infinity : i % 15 === 4 ? -Infinity : i)),
  series({ __name__: 'strange', kind: 'nan' }, (i) => (i % 4 === 1 ? NaN : -i)),
  series({ __name__: 'strange', kind: 'huge' }, (i) => 1e300 * (i % 5)),
  series({ __name__: 'strange', kind: 'tiny' }, (i) => 1e-300 * i),
  series({ __name__: 'strange', kind: 'zero' }, () => 0),
  series({ __name__: 'strange', kind: 'rare' }, (i) => (i % 30 === 0 ? i : undefined)),
  series({ __name__: 'clock' }, (_i, m) => START / 1000 + m * 86_400 * 11),
  series({ __name__: 'text', path: '/api/v1/*', host: 'web-01.example.com:9100' }, (i) => i % 3),
  series({ __name__: 'text', path: 'a"b\\c\n', host: 'ü-水' }, (i) => i % 2),
  series({ __name__: 'single' }, (i) => (i === 60 ? 42 : undefined)),
];

/** The same in the text format that promtool stores. */
export function openMetrics(): string {
  const names = [...new Set(ALL_SAMPLES.map(({ labels }) => labels.get('__name__')!))];
  const lines = names.flatMap((name) => [
    `# TYPE ${name.replace(/_total$/, '')} ${name.endsWith('_total') ? 'counter' : 'unknown'}`,
    ...ALL_SAMPLES.filter(({ labels }) => labels.get('__name__') === name).flatMap((one) => linesOf(one)),
  ]);
  return `${lines.join('\n')}\n# EOF\n`;
}

function linesOf({ labels, ts, values }: Samples): string[] {
  const pairs = [...labels]
    .filter(([name]) => name !== '__name__')
    .map(([name, value]) => `${name}="${escape(value)}"`);
  return Array.from(
    ts,
    (time, i) => `${labels.get('__name__')}{${pairs.join(',')}} ${text(values[i]!)} ${time / 1000}`,
  );
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function text(value: number): string {
  return String(value).replace('Infinity', 'Inf');
}
