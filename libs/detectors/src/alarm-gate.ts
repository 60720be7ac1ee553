import type { StateReader, StateWriter, Stateful } from './state.js';

export interface AlarmGateOptions {
  /** Strangeness at which a point is anomalous, on the detector's own scale. */
  readonly threshold: number;
  /** Points after an alarm in which there is no other one. */
  readonly coolDown: number;
  /** Weight of a new point in the severity; 1 does not smooth. */
  readonly smoothing: number;
}

/**
 * Makes one scale of every detector's: strength 1 at its threshold, a score that a cool-down keeps at 1 or below after
 * an alarm, and a severity that is smoothed. Alarms and severities are apart because the benchmarks pull
 * apart: smoothing finds more of an anomaly's length, and finds its beginning later.
 */
export class AlarmGate implements Stateful {
  private sinceAlarm = Number.POSITIVE_INFINITY;
  private severity = 0;

  constructor(private readonly options: AlarmGateOptions) {}

  /** @param intensity what the severity smooths, 1 where it is anomalous; the strength when not given. */
  pass(strangeness: number, intensity?: number): { score: number; strength: number; severity: number } {
    const { threshold, coolDown, smoothing } = this.options;
    // More than 1e100 thresholds are as many as 1e100: all that follows stays finite.
    const strength = Math.min(strangeness / threshold, 1e100);
    this.severity += smoothing * ((intensity ?? strength) - this.severity);
    this.sinceAlarm++;
    const quiet = this.sinceAlarm < coolDown;
    if (strength > 1 && !quiet) this.sinceAlarm = 0;
    return { score: quiet ? Math.min(strength, 1) : strength, strength, severity: this.severity };
  }

  save(to: StateWriter): void {
    to.number(this.sinceAlarm);
    to.number(this.severity);
  }

  load(from: StateReader): void {
    this.sinceAlarm = from.number();
    this.severity = from.number();
  }
}
