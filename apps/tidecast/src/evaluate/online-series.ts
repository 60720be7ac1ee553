import { AGGREGATE, type LearntWeights, type SeriesKnowledge } from '@app/forecasters';
import type { ChangedPoint, DayLoss, ForecastStep } from '@app/persistence';
import { CANONICAL_LEVELS, type QuantileForecast } from '@app/series';
import { chooseChampion, GUARD_DEFAULTS, scorePoint } from '@app/uncertainty';

import {
  blocksOf,
  calibrationsOf,
  DAYS_BACK,
  onePerBucket,
  POINTS_A_FIT,
  POINTS_A_REVIEW,
  POINTS_BACK,
  samplesOf,
  weightsOf,
  type History,
  type WeightSamples,
} from '../../../forecaster/src/calibration/learn.js';
import type { ScoredPair } from '../../../forecaster/src/scorecard/score-points.js';

const WIDTH = CANONICAL_LEVELS.length;
const DAY_MS = 86_400_000;

/** A forecast that still waits for actuals, or may be learnt from. */
interface Issued {
  readonly id: string;
  readonly cutoff: number;
  readonly naiveError: number;
  /** What was served, and each shadow: steps × 13. */
  readonly said: ReadonlyMap<string, Float64Array>;
}

/** One series as the scorecard sees it: its forecasts, the points that arrived, and what has been learnt of them. */
export class OnlineSeries {
  readonly #points: ChangedPoint[] = [];
  readonly #losses = new Map<string, { day: string; model: string; points: number; loss: number }>();
  #issued: Issued[] = [];
  #unreviewed = 0;
  #unfitted = 0;
  #version = 0;
  #knowledge: SeriesKnowledge = {};
  #scored = 0;

  /** @param stepMs between two points. */
  constructor(
    private readonly stepMs: number,
    private readonly horizon: number,
  ) {}

  /** What the next forecast may know. */
  get knowledge(): SeriesKnowledge {
    return this.#knowledge;
  }

  /** Points that have been scored so far. */
  get scored(): number {
    return this.#scored;
  }

  /** Remembers a forecast, and what its models said. */
  issue(forecast: QuantileForecast, naiveError: number): void {
    const said = new Map([[forecast.model, forecast.quantiles]]);
    for (const { model, quantiles } of forecast.shadows ?? []) said.set(model, quantiles);
    const { cutoff } = forecast;
    this.#issued.push({ id: String(cutoff), cutoff, naiveError, said });
  }

  /** Scores a point with every forecast that foretold it. */
  arrive(ts: number, value: number): void {
    const day = new Date(ts).toISOString().slice(0, 10);
    let foretold = false;
    for (const { said, step } of this.#covering(ts)) {
      foretold = true;
      for (const [model, quantiles] of said) {
        const key = `${day} ${model}`;
        const row = this.#losses.get(key) ?? { day, model, points: 0, loss: 0 };
        row.points++;
        row.loss += scorePoint(value, quantiles.subarray((step - 1) * WIDTH, step * WIDTH), Number.NaN).loss;
        this.#losses.set(key, row);
      }
    }
    if (!foretold) return;
    this.#points.push({ seriesId: 0, ts, value, scoredValue: value, knownAt: new Date(ts) });
    if (this.#points.length > POINTS_BACK) this.#points.shift();
    this.#scored++;
    this.#unreviewed++;
    this.#unfitted++;
  }

  /** Learns as a review does, where enough has arrived since the last one. */
  review(group: LearntWeights | undefined): void {
    if (group) this.#knowledge = { ...this.#knowledge, group };
    if (this.#unreviewed < POINTS_A_REVIEW) return;
    this.#unreviewed = 0;
    const version = ++this.#version;
    this.#forget();
    const history = this.#history();
    const buckets = calibrationsOf(history);
    const fitted = this.#unfitted < POINTS_A_FIT ? undefined : weightsOf(samplesOf(history), group?.weights);
    if (fitted) this.#unfitted = 0;
    const champion = this.#guard();
    this.#knowledge = {
      ...this.#knowledge,
      ...(buckets && { calibration: { version, buckets } }),
      ...(fitted && { weights: { version, weights: fitted.weights } }),
      champion: champion === AGGREGATE ? undefined : { version, model: champion, reason: '' },
    };
  }

  /** What this series has to say about the weights of its group. */
  samples(): WeightSamples {
    return samplesOf(this.#history());
  }

  #guard(): string {
    const days = [...new Set([...this.#losses.values()].map(({ day }) => day))].sort().slice(-DAYS_BACK);
    const losses: DayLoss[] = [...this.#losses.values()].filter(({ day }) => days.includes(day));
    const blocks = blocksOf(losses.sort((a, b) => (a.day < b.day ? -1 : 1)));
    const candidates = [...new Set(blocks.flatMap((block) => Object.keys(block.losses)))];
    return chooseChampion(this.#knowledge.champion?.model ?? AGGREGATE, candidates, blocks, GUARD_DEFAULTS).champion;
  }

  #history(): History {
    const all = this.#points.flatMap((point) =>
      this.#covering(point.ts).map(({ id, step, naiveError }): ScoredPair => ({
        point,
        forecastId: id,
        step,
        naiveError,
      })),
    );
    const pairs = onePerBucket(all);
    const byId = new Map(this.#issued.map((issued) => [issued.id, issued]));
    const steps = pairs.flatMap(({ forecastId, step }, position): ForecastStep[] =>
      [...byId.get(forecastId)!.said].map(([model, quantiles]) => ({
        position,
        model,
        quantiles: [...quantiles.subarray((step - 1) * WIDTH, step * WIDTH)],
      })),
    );
    return { pairs, steps, outsiders: new Set() };
  }

  #covering(ts: number): (Issued & { readonly step: number })[] {
    return this.#issued.flatMap((issued) => {
      const step = Math.round((ts - issued.cutoff) / this.stepMs);
      return step >= 1 && step <= this.horizon ? [{ ...issued, step }] : [];
    });
  }

  /** Forecasts that reach over none of the points that are looked back over, and days that the guard does not look at. */
  #forget(): void {
    const oldest = (this.#points[0]?.ts ?? 0) - this.horizon * this.stepMs;
    this.#issued = this.#issued.filter(({ cutoff }) => cutoff >= oldest);
    const now = this.#points.at(-1)?.ts ?? 0;
    for (const [key, { day }] of this.#losses)
      if (Date.parse(day) < now - 2 * DAYS_BACK * DAY_MS) this.#losses.delete(key);
  }
}
