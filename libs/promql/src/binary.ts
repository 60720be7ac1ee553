import { put, type Accumulator } from './accumulator.js';
import { isComparison, isSetOp, type Binary, type BinaryOp, type Matching } from './ast.js';
import type { Budget } from './budget.js';
import { PromqlError } from './errors.js';
import { keep, labelsOf, METRIC_NAME, showLabels, signature, without, type Labels } from './labels.js';
import { power } from './numbers.js';
import type { StepSeries } from './samples.js';

const BY_ALL: Matching = { on: false, labels: [], many: undefined, include: [] };

/** The value of `left op right`; for a comparison 1 or 0. */
export function compute(op: BinaryOp, left: number, right: number): number {
  switch (op) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '%':
      return left % right;
    case '^':
      return power(left, right);
    case 'atan2':
      return Math.atan2(left, right);
    case '==':
      return Number(left === right);
    case '!=':
      return Number(left !== right);
    case '>':
      return Number(left > right);
    case '<':
      return Number(left < right);
    case '>=':
      return Number(left >= right);
    case '<=':
      return Number(left <= right);
    case 'and':
    case 'or':
    case 'unless':
      throw new Error(`${op} does not compute a value`);
  }
}

/** Whether the result keeps the name of the metric. Of `atan2` it is not lost in Prometheus 2.42. */
function keepsName({ op, bool }: Binary): boolean {
  return (isComparison(op) && !bool) || op === 'atan2';
}

/** Each series against a scalar; of a comparison without `bool` the values that it holds for stay. */
export async function withScalar(
  expr: Binary,
  vector: readonly StepSeries[],
  scalar: Float64Array,
  scalarIsLeft: boolean,
  out: Accumulator,
  budget: Budget,
): Promise<void> {
  const { op, bool } = expr;
  const filters = isComparison(op) && !bool;
  for (const { labels, values, present } of vector) {
    const into = out.series(keepsName(expr) ? labels : without(labels, METRIC_NAME));
    for (let i = 0; i < values.length; i++) {
      if (present[i] === 0) continue;
      const [left, right] = scalarIsLeft ? [scalar[i]!, values[i]!] : [values[i]!, scalar[i]!];
      const value = compute(op, left, right);
      if (!filters) put(into, i, value);
      else if (value === 1) put(into, i, values[i]!);
    }
    await budget.spend(values.length);
  }
}

/** Series against series, found by their labels at every step. */
export async function betweenVectors(
  expr: Binary,
  left: readonly StepSeries[],
  right: readonly StepSeries[],
  out: Accumulator,
  budget: Budget,
): Promise<void> {
  const matching = expr.matching ?? BY_ALL;
  const match = matcherOf(matching);
  const groups = groupBySignature(left, right, match);
  if (isSetOp(expr.op)) return setOperation(expr.op, groups, out, budget);
  // As nothing can match then, nothing is ambiguous either.
  if (left.length === 0 || right.length === 0) return;
  for (const group of groups) await matchGroup(expr, matching, match, group, out, budget);
}

interface Group {
  readonly left: readonly StepSeries[];
  readonly right: readonly StepSeries[];
}

/** The labels that two series must share. */
function matcherOf({ on, labels }: Matching): (labels: Labels) => Labels {
  const names = new Set(labels);
  return on ? (all) => keep(all, names) : (all) => without(all, METRIC_NAME, ...labels);
}

function groupBySignature(
  left: readonly StepSeries[],
  right: readonly StepSeries[],
  match: (labels: Labels) => Labels,
): Group[] {
  const groups = new Map<string, { left: StepSeries[]; right: StepSeries[] }>();
  for (const [side, all] of [['left', left] as const, ['right', right] as const]) {
    for (const series of all) {
      const key = signature(match(series.labels));
      let group = groups.get(key);
      if (!group) groups.set(key, (group = { left: [], right: [] }));
      group[side].push(series);
    }
  }
  return [...groups.values()];
}

