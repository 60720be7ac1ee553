import { AlertBudget, StateReader, StateWriter } from '@app/detectors';

import type { Budget } from './detection-rules.js';
import { loadBytes, loadSection, loadText, saveSection, saveText } from './watch/state-sections.js';

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
export class AlertLedger {
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

  snapshot(): Uint8Array {
    const to = new StateWriter();
    to.number(this.options.alerts);
    to.number(this.options.periodMs);
    saveSection(to, this.budget);
    to.number(this.told.length);
    for (const event of this.told) saveText(to, event);
    return to.finish();
  }

  /** The ledger of a snapshot; an empty one, or one of another budget, begins anew. */
  static restore(options: Budget, snapshot: Uint8Array): AlertLedger {
    const ledger = new AlertLedger(options);
    if (snapshot.length === 0) return ledger;
    const from = new StateReader(snapshot);
    if (from.number() !== options.alerts || from.number() !== options.periodMs) return ledger;
    ledger.budget = loadSection(loadBytes(from), () => new AlertBudget(options)) ?? ledger.budget;
    for (let left = from.number(); left > 0; left--) ledger.told.push(loadText(from));
    return ledger;
  }
}
