import { RecentRows } from './correlation.js';
import type { PointStatus } from './detector.js';
import { CORRELATED, majorityVote, type ChannelVote, type IsolatedPolicy } from './majority-vote.js';
import { REPAD2_DEFAULTS, RePad2, type LadVerdict, type RePad2Options } from './repad2.js';
import type { StateReader, StateWriter, Stateful } from './state.js';
import { notShown, StreamingDetector, type Finding } from './streaming-detector.js';

/** A detector of one channel whose verdicts RoLA puts to the vote. */
export interface Lad extends Stateful {
  observe(value: number): LadVerdict;
}

export interface RolaOptions {
  readonly channels: number;
  /** Rows that correlations are over (p of the paper): two days of minutes. */
  readonly lookBack: number;
  /** |E| above which two channels vote on each other. */
  readonly correlated: number;
  readonly isolated: IsolatedPolicy;
  /** Whether the row that is judged is one of those that correlations are over, as it is by default. */
  readonly correlateCurrent?: boolean;
  /** Without the vote, whatever fires is reported: the union of the single detectors. */
  readonly vote: boolean;
  readonly repad2: RePad2Options;
}

/** What the detector `rola` runs with, over so many channels. */
export function rolaDefaults(channels: number): RolaOptions {
  // A single channel has nobody to confirm it: then the detector is RePAD2.
  const isolated = channels === 1 ? 'report-unconfirmed' : 'suppress';
  return { channels, lookBack: 2880, correlated: CORRELATED, isolated, vote: true, repad2: REPAD2_DEFAULTS };
}

/** What RoLA says of a row, with its reasons. */
export interface RolaFinding extends Finding {
  /** The votes on the channels that fired; one report a row, however many they are. */
  readonly fired: readonly ChannelVote[];
  /** By channel: the value, its prediction, AARE and threshold; undefined where the channel had no value. */
  readonly channels: readonly ((LadVerdict & { readonly value: number }) | undefined)[];
}

/**
 * RoLA (Chang, Lee & Lin 2023, arXiv 2305.16509): one light detector a channel, and a vote among the channels that are
 * strongly correlated at that time. A channel that fires alone among its partners is outvoted.
 */
export class Rola extends StreamingDetector<RolaFinding> {
  private readonly lads: readonly Lad[];
  private readonly rows: RecentRows;
  private readonly fired: Uint8Array;

  /** @param lad makes the detector of a channel; RePAD2 by default, as in the paper. */
  constructor(
    private readonly options: RolaOptions,
    lad = (channel: number): Lad => new RePad2({ ...options.repad2, seed: options.repad2.seed + channel }),
  ) {
    const { channels, lookBack, repad2 } = options;
    // The paper reports each point: no cool-down, and the threshold is the vote.
    super(`rola/1/${lookBack}/${repad2.window}/${repad2.hidden}/${repad2.inputs ?? 'values'}`, channels, {
      threshold: 1,
      coolDown: 0,
      smoothing: 1,
    });
    this.lads = Array.from({ length: channels }, (_, channel) => lad(channel));
    this.rows = new RecentRows(channels, lookBack);
    this.fired = new Uint8Array(channels);
  }

  protected find(_ts: number, values: Float64Array): RolaFinding {
    const { correlateCurrent = true } = this.options;
    if (correlateCurrent) this.rows.push(values);
    const channels = this.lads.map((lad, i) => {
      const value = values[i]!;
      return Number.isNaN(value) ? undefined : { ...lad.observe(value), value };
    });
    channels.forEach((verdict, i) => (this.fired[i] = verdict?.anomalous ? 1 : 0));
    const fired = this.fired.includes(1)
      ? majorityVote(this.fired, (a, b) => this.rows.correlation(a, b), this.options.correlated)
      : [];
    if (!correlateCurrent) this.rows.push(values);
    const status = channels.some((verdict) => verdict?.ready) ? 'scored' : 'warming-up';
    const votes = { fired: fired.length, confirmed: fired.filter((vote) => this.reported(vote)).length };
    return { status, strangeness: this.strangeness(channels, fired), votes, fired, channels };
  }

  /** AARE by its threshold, the largest over the channels; without a confirmed vote it stays at 1 or below. */
  private strangeness(channels: RolaFinding['channels'], fired: readonly ChannelVote[]): number {
    const ratio = (channel: number) => {
      const verdict = channels[channel];
      return verdict?.ready ? verdict.aare / verdict.threshold : 0;
    };
    const reported = fired.filter((vote) => this.reported(vote)).map((vote) => ratio(vote.channel));
    if (reported.length > 0) return Math.max(...reported);
    return channels.reduce((most, _, channel) => Math.min(Math.max(most, ratio(channel)), 1), 0);
  }

  private reported(vote: ChannelVote): boolean {
    if (vote.confirmed || !this.options.vote) return true;
    return this.options.isolated === 'report-unconfirmed' && vote.partners.length === 0;
  }

  protected nothing(status: PointStatus): RolaFinding {
    return { ...notShown(status), fired: [], channels: this.lads.map(() => undefined) };
  }

  protected saveParts(to: StateWriter): void {
    this.rows.save(to);
    for (const lad of this.lads) lad.save(to);
  }

  protected loadParts(from: StateReader): void {
    this.rows.load(from);
    for (const lad of this.lads) lad.load(from);
  }
}
