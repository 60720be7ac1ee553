import type { StateReader, StateWriter, Stateful } from './state.js';

/** Of the layout of a snapshot. */
const VERSION = 1;

/** Neighbouring anomalous points as one event. */
export interface AnomalyEvent {
  readonly from: number;
  /** Time of the last anomalous point. */
  readonly to: number;
  readonly peakTs: number;
  readonly peakScore: number;
  readonly points: number;
}

/** Merges anomalous points that are at most `gapMs` apart; it keeps the event that is open. */
export class EventMerger implements Stateful {
  private open: AnomalyEvent | undefined;

  constructor(private readonly gapMs: number) {}

  /** The event that is open. */
  get current(): AnomalyEvent | undefined {
    return this.open;
  }

  /** Takes in a point, in order of time; returns the event that it closes. */
  observe(ts: number, anomalous: boolean, score: number): AnomalyEvent | undefined {
    const closed = this.open && ts - this.open.to > this.gapMs ? this.open : undefined;
    if (closed) this.open = undefined;
    if (!anomalous) return closed;

    const event = this.open ?? { from: ts, to: ts, peakTs: ts, peakScore: score, points: 0 };
    const higher = score > event.peakScore;
    this.open = {
      from: event.from,
      to: ts,
      peakTs: higher ? ts : event.peakTs,
      peakScore: higher ? score : event.peakScore,
      points: event.points + 1,
    };
    return closed;
  }

  save(to: StateWriter): void {
    to.number(VERSION);
    const { from, to: until, peakTs, peakScore, points } = this.open ?? NOTHING;
    for (const number of [from, until, peakTs, peakScore, points]) to.number(number);
  }

  load(from: StateReader): void {
    from.version('an event merger', VERSION);
    const number = () => from.number();
    // In the order in which they were saved.
    const event = { from: number(), to: number(), peakTs: number(), peakScore: number(), points: number() };
    this.open = event.points > 0 ? event : undefined;
  }
}

const NOTHING: AnomalyEvent = { from: 0, to: 0, peakTs: 0, peakScore: 0, points: 0 };