async function setOperation(
  op: 'and' | 'or' | 'unless',
  groups: readonly Group[],
  out: Accumulator,
  budget: Budget,
): Promise<void> {
  for (const { left, right } of groups) {
    const isThere = anyPresent(op === 'or' ? left : right);
    const copy = async (series: StepSeries, when: number | undefined) => {
      const into = out.series(series.labels);
      for (let i = 0; i < series.values.length; i++) {
        const wanted = when === undefined || (isThere?.[i] ?? 0) === when;
        if (series.present[i] === 1 && wanted) put(into, i, series.values[i]!);
      }
      await budget.spend(series.values.length);
    };
    for (const series of left) await copy(series, op === 'or' ? undefined : op === 'and' ? 1 : 0);
    if (op === 'or') for (const series of right) await copy(series, 0);
  }
}

function anyPresent(series: readonly StepSeries[]): Uint8Array | undefined {
  if (series.length <= 1) return series[0]?.present;
  const any = Uint8Array.from(series[0]!.present);
  for (const { present } of series) for (let i = 0; i < any.length; i++) any[i]! |= present[i]!;
  return any;
}

/** Series of one group: at every step there may be one on the one side, and on the other one or, with group_*, many. */
async function matchGroup(
  expr: Binary,
  matching: Matching,
  match: (labels: Labels) => Labels,
  group: Group,
  out: Accumulator,
  budget: Budget,
): Promise<void> {
  const { op, bool } = expr;
  const swapped = matching.many === 'right';
  const [many, ones] = swapped ? [group.right, group.left] : [group.left, group.right];
  if (ones.length === 0) return;
  const steps = ones[0]!.values.length;
  const onlyOne = theOneAtEachStep(ones, steps, match, swapped);
  if (many.length === 0) return;
  const results = new Map<StepSeries, StepSeries>();
  const filters = isComparison(op) && !bool;
  for (let i = 0; i < steps; i++) {
    const one = ones[onlyOne[i]!];
    let matched = false;
    const seen = matching.many === undefined ? undefined : new Set<StepSeries>();
    for (const series of one ? many : []) {
      if (series.present[i] === 0) continue;
      const [lv, rv] = swapped ? [one!.values[i]!, series.values[i]!] : [series.values[i]!, one!.values[i]!];
      const value = compute(op, lv, rv);
      if (filters && value === 0) continue;
      if (matching.many === undefined && matched)
        throw manyMatches('many-to-one matching must be explicit (group_left/group_right)');
      matched = true;
      // What the many side takes from the one side may change with the one: labels are made anew then.
      const into = ones.length === 1 ? results.get(series) : undefined;
      const target = into ?? out.series(resultLabels(expr, matching, series.labels, one!.labels));
      if (!into) results.set(series, target);
      if (seen?.has(target)) throw manyMatches('grouping labels must ensure unique matches');
      seen?.add(target);
      put(target, i, filters ? lv : value);
    }
  }
  await budget.spend(steps * many.length);
}

/** The place of the series that has a value, by step; their number where none has. */
function theOneAtEachStep(
  ones: readonly StepSeries[],
  steps: number,
  match: (labels: Labels) => Labels,
  swapped: boolean,
): Uint32Array {
  const place = new Uint32Array(steps).fill(ones.length);
  for (const [k, { present, labels }] of ones.entries()) {
    for (let i = 0; i < steps; i++) {
      if (present[i] === 0) continue;
      if (place[i] !== ones.length) throw duplicate(ones[place[i]!]!.labels, labels, match(labels), swapped);
      place[i] = k;
    }
  }
  return place;
}

function resultLabels(expr: Binary, matching: Matching, many: Labels, one: Labels): Labels {
  const { on, labels, include } = matching;
  let result = keepsName(expr) ? many : without(many, METRIC_NAME);
  if (matching.many === undefined) result = on ? keep(result, new Set(labels)) : without(result, ...labels);
  if (include.length === 0) return result;
  return labelsOf([...without(result, ...include), ...include.map((name) => [name, one.get(name) ?? ''] as const)]);
}

function manyMatches(remedy: string): PromqlError {
  return new PromqlError('execution', `multiple matches for labels: ${remedy}`);
}

function duplicate(first: Labels, second: Labels, matched: Labels, swapped: boolean): PromqlError {
  const side = swapped ? 'left' : 'right';
  return new PromqlError(
    'execution',
    `found duplicate series for the match group ${showLabels(matched)} on the ${side} hand-side of the operation: ` +
      `[${showLabels(second)}, ${showLabels(first)}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
}
