import { PlatformError } from '@app/observability';
import type { ContextWindow } from '@app/series';
import { groupBy } from './group-by.js';
import type { Together } from './network.js';
import { observedPoints } from './observed-points.js';

/** Channels that are forecast together, at one cutoff. */
export interface RowSet {
  /** One a channel, aligned: all end at the cutoff; NaN where missing. Empty where nothing is known of it. */
  readonly targets: readonly Float64Array[];
  /** Of each target its window, whose season counts; undefined where there is none. */
  readonly windows: readonly (ContextWindow | undefined)[];
  /** Which windows are answered from it, by their index in the call, and where among the targets each stands. */
  readonly answers: readonly { readonly index: number; readonly position: number }[];
  /** For the parts of each forecast. */
  readonly parts: Readonly<Record<string, unknown>>;
}

/** Channels that `parts` names as left out; more are counted. */
const MOST_NAMED = 8;

/** Each window on its own. */
export function singleRows(windows: readonly ContextWindow[]): RowSet[] {
  return windows.map((window, index) => ({
    targets: [window.target],
    windows: [window],
    answers: [{ index, position: 0 }],
    parts: {},
  }));
}

/**
 * Puts the channels of each item side by side, one row for every cutoff at which an answer is wanted.
 *
 * Channels stand in the order of the network, or else of their names; more than it takes are dealt into rows of the most
 * that it takes, in that order. A channel that ends later is cut at the cutoff, as the forecast is made with what was
 * known there; one that ends earlier has a gap up to it. Left out, and named in the parts, are channels of another
 * spacing, those without an observed point in the context, and those for which the network was not made.
 *
 * @param windows to be answered.
 * @param beside windows of further channels of the same items, which only help.
 * @throws PlatformError CHANNEL_NOT_IN_MODEL for a channel that the network was not made for.
 */
export function jointRows(
  windows: readonly ContextWindow[],
  beside: readonly ContextWindow[],
  together: Together,
  contextLength: number,
): RowSet[] {
  windows.forEach((window) => requireKnown(window, together));
  const wanted = new Set(windows);
  const items = groupBy([...windows, ...beside], ({ itemId }) => itemId);
  const indexOf = new Map(windows.map((window, index) => [window, index]));
  return [...items.values()].flatMap((own) =>
    groupsOf(own, together).flatMap((group) => {
      const asked = group.filter((window) => wanted.has(window));
      const rows = groupBy(asked, ({ freq, cutoff }) => `${freq.toString()} ${cutoff}`);
      return [...rows.values()].flatMap((row) => rowsAt(row, group, together, contextLength, indexOf));
    }),
  );
}

/** Windows of one item by the channels that may share a row. */
function groupsOf(windows: readonly ContextWindow[], { most, names }: Together): ContextWindow[][] {
  if (names) return [windows.filter(({ channel }) => names.includes(channel))];
  const channels = [...new Set(windows.map(({ channel }) => channel))].sort();
  const places = new Map(channels.map((channel, i) => [channel, Math.floor(i / most)]));
  return [...groupBy(windows, ({ channel }) => places.get(channel)!).values()];
}

function requireKnown({ itemId, channel }: ContextWindow, { names }: Together): void {
  if (!names || names.includes(channel)) return;
  const message = `the model was made for the channels ${names.join(', ')}; ${itemId}/${channel} is none of them, use another model`;
  throw new PlatformError('CHANNEL_NOT_IN_MODEL', message, { itemId, channel });
}

/** The row of one cutoff and spacing; several where one channel is asked for more than once. */
function rowsAt(
  asked: readonly ContextWindow[],
  group: readonly ContextWindow[],
  { names }: Together,
  contextLength: number,
  indexOf: ReadonlyMap<ContextWindow, number>,
): RowSet[] {
  const [first] = asked as [ContextWindow];
  const byChannel = groupBy(group, ({ channel }) => channel);
  const channels = names ?? [...byChannel.keys()].sort();
  const leftOut: Record<string, string> = {};
  const members = channels.map((channel) => {
    const answered = asked.find((window) => window.channel === channel);
    const member = answered
      ? { window: answered, target: answered.target }
      : alignedTo(first, byChannel.get(channel) ?? [], contextLength);
    if (typeof member !== 'string') return { channel, ...member };
    leftOut[channel] = member;
    return { channel, window: undefined, target: new Float64Array() };
  });
  const kept = names ? members : members.filter(({ window }) => window);
  const answered = new Set(kept.map(({ window }) => window));
  const again = asked.filter((window) => !answered.has(window));
  const set: RowSet = {
    targets: kept.map(({ target }) => target),
    windows: kept.map(({ window }) => window),
    answers: kept.flatMap(({ window }, position) =>
      window && indexOf.has(window) && asked.includes(window) ? [{ index: indexOf.get(window)!, position }] : [],
    ),
    parts: { jointChannels: { together: kept.filter(({ window }) => window).length, ...named(leftOut) } },
  };
  return again.length === 0 ? [set] : [set, ...rowsAt(again, group, { most: 0, names }, contextLength, indexOf)];
}

/** What is known of a channel at the cutoff of another window; or why it is of no use there. */
function alignedTo(
  { freq, cutoff, timeZone }: ContextWindow,
  candidates: readonly ContextWindow[],
  contextLength: number,
): { window: ContextWindow; target: Float64Array } | string {
  if (candidates.length === 0) return 'there is none';
  const alike = candidates.filter((window) => window.freq.toString() === freq.toString());
  if (alike.length === 0) return `its points are ${candidates[0]!.freq.toString()} apart`;

  const lags = alike.map((window) => ({ window, lag: freq.stepsBetween(window.cutoff, cutoff, timeZone) }));
  // The newest that ends by then, else the first that ends later.
  const { window, lag } = lags.reduce((best, one) => (rank(one.lag) < rank(best.lag) ? one : best));
  if (lag >= contextLength) return `it ends ${lag} points earlier`;
  const target =
    lag <= 0 ? window.target.subarray(0, Math.max(0, window.target.length + lag)) : withGap(window.target, lag);
  const seen = { target: target.subarray(Math.max(0, target.length - contextLength)) };
  return observedPoints(seen) > 0 ? { window, target } : 'it has no observed point there';
}

function rank(lag: number): number {
  return lag >= 0 ? lag : 1e9 - lag;
}

function withGap(target: Float64Array, points: number): Float64Array {
  const padded = new Float64Array(target.length + points).fill(Number.NaN);
  padded.set(target);
  return padded;
}

function named(leftOut: Readonly<Record<string, string>>): Record<string, unknown> {
  const entries = Object.entries(leftOut);
  if (entries.length === 0) return {};
  const more = entries.length - MOST_NAMED;
  return { leftOut: Object.fromEntries(entries.slice(0, MOST_NAMED)), ...(more > 0 ? { moreLeftOut: more } : {}) };
}
