import type { ObservationRows, ReplacedRows } from '@app/persistence';
import { ObservationFlag } from '@app/series';

import type { SeriesRef } from './series-registry.js';

/** Points in the order of the log, in columns; `record` is the ordinal of the record that a point came in. */
export interface LoggedPoints {
  readonly refs: readonly SeriesRef[];
  readonly ts: readonly number[];
  readonly values: readonly number[];
  readonly record: readonly number[];
}

/** What becomes of a series when the points are committed. */
export interface SeriesProgress {
  readonly ref: SeriesRef;
  points: number;
  newest: number;
}

/** Points ready to write: each (series, ts) once, ascending. */
export interface SortedPoints {
  readonly rows: ObservationRows;
  /** Values that a later point of the same chunk replaced. */
  readonly replaced: ReplacedRows;
  readonly progress: readonly SeriesProgress[];
}

/**
 * Puts points in the order of the key, each (series, ts) once: the last one wins, and an earlier one that differs is
 * kept as replaced. All series must be known.
 *
 * A point is late when, at its place in the log, an earlier record had brought a newer point of the series. That
 * depends on the log alone, not on how it was cut into batches. Points of one record come at one moment.
 */
export function sortPoints(points: LoggedPoints): SortedPoints {
  const { slots, late, fresh, progress } = walk(points);
  const order = orderByKey(points, slots, progress);
  return { ...merge(points, order, late, fresh), progress };
}

// A number a call: series of this call are told by it, without a map that every point would have to ask.
let lastWalk = 0;

/** Walks along the log: gives every series a slot, and marks what is late. */
function walk({ refs, ts, record }: LoggedPoints) {
  const id = ++lastWalk;
  const slots = new Int32Array(refs.length);
  const late = new Uint8Array(refs.length);
  const progress: SeriesProgress[] = [];
  const lastRecord: number[] = [];
  /** Newest point before the record at hand, by slot. */
  const before: number[] = [];
  let fresh = true;
  for (let i = 0; i < refs.length; i++) {
    const ref = refs[i]!;
    if (ref.walk !== id) {
      ref.walk = id;
      ref.slot = progress.length;
      progress.push({ ref, points: 0, newest: ref.newest });
      lastRecord.push(-1);
      before.push(ref.newest);
    }
    const slot = (slots[i] = ref.slot);
    const series = progress[slot]!;
    if (lastRecord[slot] !== record[i]) {
      lastRecord[slot] = record[i]!;
      before[slot] = series.newest;
    }
    const at = ts[i]!;
    series.points++;
    if (at < before[slot]!) late[i] = 1;
    if (at > series.newest) series.newest = at;
    if (at <= ref.newest) fresh = false;
  }
  return { slots, late, fresh, progress };
}

/** Places of the points by (series, ts), and by the log where these are equal: a counting sort, as most series are in order. */
function orderByKey({ ts }: LoggedPoints, slots: Int32Array, progress: readonly SeriesProgress[]): Uint32Array {
  const bySeries = progress
    .map((_, slot) => slot)
    .sort((a, b) => progress[a]!.ref.seriesId - progress[b]!.ref.seriesId);
  const ends = new Uint32Array(progress.length);
  let start = 0;
  for (const slot of bySeries) {
    ends[slot] = start;
    start += progress[slot]!.points;
  }
  const order = new Uint32Array(slots.length);
  const ordered = new Uint8Array(progress.length).fill(1);
  const highest = new Float64Array(progress.length).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    const place = ends[slot]!++;
    order[place] = i;
    if (ts[i]! < highest[slot]!) ordered[slot] = 0;
    highest[slot] = ts[i]!;
  }
  for (const slot of bySeries) {
    if (ordered[slot] === 1) continue;
    const end = ends[slot]!;
    order.subarray(end - progress[slot]!.points, end).sort((a, b) => ts[a]! - ts[b]! || a - b);
  }
  return order;
}

/** Columns in that order, with what was replaced among the points themselves. */
function merge({ refs, ts, values }: LoggedPoints, order: Uint32Array, late: Uint8Array, fresh: boolean) {
  const seriesIds = new Int32Array(order.length);
  const times = new Float64Array(order.length);
  const kept = new Float64Array(order.length);
  const flags = new Int16Array(order.length);
  const replaced = { seriesIds: [] as number[], ts: [] as number[], values: [] as number[] };
  let flagged = false;
  let last = -1;
  for (let place = 0; place < order.length; place++) {
    const i = order[place]!;
    const [seriesId, at, value] = [refs[i]!.seriesId, ts[i]!, values[i]!];
    let flag = late[i] === 1 ? ObservationFlag.late : 0;
    if (last >= 0 && seriesIds[last] === seriesId && times[last] === at) {
      flag |= flags[last]!;
      if (kept[last] !== value) {
        flag |= ObservationFlag.revised;
        replaced.seriesIds.push(seriesId);
        replaced.ts.push(at);
        replaced.values.push(kept[last]!);
      }
    } else last++;
    seriesIds[last] = seriesId;
    times[last] = at;
    kept[last] = value;
    flags[last] = flag;
    if (flag !== 0) flagged = true;
  }
  const count = last + 1;
  const rows: ObservationRows = {
    seriesIds: seriesIds.subarray(0, count),
    ts: times.subarray(0, count),
    values: kept.subarray(0, count),
    flags: flagged ? flags.subarray(0, count) : undefined,
    fresh,
  };
  return { rows, replaced };
}
