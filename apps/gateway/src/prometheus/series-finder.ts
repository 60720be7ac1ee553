import { METRIC_NAME, PromqlError, type Matcher } from '@app/promql';
import { Frequency } from '@app/series';
import { ReadDatabase } from '@app/persistence';
import { Injectable } from '@nestjs/common';
import { isStoredLabel, type NamedSeries } from './series-labels.js';
import type { Scope } from './metric-family.js';

/** A stored series. */
export interface StoredSeries extends NamedSeries {
  readonly series_id: number;
  readonly channel: string;
  readonly freq: string | null;
}

/** A selector that takes in more than these is refused. */
const MOST_SERIES = 100_000;
/** How long a sample counts at least: what Prometheus has for all series. */
const LOOKBACK_MS = 300_000;

/** Narrows by what the matchers say of items, channels and labels; the matchers themselves decide afterwards. */
const NARROW = `
  SELECT s.series_id, s.item_id, s.channel, s.labels, s.freq
  FROM series s
  WHERE ($1::text[] IS NULL OR s.item_id = ANY ($1)) AND ($2::text[] IS NULL OR s.channel = ANY ($2))
    AND ($3::text[] IS NULL OR s.item_id ^@ ANY ($3))
    AND ($4::text[] IS NULL OR s.item_id ^@ ANY ($4))
    AND NOT EXISTS (
      SELECT FROM jsonb_to_recordset($5::jsonb) AS wanted (name text, "values" jsonb)
      WHERE NOT EXISTS (
        SELECT FROM jsonb_each_text(s.labels) AS l
        WHERE regexp_replace(l.key, '[^A-Za-z0-9_]', '_', 'g') = wanted.name AND wanted."values" ? l.value
      )
    )
  ORDER BY s.item_id COLLATE "C", s.channel COLLATE "C"
  LIMIT $6`;

/** Finds stored series by what a selector says of them. */
@Injectable()
export class SeriesFinder {
  constructor(private readonly database: ReadDatabase) {}

  /**
   * Series that may match: all that do, and perhaps others.
   *
   * @param metric what the matchers on the name leave: the metrics of Tidecast, or names that came from Prometheus.
   * @throws PromqlError `execution` where they are too many.
   */
  async find(
    matchers: readonly Matcher[],
    { itemPrefixes }: Scope,
    metric: 'any' | 'named' = 'any',
  ): Promise<StoredSeries[]> {
    const names = metric === 'named' ? candidatesFor(METRIC_NAME, matchers)?.map((name) => `${name}{`) : undefined;
    const [items, channels] =
      metric === 'named' ? [] : [candidatesFor('item_id', matchers), candidatesFor('channel', matchers)];
    const rows = await this.database.query<StoredSeries[]>(NARROW, [
      items ?? null,
      channels ?? null,
      names ?? null,
      itemPrefixes,
      JSON.stringify(wantedLabels(matchers)),
      MOST_SERIES + 1,
    ]);
    if (rows.length <= MOST_SERIES) return rows;
    throw new PromqlError('execution', `more than ${MOST_SERIES} series may match; name an item, a channel or labels`);
  }
}

/** The only values that a label can have for all matchers to match; undefined where they leave that open. */
export function candidatesFor(label: string, matchers: readonly Matcher[]): readonly string[] | undefined {
  const lists = matchers.filter((matcher) => matcher.label === label).map(({ candidates }) => candidates);
  const first = lists.find((list) => list !== undefined && !list.includes(''));
  // No stored text has a NUL character, and PostgreSQL takes none.
  return first?.filter((text) => !text.includes('\u0000'));
}

function wantedLabels(matchers: readonly Matcher[]) {
  const names = new Set(matchers.map(({ label }) => label).filter(isStoredLabel));
  return [...names].flatMap((name) => {
    const values = candidatesFor(name, matchers);
    return values ? [{ name, values }] : [];
  });
}

/** How long an observation counts where none follows it: two steps, as one missed is no end, and five minutes at least. */
export function observationLookback(freq: string | null, { lookbackMs }: Scope): number {
  return lookbackMs ?? Math.max(LOOKBACK_MS, 2 * (stepMs(freq) ?? 0));
}

/** How long what is said of one step counts: until just before the next. */
export function stepLookback(freq: string | null, { lookbackMs }: Scope): number {
  const step = stepMs(freq);
  if (lookbackMs !== undefined || step === undefined) return lookbackMs ?? LOOKBACK_MS;
  // Months are not all as long as the mean one.
  return step > SHORTEST_MONTH_MS ? step * LONGEST_MONTH : step - 1;
}

const SHORTEST_MONTH_MS = 28 * 86_400_000;
const LONGEST_MONTH = 31 / 30.4;

function stepMs(freq: string | null): number | undefined {
  return Frequency.parse(freq ?? '')?.approxMs;
}
