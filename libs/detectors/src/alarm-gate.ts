import type { StateReader, StateWriter, Stateful } from './state.js';

/** Each alarm raises the bar for the next ones; it sinks back as points go by. */
export interface Habituation {
  /** What an alarm adds to the bar, which begins at 1. */
  readonly step: number;
  /** Points in which what was added falls to a third (1/e). */
  readonly points: number;
}

export interface AlarmGateOptions {
  /** Strangeness at which a point is anomalous, on the detector's own scale. */
  readonly threshold: number;
  /** Points after an alarm in which there is no other one. */
  readonly coolDown: number;
  /** Weight of a new point in the severity; 1 does not smooth. */
  readonly smoothing: number;
  /** Without it the bar stays where it is. */
  readonly habituation?: Habituation;
}

const NONE: Habituation = { step: 0, points: 1 };

/**
 * Makes one scale of every detector's: strength 1 at its threshold, a score that a cool-down keeps at 1 or below after
 * an alarm, and a severity that is smoothed. Alarms and severities are apart because the benchmarks pull
 * apart: smoothing finds more of an anomaly's length, and finds its beginning later.
 *
 * A series that alarms again and again is noisy rather than ill: with habituation its next alarm has to be stronger.
 */
export class AlarmGate implements Stateful {
  private readonly habituation: Habituation;
  private sinceAlarm = Number.POSITIVE_INFINITY;
  private severity = 0;
  /** What alarms have added to the bar of 1. */
  private raised = 0;

  constructor(private readonly options: AlarmGateOptions) {
    this.habituation = options.habituation ?? NONE;
  }

  /** @param intensity what the severity smooths, 1 where it is anomalous; the strength when not given. */
  pass(strangeness: number, intensity?: number): { score: number; strength: number; severity: number } {
    const { threshold, coolDown, smoothing } = this.options;
    // More than 1e100 thresholds are as many as 1e100: all that follows stays finite.
    const strength = Math.min(strangeness / threshold, 1e100);
    this.severity += smoothing * ((intensity ?? strength) - this.severity);
    this.sinceAlarm++;
    this.raised *= 1 - 1 / this.habituation.points;
    const score = strength / (1 + this.raised);
    const quiet = this.sinceAlarm < coolDown;
    if (score > 1 && !quiet) {
      this.sinceAlarm = 0;
      this.raised += this.habituation.step;
    }
    return { score: quiet ? Math.min(score, 1) : score, strength, severity: this.severity };
  }

  save(to: StateWriter): void {
    for (const number of [this.sinceAlarm, this.severity, this.raised]) to.number(number);
  }

  load(from: StateReader): void {
    this.sinceAlarm = from.number();
    this.severity = from.number();
    this.raised = from.number();
  }
}
