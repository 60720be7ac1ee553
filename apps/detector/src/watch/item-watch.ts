import {
  EventMerger,
  StateWriter,
  restored,
  suppressionReason,
  type StateReader,
  type Stateful,
  type SuppressionReason,
} from '@app/detectors';

import type { DetectionRule } from '../detection-rules.js';
import { ChannelWatch } from './channel-watch.js';
import { channelFinding, rowFinding, type Finding } from './explanation.js';
import type { Moment } from './moment.js';
import { RowWatch, type RowVerdict } from './row-watch.js';

/** Of the layout of a snapshot. */
const VERSION = 2;
/** Channels watched of one item; further ones are passed over. */
const MOST_CHANNELS = 64;
/** Anomalous points with at most so many moments between them are one event. */
const EVENT_GAP = 12;

/** An anomalous point with its place in an event. */
export interface Anomaly extends Finding {
  /** First point of the event. */
  readonly eventFrom: number;
  /** The rule that keeps it from being told. */
  readonly suppressedBy: SuppressionReason | undefined;
}

/**
 * Watches one item: takes in what records say of it, in the order of the log, and returns what is anomalous. Its state is
 * a function of what it was shown and nothing else: no clock, no chance. It watches the first 64 channels; others are
 * counted and passed over.
 */
export class ItemWatch implements Stateful {
  /** Values of channels beyond the limit. */
  ignored = 0;
  private readonly channels = new Map<string, ChannelWatch>();
  private order: ChannelWatch[] = [];
  private rows: RowWatch | undefined;
  private merger = new EventMerger(EVENT_GAP);
  private moments = 0;
  private newest = Number.NEGATIVE_INFINITY;
  private eventFrom = 0;
  /** What the last one took: the next one takes as much. */
  private snapshotBytes: number | undefined;

  constructor(private readonly rule: DetectionRule) {}

  /** Channels watched. */
  get width(): number {
    return this.order.length;
  }

  observe(moment: Moment): Anomaly[] {
    const { ts, channels } = moment;
    // All of them before the first value: the detectors over rows are made for a number of channels.
    for (const name of channels) if (!this.channels.has(name)) this.addChannel(name);
    if (ts > this.newest) {
      this.newest = ts;
      this.moments++;
    }
    const findings: Finding[] = [];
    const verdicts: RowVerdict[] = [];
    channels.forEach((name, i) => {
      const channel = this.channels.get(name);
      if (!channel) return;
      const value = moment.values[i]!;
      const forecasts = this.rule.detectors.has('forecast') ? moment.forecasts?.[i] : undefined;
      const verdict = channel.observe(ts, value, forecasts);
      const finding = channelFinding(ts, value, channel, verdict);
      if (finding) findings.push(finding);
      if (!this.rows) return;
      if (verdict.clockReset) verdicts.push(...this.rows.restartClock());
      if (verdict.inOrder) verdicts.push(...this.rows.observe(ts, this.order.indexOf(channel), value));
    });
    for (const verdict of verdicts) {
      const finding = rowFinding(verdict, this.order);
      if (finding) findings.push(finding);
    }
    return findings.map((finding) => this.place(finding));
  }

  private addChannel(name: string): void {
    if (this.order.length === MOST_CHANNELS) {
      this.ignored++;
      return;
    }
    const { detectors, alignment } = this.rule;
    const channel = new ChannelWatch(name, detectors.has('channel'));
    this.channels.set(name, channel);
    this.order.push(channel);
    const together = { ensemble: detectors.has('item'), rola: detectors.has('rola') };
    // Detectors of a row know how many channels there are: with another one they begin anew.
    if (this.order.length > 1 && (together.ensemble || together.rola)) {
      this.rows = new RowWatch(this.order.length, alignment, together);
    }
  }

  /** Puts a finding into the event that is open, or begins one. */
  private place(finding: Finding): Anomaly {
    this.merger.observe(this.moments, true, finding.score);
    if (this.merger.current?.points === 1) this.eventFrom = finding.ts;
    const { ts, subject } = finding;
    const { eventFrom } = this;
    const candidate = {
      ts,
      value: subject.value,
      since: eventFrom,
      ...(subject.expected !== undefined && { expected: subject.expected }),
    };
    return { ...finding, eventFrom, suppressedBy: suppressionReason(candidate, this.rule.suppress) };
  }

  save(to: StateWriter): void {
    for (const number of [VERSION, this.moments, this.newest, this.eventFrom]) to.number(number);
    to.part(this.merger);
    to.number(this.order.length);
    for (const channel of this.order) {
      to.text(channel.name);
      to.part(channel);
    }
    to.part(this.rows);
  }

  load(from: StateReader): void {
    from.version('an item', VERSION);
    this.moments = from.number();
    this.newest = from.number();
    this.eventFrom = from.number();
    this.merger = from.part(() => new EventMerger(EVENT_GAP)) ?? this.merger;
    for (let left = from.number(); left > 0; left--) {
      this.addChannel(from.text());
      from.part(() => this.order.at(-1)!);
    }
    from.part(() => this.rows);
  }

  /** The whole state; `restore` goes on from it bit for bit. */
  snapshot(): Uint8Array {
    const to = new StateWriter(this.snapshotBytes);
    this.save(to);
    const snapshot = to.finish();
    this.snapshotBytes = snapshot.length;
    return snapshot;
  }

  /**
   * The state of a snapshot. Detectors that the rule has no longer are dropped, those that are new to it begin anew, and
   * so does everything where the snapshot has another layout.
   */
  static restore(rule: DetectionRule, snapshot: Uint8Array): ItemWatch {
    return restored(() => new ItemWatch(rule), snapshot) ?? new ItemWatch(rule);
  }
}
