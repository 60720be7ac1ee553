import type { HierarchyCommand, HierarchyOutcome } from '../../../forecaster/src/forecast-client.js';
import { byLevel, checkAnswerSize, timesOf } from './forecast-view.js';
import type { ReconcileAnswer, ReconcileRequest } from './reconcile.schema.js';

/** What the forecaster is told for a request. */
export function toHierarchyCommand({ hierarchy, method, horizon, model, as_of }: ReconcileRequest): HierarchyCommand {
  return { ...hierarchy, method, horizon, model, ...(as_of === undefined ? {} : { asOf: as_of.toISOString() }) };
}

/** Reconciled forecasts as clients see them, at the levels they asked for. */
export function viewHierarchy(outcome: HierarchyOutcome, levels: readonly number[]): ReconcileAnswer {
  const { method, cutoff, freq, timeZone, errors, nonNegative, nodes } = outcome;
  const horizon = nodes[0]!.mean.length;
  checkAnswerSize(nodes.length * horizon, levels);
  const ts = timesOf(outcome, horizon);
  return {
    method,
    cutoff,
    freq,
    time_zone: timeZone,
    start: ts[0]!,
    ts,
    levels: [...levels],
    errors,
    non_negative: nonNegative,
    nodes: nodes.map(({ itemId, mean, quantiles, ...node }) => ({
      ...node,
      path: { ...node.path },
      item_id: itemId,
      mean: [...mean],
      quantiles: byLevel(quantiles, levels),
    })),
  };
}
