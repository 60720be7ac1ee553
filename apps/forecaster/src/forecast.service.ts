import { ENV, type Env } from '@app/config';
import type { Forecaster, Together } from '@app/forecasters';
import { PlatformError, metrics, parseTraceparent } from '@app/observability';
import { ForecastRepository, SeriesRepository, type NewForecast } from '@app/persistence';
import type { ContextWindow, QuantileForecast } from '@app/series';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

import { checkCommand, checkSeriesCount } from './check-command.js';
import { ContextLoader } from './context-loader.js';
import type { ForecastCommand, ForecastFailure, ForecastOutcome, StoredSeries } from './forecast-client.js';
import { forecastEach } from './forecast-each.js';
import { inlineContext } from './inline-context.js';
import { parseInstant } from './instant.js';
import { toIssued, toRow, type Answer } from './issue.js';
import { companions, furtherChannels } from './joint-channels.js';
import { ServingService } from './roles/serving.service.js';
import { failureOf, isContext, isFailure, type Prepared } from './series-context.js';

/** Forecasts for one task of a scheduled run. */
export interface RunTask {
  readonly runId: string;
  readonly seriesIds: readonly number[];
  readonly horizon: number;
  readonly model: string;
}

/** Forecasts that are made and not stored. */
export interface ForecastDraft {
  /** Of stored series, in the order of the outcome; inline ones have none. */
  readonly rows: readonly NewForecast[];
  readonly outcome: ForecastOutcome;
}

/** Windows → model → store: the pipeline behind every forecast. */
@Injectable()
export class ForecastService {
  constructor(
    private readonly series: SeriesRepository,
    private readonly contexts: ContextLoader,
    private readonly forecasts: ForecastRepository,
    private readonly serving: ServingService,
    @Inject(ENV) private readonly env: Pick<Env, 'MAX_HORIZON' | 'MAX_SERIES_PER_CALL'>,
  ) {}

  /** Answers a command; see `ForecastClient.forecast`. */
  async forecast(command: ForecastCommand, issuedAt: Date): Promise<ForecastOutcome> {
    const { rows, outcome } = await this.draft(command, issuedAt);
    await this.forecasts.insert(rows);
    throwTheOnlyFailure(outcome);
    return outcome;
  }

  /** Answers a command, and leaves storing to the caller; every failure is in the outcome. */
  async draft(command: ForecastCommand, issuedAt: Date): Promise<ForecastDraft> {
    checkCommand(command, this.env, issuedAt);
    const asOf = command.asOf === undefined ? undefined : new Date(parseInstant(command.asOf)!);
    const prepared = await this.prepare(command, asOf);
    const answers = await this.answer(prepared, command, asOf);

    const traceparent = parseTraceparent(command.traceparent);
    const stored = command.store ? answers.filter(isAnswer).filter(({ context }) => context.seriesId !== null) : [];
    const rows = stored.map((answer) => toRow(answer, { issuedAt, traceparent }));

    const ids = new Map(stored.map((answer, i) => [answer, rows[i]!.forecastId]));
    const outcome = {
      forecasts: answers.filter(isAnswer).map((answer) => toIssued(answer, issuedAt, ids.get(answer) ?? null)),
      failures: answers.filter(isFailure),
    };
    return { rows, outcome };
  }

  /** Forecasts stored series, and leaves storing to the caller. Those that don't exist any more are passed over. */
  async draftStored(
    seriesIds: readonly number[],
    wanted: Pick<ForecastCommand, 'model' | 'horizon'>,
    issuedAt: Date,
  ): Promise<ForecastDraft> {
    const prepared = await this.contexts.load(await this.series.findByIds(seriesIds));
    const answers = await this.answer(prepared, wanted);
    const made = answers.filter(isAnswer);
    const rows = made.map((answer) => toRow(answer, { issuedAt }));
    return {
      rows,
      outcome: {
        forecasts: made.map((answer, i) => toIssued(answer, issuedAt, rows[i]!.forecastId)),
        failures: answers.filter(isFailure),
      },
    };
  }

  /** Forecasts the series of a task and stores what succeeded, all within the transaction of `manager`. */
  async forecastTask(task: RunTask, issuedAt: Date, manager: EntityManager): Promise<ForecastFailure[]> {
    const series = await this.series.findByIds(task.seriesIds, manager);
    const prepared = await this.contexts.load(series, undefined, manager);
    const answers = await this.answer(prepared, task, undefined, manager);
    const rows = answers.filter(isAnswer).map((answer) => toRow(answer, { issuedAt, runId: task.runId }));
    await this.forecasts.insert(rows, manager);
    return answers.filter(isFailure);
  }

