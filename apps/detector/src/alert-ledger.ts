import { AlertBudget, StateWriter, restored, type StateReader, type Stateful } from '@app/detectors';

import type { Budget } from './detection-rules.js';

/** Of the layout of a snapshot. */
const VERSION = 1;

/** An anomaly that somebody may be told of. */
export interface AlertCandidate {
  readonly itemId: string;
  readonly ts: number;
  readonly score: number;
  readonly eventFrom: number;
}

/** `told`: now; `known`: its event was told before; `budget`: there are enough alerts already. */
export type AlertDecision = 'told' | 'known' | 'budget';

/**
 * Who is told of what: an event once, and no more events than the budget allows. It remembers as many events as the
 * budget has alerts; when one more is told, the oldest is forgotten.
 */
export class AlertLedger implements Stateful {
  private budget: AlertBudget;
  private told: string[] = [];

  constructor(private readonly options: Budget) {
    this.budget = new AlertBudget(options);
  }

  decide({ itemId, ts, score, eventFrom }: AlertCandidate): AlertDecision {
    const event = `${eventFrom}/${itemId}`;
    if (this.told.includes(event)) return 'known';
    if (!this.budget.admit(ts, score)) return 'budget';
    this.told.push(event);
    if (this.told.length > this.options.alerts) this.told.shift();
    return 'told';
  }

  /** What a person said of an alert, heard at this time of the stream: earlier labels wear off up to then. */
  label(wasAnomaly: boolean, ts: number): void {
    this.budget.admit(ts, 0);
    this.budget.label(wasAnomaly);
  }

  save(to: StateWriter): void {
    for (const number of [VERSION, this.options.alerts, this.options.periodMs]) to.number(number);
    to.part(this.budget);
    to.number(this.told.length);
    for (const event of this.told) to.text(event);
  }

  load(from: StateReader): void {
    from.version('an alert ledger', VERSION);
    const [alerts, periodMs] = [from.number(), from.number()];
    if (alerts !== this.options.alerts || periodMs !== this.options.periodMs) {
      throw new RangeError(`the snapshot is of a budget of ${alerts} alerts in ${periodMs} ms`);
    }
    this.budget = from.part(() => new AlertBudget(this.options)) ?? this.budget;
    for (let left = from.number(); left > 0; left--) this.told.push(from.text());
  }

  snapshot(): Uint8Array {
    const to = new StateWriter();
    this.save(to);
    return to.finish();
  }

  /** The ledger of a snapshot; an empty one, one of another version or of another budget, begins anew. */
  static restore(options: Budget, snapshot: Uint8Array): AlertLedger {
    return restored(() => new AlertLedger(options), snapshot) ?? new AlertLedger(options);
  }
}
