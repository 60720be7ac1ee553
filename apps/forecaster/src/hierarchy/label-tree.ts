import { PlatformError } from '@app/observability';
import type { Hierarchy } from '@app/uncertainty';

/** A series at the bottom. */
export interface Leaf {
  readonly itemId: string;
  readonly channel: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A place in the tree: the series that share the first so many labels, or one series. */
export interface TreeNode {
  /** Values of the labels from the first on; empty for the total. */
  readonly path: Readonly<Record<string, string>>;
  /** Of a leaf; null for a sum. */
  readonly itemId: string | null;
  /** Number of leaves below it, itself included. */
  readonly leaves: number;
  /** Its place among the nodes of the hierarchy. Sums of the same leaves share one. */
  readonly index: number;
}

/** A tree of labels, and the sums that it consists of. */
export interface LabelTree {
  readonly hierarchy: Hierarchy;
  /** Sums from the total downwards in the order of their paths, then the leaves in theirs. */
  readonly nodes: readonly TreeNode[];
}

/**
 * The tree that labels span: the total, for each label the groups of series that share its value and those of the labels
 * before it, and the series. Sums of one series are that series, so nothing is forecast twice.
 *
 * @param by labels from the top down.
 * @throws PlatformError HIERARCHY_INVALID naming a series that lacks a label.
 */
export function labelTree(leaves: readonly Leaf[], by: readonly string[]): LabelTree {
  for (const { itemId, channel, labels } of leaves) {
    const missing = by.find((label) => labels[label] === undefined);
    if (missing === undefined) continue;
    const remedy = `give it one with PATCH /api/v1/series/{item_id}/{channel}, or narrow hierarchy.labels`;
    const message = `series ${itemId}/${channel} has no label "${missing}", so it has no place in the hierarchy; ${remedy}`;
    throw new PlatformError('HIERARCHY_INVALID', message, { itemId, channel, label: missing });
  }
  const groups = new Map<string, number[]>();
  for (let depth = 0; depth <= by.length; depth++) {
    leaves.forEach(({ labels }, leaf) => {
      const key = JSON.stringify(by.slice(0, depth).map((label) => labels[label]));
      groups.set(key, [...(groups.get(key) ?? []), leaf]);
    });
  }
  const sums = new Map<string, readonly number[]>();
  for (const members of groups.values()) if (members.length > 1) sums.set(members.join(), members);

  const indexOf = (members: readonly number[]) =>
    members.length === 1 ? sums.size + members[0]! : [...sums.keys()].indexOf(members.join());
  const groupNodes = [...groups].map(([key, members]) => ({
    path: pathOf(by, JSON.parse(key) as string[]),
    itemId: null,
    leaves: members.length,
    index: indexOf(members),
  }));
  const leafNodes = leaves.map(({ itemId, labels }, leaf) => ({
    path: pathOf(
      by,
      by.map((label) => labels[label]!),
    ),
    itemId,
    leaves: 1,
    index: indexOf([leaf]),
  }));
  return { hierarchy: { leaves: leaves.length, aggregates: [...sums.values()] }, nodes: [...groupNodes, ...leafNodes] };
}

function pathOf(by: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(values.map((value, i) => [by[i]!, value]));
}
