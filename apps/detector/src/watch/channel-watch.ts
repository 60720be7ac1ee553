import {
  Clock,
  ForecastResidual,
  createDetector,
  type Detection,
  type Detector,
  type ResidualVerdict,
  type StateReader,
  type StateWriter,
  type Stateful,
} from '@app/detectors';

import { History } from './history.js';
import type { LeadForecast } from './moment.js';

/** What a stored forecast said of a value. */
export interface LeadVerdict extends ResidualVerdict {
  readonly forecast: LeadForecast;
}

/** What the detectors of one channel think of one value. */
export interface ChannelVerdict {
  /** False for a value that is late or repeated: nothing was learnt from it. */
  readonly inOrder: boolean;
  /** The clock was set back: what comes is judged by a time that has been before. */
  readonly clockReset: boolean;
  readonly detection: Detection | undefined;
  /** By lead, the shortest first. */
  readonly residuals: readonly LeadVerdict[];
}

const NOTHING: ChannelVerdict = { inOrder: false, clockReset: false, detection: undefined, residuals: [] };

/** The detectors of one channel: the ensemble, and the residuals of stored forecasts. */
export class ChannelWatch implements Stateful {
  history = new History();
  /** Values learnt from. */
  seen = 0;
  private clock = new Clock();
  private newest = Number.NEGATIVE_INFINITY;
  private detector: Detector | undefined;
  private residual: ForecastResidual | undefined;
  private readonly row = new Float64Array(1);

  constructor(
    readonly name: string,
    ensemble: boolean,
  ) {
    this.detector = ensemble ? createDetector('default', 1) : undefined;
  }

  observe(ts: number, value: number, forecasts: readonly LeadForecast[] = []): ChannelVerdict {
    this.row[0] = value;
    // The detector has a clock of its own: both must see all times to agree.
    const detection = this.detector?.observe(ts, this.row);
    if (!this.clock.accepts(ts)) return NOTHING;

    const clockReset = ts < this.newest;
    this.newest = ts;
    this.seen++;
    this.history.push(ts, value);
    return { inOrder: true, clockReset, detection, residuals: this.judge(value, forecasts) };
  }

  private judge(value: number, forecasts: readonly LeadForecast[]): LeadVerdict[] {
    const verdicts: LeadVerdict[] = [];
    for (const forecast of forecasts) {
      this.residual ??= new ForecastResidual();
      const verdict = this.residual.observe(value, forecast.lead, forecast.levels, forecast.quantiles);
      if (verdict) verdicts.push({ ...verdict, forecast });
    }
    return verdicts;
  }

  save(to: StateWriter): void {
    to.number(this.seen);
    to.number(this.newest);
    for (const part of [this.clock, this.history, this.residual, this.detector]) to.part(part);
  }

  /** Reads what `save` wrote, whatever detectors this watch has. */
  load(from: StateReader): void {
    this.seen = from.number();
    this.newest = from.number();
    this.clock = from.part(() => new Clock()) ?? this.clock;
    this.history = from.part(() => new History()) ?? this.history;
    this.residual = from.part(() => new ForecastResidual());
    this.detector = from.part(() => this.detector && createDetector('default', 1)) ?? this.detector;
  }
}
