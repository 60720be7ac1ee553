import type { Anomaly, Forecast, Point } from './api.js';

/** Columns of a chart as uPlot takes them: x in seconds since the epoch, ascending; null is a gap, undefined is nothing. */
export type Columns = [xs: number[], ...ys: (number | null | undefined)[][]];

/** The lines of a chart of a series, in the order of its columns after the first. */
export const LINES = [
  'earlierLow',
  'earlierHigh',
  'earlier',
  'low95',
  'high95',
  'low80',
  'high80',
  'median',
  'actual',
  'anomaly',
] as const;
export type Line = (typeof LINES)[number];

/** What is drawn: points oldest first, and forecasts with the quantiles 0.025, 0.1, 0.5, 0.9 and 0.975. */
export interface ChartInput {
  readonly points: readonly Point[];
  /** Usual distance of two points in milliseconds; further apart by three of them is a gap. */
  readonly stepMs: number | undefined;
  readonly forecast?: Forecast | undefined;
  /** One that was made before the last points came. */
  readonly earlier?: Forecast | undefined;
  readonly anomalies?: readonly Anomaly[] | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

type Row = Partial<Record<Line, number | null>>;

const STEPS_OF_A_GAP = 3;

/** Puts everything on one axis of time. */
export function chartColumns({ points, stepMs, forecast, earlier, anomalies, from, to }: ChartInput): Columns {
  const rows = new Map<number, Row>();
  const put = (ms: number, row: Row) => {
    if (ms < (from ?? -Infinity) || ms > (to ?? Infinity)) return;
    rows.set(ms, { ...rows.get(ms), ...row });
  };
  let before: number | undefined;
  for (const { ts, value } of points) {
    const ms = Date.parse(ts);
    if (before !== undefined && stepMs !== undefined && ms - before > STEPS_OF_A_GAP * stepMs) {
      put(before + stepMs, { actual: null });
    }
    put(ms, { actual: value });
    before = ms;
  }
  if (earlier) putForecast(earlier, put, { low: 'earlierLow', high: 'earlierHigh', median: 'earlier' });
  if (forecast) {
    // The fan opens at the last point that it was made from.
    const last = points.findLast(({ ts }) => Date.parse(ts) === Date.parse(forecast.cutoff));
    if (last) put(Date.parse(last.ts), fanOf(last.value));
    putForecast(forecast, put, { low: 'low80', high: 'high80', median: 'median', low95: 'low95', high95: 'high95' });
  }
  for (const { ts, value } of anomalies ?? []) if (value !== null) put(Date.parse(ts), { anomaly: value });
  const times = [...rows.keys()].toSorted((a, b) => a - b);
  return [times.map((ms) => ms / 1_000), ...LINES.map((line) => times.map((ms) => rows.get(ms)![line]))];
}

type Names = { low: Line; high: Line; median: Line; low95?: Line; high95?: Line };

function putForecast(forecast: Forecast, put: (ms: number, row: Row) => void, names: Names): void {
  const { quantiles, ts } = forecast;
  for (const [i, time] of ts.entries()) {
    put(Date.parse(time), {
      [names.low]: quantiles['0.1']?.[i] ?? null,
      [names.high]: quantiles['0.9']?.[i] ?? null,
      [names.median]: quantiles['0.5']?.[i] ?? null,
      ...(names.low95 && { [names.low95]: quantiles['0.025']?.[i] ?? null }),
      ...(names.high95 && { [names.high95]: quantiles['0.975']?.[i] ?? null }),
    });
  }
}

function fanOf(value: number): Row {
  return { median: value, low80: value, high80: value, low95: value, high95: value };
}
