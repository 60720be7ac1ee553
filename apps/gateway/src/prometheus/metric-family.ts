import type { Labels, Matcher, Samples } from '@app/promql';

/** What Prometheus' metadata says of a metric. */
export interface MetricMetadata {
  readonly type: 'gauge' | 'unknown';
  readonly help: string;
  readonly unit: string;
}

/** A stretch of time, both ends included, in epoch milliseconds. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Who asks, and what the answer may hold. */
export interface Scope {
  /** Begins of the items that the caller may see; null for all. */
  readonly itemPrefixes: readonly string[] | null;
  /** Forecasts that were issued later count as not there. */
  readonly asOf: Date | undefined;
  /** How long a sample counts, where the caller says so; otherwise by the spacing of its series. */
  readonly lookbackMs: number | undefined;
  /** Most samples that a selection may give. */
  readonly maxSamples: number;
}

/** What a selector asks of storage. */
export interface SeriesRequest extends TimeRange {
  readonly matchers: readonly Matcher[];
  /** The newest sample within the look-back before `fromMs` is wanted, too. */
  readonly looksBack: boolean;
}

/** Metrics that are made of one kind of stored rows. */
export interface MetricFamily {
  /** Metadata of the metrics of the family, by name. */
  readonly metadata: Readonly<Record<string, MetricMetadata>>;
  /**
   * All series that match, with their samples.
   *
   * @throws PromqlError `execution` where there are more samples than the scope allows.
   */
  samples(request: SeriesRequest, scope: Scope): Promise<Samples[]>;
  /** Labels of all series that match; with a range of those that have samples there. */
  labels(matchers: readonly Matcher[], range: TimeRange | undefined, scope: Scope): Promise<Labels[]>;
}

/** Whether labels match all conditions. */
export function matchesAll(labels: Labels, matchers: readonly Matcher[]): boolean {
  return matchers.every((matcher) => matcher.matches(labels.get(matcher.label) ?? ''));
}