  /** The context of every series of a command, in its order. */
  private async prepare({ series, horizon }: ForecastCommand, asOf?: Date): Promise<Prepared[]> {
    const wanted = series.filter((one): one is StoredSeries => !('target' in one));
    const found = await this.series.findEach(wanted);
    const rows = found.flat();
    checkSeriesCount(rows.length + series.length - wanted.length, horizon, this.env);

    const contexts = await this.contexts.load(rows, asOf);
    const [nextFound, nextContext] = [found.values(), contexts.values()];
    return series.flatMap((one) => {
      if ('target' in one) return [inlineContext(one)];
      const channels = nextFound.next().value!;
      return channels.length > 0 ? channels.map(() => nextContext.next().value!) : [failureOf(one, notFound(one))];
    });
  }

  /** Puts the forecast, or the failure, in the place of each context. */
  private async answer(
    prepared: readonly Prepared[],
    { model, horizon }: Pick<ForecastCommand, 'model' | 'horizon'>,
    asOf?: Date,
    manager?: EntityManager,
  ): Promise<(Answer | ForecastFailure)[]> {
    const contexts = prepared.filter(isContext);
    const { forecaster, togetherOf } = await this.serving.on(contexts, model, asOf, manager);
    const windows = contexts.map(({ window }) => window);
    const beside = await this.beside(forecaster, prepared, asOf, manager);
    const nextResult = (await forecastEach(forecaster, windows, horizon, beside)).values();
    const seenWith = companionsOf([...windows, ...beside], togetherOf);

    const answers = prepared.map((one) => {
      if (isFailure(one)) return one;
      const result = nextResult.next().value!;
      if (result instanceof PlatformError) return failureOf(one.window, result);
      return { context: one, forecast: result, asked: model, beside: seenWith(result, one.window) };
    });
    count(answers);
    return answers;
  }

  /** For a model that forecasts the channels of an item together: the windows of those that were not asked for. */
  private async beside(
    { together }: Forecaster,
    prepared: readonly Prepared[],
    asOf?: Date,
    manager?: EntityManager,
  ): Promise<ContextWindow[]> {
    const stored = prepared.filter(isContext).filter(({ seriesId }) => seriesId !== null);
    if (!together || stored.length === 0) return [];
    const asked = stored.map(({ window }) => window);
    const items = [...new Set(asked.map(({ itemId }) => itemId))];
    const all = await this.series.findEach(
      items.map((itemId) => ({ itemId })),
      manager,
    );
    const further = await this.contexts.load(furtherChannels(asked, all.flat(), together), asOf, manager);
    // One that can't be read was not asked for either.
    return further.filter(isContext).map(({ window }) => window);
  }
}

/** Of all windows of a call, those that the model behind a forecast saw beside its own. */
function companionsOf(
  windows: readonly ContextWindow[],
  togetherOf: (forecast: QuantileForecast) => Together | undefined,
) {
  const known = new Map<Together | undefined, (window: ContextWindow) => ContextWindow[]>();
  return (forecast: QuantileForecast, window: ContextWindow): ContextWindow[] => {
    const together = togetherOf(forecast);
    const seenWith = known.get(together) ?? companions(windows, together);
    known.set(together, seenWith);
    return seenWith(window);
  };
}

function isAnswer(candidate: Answer | ForecastFailure): candidate is Answer {
  return !isFailure(candidate);
}

function notFound({ itemId, channel }: StoredSeries): PlatformError {
  const name = channel === undefined ? `item "${itemId}"` : `channel "${channel}" of item "${itemId}"`;
  return new PlatformError('NOT_FOUND', `there is no ${name}; GET /api/v1/series lists what there is`);
}

/** Who asked for one series wants its error, not a list with one failure in it. */
function throwTheOnlyFailure({ forecasts, failures }: ForecastOutcome): void {
  const [failure, ...others] = failures;
  if (!failure || others.length > 0 || forecasts.length > 0) return;
  const { itemId, channel, code, message } = failure;
  throw new PlatformError(code, message, { itemId, ...(channel === null ? {} : { channel }) });
}

function count(answers: readonly (Answer | ForecastFailure)[]): void {
  for (const answer of answers) {
    if (isFailure(answer)) metrics.forecasts.inc({ model: 'none', status: answer.code });
    else metrics.forecasts.inc({ model: answer.forecast.model, status: answer.forecast.status });
  }
}
