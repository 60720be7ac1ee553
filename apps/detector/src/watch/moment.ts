/** A stored forecast of the value at hand, made before it arrived. */
export interface LeadForecast {
  readonly forecastId: string;
  readonly model: string;
  readonly cutoff: number;
  /** Steps after the cutoff. */
  readonly lead: number;
  /** Ascending. */
  readonly levels: readonly number[];
  /** One value a level, ascending. */
  readonly quantiles: ArrayLike<number>;
}

/** What one record says of an item at one time. */
export interface Moment {
  readonly ts: number;
  readonly channels: readonly string[];
  /** One finite value a channel. */
  readonly values: readonly number[];
  /** A list a channel, the shortest lead first; absent where no channel has any. */
  readonly forecasts?: readonly (readonly LeadForecast[])[];
}

/** What changes a state, and nothing else: time, channels, values, and of each forecast its lead and outermost quantiles. */
type Entry = [
  ts: number,
  channels: readonly string[],
  values: readonly number[],
  forecasts?: [lead: number, lower: number, upper: number][][],
];

/** Moments as text: enough of them to bring a state to where they brought it, bit for bit. */
export function encodeMoments(moments: readonly Moment[]): string {
  return JSON.stringify(moments.map(toEntry));
}

/** The moments of a text of `encodeMoments`. */
export function decodeMoments(text: string): Moment[] {
  return (JSON.parse(text) as Entry[]).map(fromEntry);
}

function toEntry({ ts, channels, values, forecasts }: Moment): Entry {
  if (!forecasts) return [ts, channels, values];
  const outermost = forecasts.map((leads) =>
    leads.map(({ lead, levels, quantiles }): [number, number, number] => [
      lead,
      quantiles[0]!,
      quantiles[levels.length - 1]!,
    ]),
  );
  return [ts, channels, values, outermost];
}

const OUTERMOST = [0.025, 0.975];

function fromEntry([ts, channels, values, forecasts]: Entry): Moment {
  if (!forecasts) return { ts, channels, values };
  const leads = forecasts.map((entries) =>
    entries.map(([lead, lower, upper]) => ({
      forecastId: '',
      model: '',
      cutoff: 0,
      lead,
      levels: OUTERMOST,
      quantiles: [lower, upper],
    })),
  );
  return { ts, channels, values, forecasts: leads };
}
