import { setImmediate } from 'node:timers/promises';
import { ENV, type Env } from '@app/config';
import { PlatformError } from '@app/observability';
import { CANONICAL_LEVELS, type ContextWindow, type QuantileForecast } from '@app/series';
import { bottomUp, copulaRanks, minTrace, nodeCount, reconcileStep, shrunkCovariance } from '@app/uncertainty';
import { Inject, Injectable } from '@nestjs/common';

import { checkAsOf, checkHorizon, checkSeriesCount } from '../check-command.js';
import { ContextLoader } from '../context-loader.js';
import type { HierarchyCommand, HierarchyOutcome, NodeForecast } from '../forecast-client.js';
import { forecastEach } from '../forecast-each.js';
import { parseInstant } from '../instant.js';
import { MODEL_CATALOGUE, type ModelCatalogue } from '../model-catalogue.js';
import { ServingService } from '../roles/serving.service.js';
import { isFailure, type SeriesContext } from '../series-context.js';
import { labelTree, type LabelTree } from './label-tree.js';
import { LeafRepository, type LeafRow } from './leaf.repository.js';
import { nodeWindows } from './node-windows.js';
import { pastErrors } from './past-errors.js';

/** Sums and series of one call: each step of the answer costs their square. */
const MOST_NODES = 200;
/** Drawn for each step; odd, so that one of them is the median. */
const SAMPLES = 999;
/** The same question has the same answer. */
const SEED = 20_190_401;

const WIDTH = CANONICAL_LEVELS.length;

/** Forecasts of series that add up, made to add up too. Nothing is stored. */
@Injectable()
export class HierarchyService {
  constructor(
    private readonly leaves: LeafRepository,
    private readonly contexts: ContextLoader,
    private readonly serving: ServingService,
    @Inject(MODEL_CATALOGUE) private readonly models: ModelCatalogue,
    @Inject(ENV) private readonly env: Pick<Env, 'MAX_HORIZON' | 'MAX_SERIES_PER_CALL'>,
  ) {}

  /** Answers a command; see `ForecastClient.reconcile`. */
  async reconcile(command: HierarchyCommand, now: Date): Promise<HierarchyOutcome> {
    checkHorizon(command.horizon, this.env.MAX_HORIZON);
    checkAsOf(command.asOf, now);
    const forecaster = this.models.resolve(command.model);
    const rows = await this.#leaves(command);
    const tree = labelTree(rows, command.by);
    this.#checkSize(tree, command.horizon);

    const contexts = await this.#contexts(rows, command.asOf);
    const leaves = contexts.map(({ window }) => window);
    const windows = nodeWindows(leaves, tree.hierarchy, command.horizon);
    const asOf = command.asOf === undefined ? undefined : new Date(parseInstant(command.asOf)!);
    // Leaves are series: what the scorecard has taught about them holds here too. Of sums nobody has kept a score.
    const { forecaster: informed } = await this.serving.on(contexts, command.model, asOf);
    const base = await forecastEach(informed, windows, command.horizon);
    const failed = base.find((one) => one instanceof PlatformError);
    if (failed) throw failed;
    const { source, errors } = await pastErrors(forecaster, windows, command.horizon);

    const { covariance, shrinkage } = shrunkCovariance(errors);
    const { hierarchy } = tree;
    const projection = command.method === 'bottom_up' ? bottomUp(hierarchy) : minTrace(hierarchy, covariance);
    const nonNegative = leaves.every(({ target }) => !target.some((value) => value < 0));
    const options = { hierarchy, projection, ranks: copulaRanks(errors, SAMPLES, SEED), nonNegative };
    const numbers = await reconcileAll(base as QuantileForecast[], options);
    return {
      ...gridOf(windows[0]!),
      method: command.method,
      errors: { source, count: errors[0]!.length, shrinkage },
      nonNegative,
      nodes: tree.nodes.map(({ index, ...node }): NodeForecast => ({
        ...node,
        model: (base[index] as QuantileForecast).model,
        ...numbers[index]!,
      })),
    };
  }

  async #leaves({ channel, labels, by }: HierarchyCommand): Promise<LeafRow[]> {
    const rows = await this.leaves.find({ channel, labels, by }, MOST_NODES + 1);
    if (rows.length > 0) return rows;
    const message = `there is no series of the channel "${channel}" with ${JSON.stringify(labels)} and a label ${by.join(' or ')}`;
    throw new PlatformError('NOT_FOUND', `${message}; PATCH /api/v1/series/{item_id}/{channel} declares labels`);
  }

  #checkSize({ hierarchy }: LabelTree, horizon: number): void {
    const count = nodeCount(hierarchy);
    checkSeriesCount(count, horizon, this.env);
    if (count <= MOST_NODES) return;
    const message = `the hierarchy has more than ${MOST_NODES} series and sums; narrow hierarchy.labels`;
    throw new PlatformError('TOO_MANY_SERIES', message, { maxSeries: MOST_NODES });
  }

  /** All of them, or the reason why one has none: a sum with a part missing is no sum. */
  async #contexts(rows: readonly LeafRow[], asOf: string | undefined): Promise<SeriesContext[]> {
    const contexts = await this.contexts.load(rows, asOf === undefined ? undefined : new Date(parseInstant(asOf)!));
    return contexts.map((context) => {
      if (!isFailure(context)) return context;
      const { itemId, channel, code, message } = context;
      throw new PlatformError(code, `${message}, or narrow hierarchy.labels to leave it out`, { itemId, channel });
    });
  }
}

/** Mean and quantiles of each node, step by step; others get their turn in between. */
async function reconcileAll(
  base: readonly QuantileForecast[],
  options: Parameters<typeof reconcileStep>[1],
): Promise<Pick<NodeForecast, 'mean' | 'quantiles'>[]> {
  const steps = base[0]!.mean.length;
  const nodes = base.map(() => ({ mean: [] as number[], quantiles: [] as number[] }));
  for (let step = 0; step < steps; step++) {
    const means = Float64Array.from(base, ({ mean }) => mean[step]!);
    const quantiles = new Float64Array(base.length * WIDTH);
    base.forEach((one, node) => quantiles.set(one.quantiles.subarray(step * WIDTH, (step + 1) * WIDTH), node * WIDTH));
    const reconciled = reconcileStep({ means, quantiles }, options);
    nodes.forEach((node, i) => {
      node.mean.push(reconciled.means[i]!);
      node.quantiles.push(...reconciled.quantiles.subarray(i * WIDTH, (i + 1) * WIDTH));
    });
    await setImmediate();
  }
  return nodes;
}

function gridOf({ freq, timeZone, cutoff }: ContextWindow): Pick<HierarchyOutcome, 'cutoff' | 'freq' | 'timeZone'> {
  return { cutoff: new Date(cutoff).toISOString(), freq: freq.toString(), timeZone };
}
