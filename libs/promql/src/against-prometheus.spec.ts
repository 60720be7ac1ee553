import { describeWithPrometheus, PrometheusProcess } from '../../../test/support/prometheus.js';
import { ALL_SAMPLES, END, openMetrics, START } from './battery/samples.js';
import { EXPRESSIONS, FAILING, REFUSED } from './battery/expressions.js';
import {
  evaluate,
  formatValue,
  gridOf,
  instantGrid,
  METRIC_NAME,
  parse,
  PromqlError,
  selectionsOf,
  type Grid,
  type Samples,
} from './index.js';

/** Numbers are the same to the last bits; libm and Go round a few functions differently there. */
const TOLERANCE = 1e-12;
const STEP = 37_000;
/** Where samples begin, in a gap, at a counter's reset, at the end, and after the look-back. */
const INSTANTS = [START, START + 1_234_000, START + 3_600_000, END - 30_000, END, END + 290_000, END + 900_000];

interface Series {
  readonly metric: Record<string, string>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}
interface Answer {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: { readonly resultType: string; readonly result: unknown };
}

let prometheus: PrometheusProcess;

async function theirs(path: string, params: Record<string, string>): Promise<Answer> {
  const response = await fetch(`${prometheus.url}/api/v1/${path}`, {
    method: 'POST',
    body: new URLSearchParams(params),
  });
  return (await response.json()) as Answer;
}

/** The samples of a selector, as storage would give them. */
function stored(fromMs: number, toMs: number, matches: (sample: Samples) => boolean): Samples[] {
  return ALL_SAMPLES.filter(matches).map((sample) => {
    const places = Array.from(sample.ts.keys()).filter((i) => sample.ts[i]! >= fromMs && sample.ts[i]! <= toMs);
    const pick = (from: Float64Array) => Float64Array.from(places, (i) => from[i]!);
    return { ...sample, ts: pick(sample.ts), values: pick(sample.values) };
  });
}

async function ours(query: string, grid: Grid) {
  const expr = parse(query);
  const data = new Map(
    selectionsOf(expr, grid, grid, 60_000).map(({ selector, matchers, fromMs, toMs, looksBack }) => [
      selector,
      stored(looksBack ? fromMs - 300_000 : fromMs, toMs, ({ labels }) =>
        matchers.every((matcher) => matcher.matches(labels.get(matcher.label) ?? '')),
      ),
    ]),
  );
  const limits = { maxSamples: 1e7, deadlineMs: Infinity, now: Date.now };
  return evaluate(expr, { grid, data, defaultStepMs: 60_000, limits });
}

/** Every value by series and time, whatever shape it came in; in order where order counts. */
type Points = Map<string, number>;

function pointsOfTheirs({ data }: Answer): Points {
  const points: Points = new Map();
  if (data!.resultType === 'scalar') {
    const [time, value] = data!.result as [number, string];
    return new Map([[`{} ${time}`, number(value)]]);
  }
  for (const { metric, value, values } of data!.result as Series[]) {
    for (const [time, text] of values ?? [value!]) points.set(`${key(Object.entries(metric))} ${time}`, number(text));
  }
  return points;
}

async function pointsOfOurs(query: string, grid: Grid): Promise<Points> {
  const value = await ours(query, grid);
  const time = (i: number) => (grid.startMs + i * grid.stepMs) / 1000;
  const points: Points = new Map();
  if (value.kind === 'scalar') value.values.forEach((one, i) => points.set(`{} ${time(i)}`, one));
  if (value.kind === 'vector') {
    for (const { labels, values, present } of value.series) {
      values.forEach((one, i) => present[i] === 1 && points.set(`${key(labels)} ${time(i)}`, one));
    }
  }
  return points;
}

function key(labels: Iterable<readonly [string, string]>): string {
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted)).replaceAll(METRIC_NAME, 'name');
}

function number(text: string): number {
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}

function differences(mine: Points, their: Points): string[] {
  const keys = [...new Set([...mine.keys(), ...their.keys()])];
  return keys
    .filter((name) => !same(mine.get(name), their.get(name)))
    .map((name) => `${name}: ${mine.get(name)} is not ${their.get(name)}`)
    .slice(0, 5);
}

function same(a: number | undefined, b: number | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return Object.is(a, b) || a === b || Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}

describeWithPrometheus('the evaluator, beside the real Prometheus', () => {
  beforeAll(async () => {
    prometheus = await PrometheusProcess.start({ openMetrics: openMetrics() });
  }, 60_000);
  afterAll(() => prometheus.stop());

  it.each(EXPRESSIONS)('%s', async (query) => {
    for (const instant of INSTANTS) {
      const answer = await theirs('query', { query, time: String(instant / 1000) });
      if (answer.status !== 'success') throw new Error(`Prometheus refuses it: ${answer.error}`);
      const mine = await pointsOfOurs(query, instantGrid(instant));
      expect({ instant, differences: differences(mine, pointsOfTheirs(answer)) }).toEqual({ instant, differences: [] });
    }
    const grid = gridOf(START - 300_000, END + 600_000, STEP);
    const answer = await theirs('query_range', {
      query,
      start: String(grid.startMs / 1000),
      end: String(grid.endMs / 1000),
      step: String(STEP / 1000),
    });
    const mine = await pointsOfOurs(query, grid);
    expect(differences(mine, pointsOfTheirs(answer))).toEqual([]);
  });

  it.each(['sort(flow)', 'sort_desc(flow)', 'topk(3, flow)', 'bottomk(2, flow)'])(
    '%s: in the same order',
    async (query) => {
      const answer = await theirs('query', { query, time: String(END / 1000) });
      const mine = await pointsOfOurs(query, instantGrid(END));

      expect([...mine.keys()]).toEqual([...pointsOfTheirs(answer).keys()]);
    },
  );

  it.each(FAILING)('fails with the same words: %s', async (query) => {
    const answer = await theirs('query', { query, time: String(END / 1000) });
    const failure: unknown = await ours(query, instantGrid(END)).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(PromqlError);
    const { kind, message } = failure as PromqlError;
    expect({ errorType: kind, error: message }).toMatchObject({
      errorType: answer.errorType,
      error: answer.error?.replace(/^invalid parameter "query": /, ''),
    });
  });

  it.each(REFUSED)('refuses as Prometheus does: %s', async (query) => {
    const answer = await theirs('query', { query, time: String(END / 1000) });

    expect(answer).toMatchObject({ status: 'error', errorType: 'bad_data' });
    expect(() => parse(query)).toThrow(expect.objectContaining({ kind: 'bad_data' }));
  });

  it.each([0.1, -0, 1e21, 1e-7, 123_456_789.125, 5e-324, NaN, Infinity, -Infinity])(
    'writes %d as it does',
    async (value) => {
      const query = Number.isFinite(value) ? `0 + ${Object.is(value, -0) ? '-0' : value}` : `0 + ${formatValue(value)}`;
      const { data } = await theirs('query', { query, time: '0' });
      const [, text] = data!.result as [number, string];

      expect(Number(text.replace('Inf', 'Infinity'))).toBe(Number(formatValue(value + 0).replace('Inf', 'Infinity')));
    },
  );
});
