import { PlatformError } from '@app/observability';
import { inferSeason, type ContextWindow } from '@app/series';
import type { Hierarchy } from '@app/uncertainty';

/**
 * The windows of all nodes, sums first: leaves are cut to the newest time that all of them have, and a sum has a value
 * where all of its leaves have one.
 *
 * @param leaves as they were read.
 * @param horizon a leaf that ends so many steps before another is too old.
 * @throws PlatformError HIERARCHY_INVALID where spacing, zone or grid differ, a leaf is too old, or some leaves of a sum
 * never have a value together.
 */
export function nodeWindows(leaves: readonly ContextWindow[], hierarchy: Hierarchy, horizon: number): ContextWindow[] {
  const aligned = align(leaves, horizon);
  const sums = hierarchy.aggregates.map((members, i) =>
    // A name of its own: channels of one item may be forecast together.
    sumOf(
      members.map((leaf) => aligned[leaf]!),
      `sum ${i + 1}, of ${members.length} series`,
    ),
  );
  return [...sums, ...aligned];
}

function align(leaves: readonly ContextWindow[], horizon: number): ContextWindow[] {
  const [first] = leaves;
  for (const leaf of leaves) {
    if (leaf.freq.toString() !== first!.freq.toString()) {
      throw unlike(leaf, first!, 'points every', ({ freq }) => freq.toString(), 'declare one freq for both');
    }
    if (leaf.timeZone !== first!.timeZone) {
      throw unlike(leaf, first!, 'the zone', ({ timeZone }) => timeZone, 'declare one time_zone for both');
    }
  }
  const oldest = leaves.reduce((a, b) => (b.cutoff < a.cutoff ? b : a));
  return leaves.map((leaf) => {
    const { freq, timeZone, cutoff, target } = leaf;
    const ahead = freq.stepsBetween(oldest.cutoff, cutoff, timeZone);
    if (freq.addTo(oldest.cutoff, ahead, timeZone) !== cutoff) {
      throw unlike(leaf, oldest, 'points at', timeOf, 'all must lie on one grid');
    }
    if (ahead >= horizon) {
      const remedy = `a horizon of ${horizon} from there would reach nothing new: send its points, or narrow hierarchy.labels`;
      throw unlike(oldest, leaf, 'no point after', timeOf, remedy);
    }
    if (ahead === 0) return leaf;
    const kept = target.slice(0, Math.max(0, target.length - ahead));
    if (kept.every(Number.isNaN)) {
      throw unlike(leaf, oldest, 'its points about', timeOf, 'they have no time in common');
    }
    return { ...leaf, cutoff: oldest.cutoff, target: kept };
  });
}

function sumOf(members: readonly ContextWindow[], itemId: string): ContextWindow {
  const [one] = members;
  const length = Math.min(...members.map(({ target }) => target.length));
  const total = new Float64Array(length);
  for (const { target } of members) {
    for (let i = 0; i < length; i++) total[i]! += target[target.length - length + i]!;
  }
  const first = total.findIndex((value) => !Number.isNaN(value));
  if (first < 0) {
    const message = `series ${members.map(nameOf).join(', ')} never have a value at the same time, so their sum is not known`;
    throw new PlatformError('HIERARCHY_INVALID', message, { itemId: one!.itemId, channel: one!.channel });
  }
  const target = total.slice(first);
  const season = members.every((member) => member.season === one!.season)
    ? one!.season
    : inferSeason(target, one!.freq.seasonCandidates());
  return { ...one!, itemId, season, target };
}

function unlike(
  one: ContextWindow,
  other: ContextWindow,
  what: string,
  valueOf: (window: ContextWindow) => string,
  remedy: string,
): PlatformError {
  const message = `series ${nameOf(one)} has ${what} ${valueOf(one)}, series ${nameOf(other)} ${valueOf(other)}; ${remedy}`;
  return new PlatformError('HIERARCHY_INVALID', message, { itemId: one.itemId, channel: one.channel });
}

function nameOf({ itemId, channel }: ContextWindow): string {
  return `${itemId}/${channel}`;
}

function timeOf({ cutoff }: ContextWindow): string {
  return new Date(cutoff).toISOString();
}
