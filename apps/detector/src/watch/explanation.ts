import type { Detection, Partner } from '@app/detectors';

import type { ChannelVerdict, ChannelWatch, LeadVerdict } from './channel-watch.js';
import type { LookAlike, Recent } from './history.js';
import type { RowVerdict } from './row-watch.js';

/** Fewer values than this are little to judge by. */
const YOUNG = 256;
/** Channels named in an explanation, the strongest first. */
const MOST_NAMED = 8;

/** One detector's verdict, as people read it. */
export interface DetectorVote {
  readonly name: 'channel' | 'forecast' | 'item' | 'rola';
  readonly score: number;
  readonly strength: number;
  readonly severity: number;
  /** What each of its voters found, on the detector's own scale. */
  readonly votes: Readonly<Record<string, number>>;
}

/** A channel's part in an anomaly. */
export interface ChannelPart {
  readonly channel: string;
  readonly value: number | null;
  readonly expected: number | null;
  readonly interval: { readonly lower: number; readonly upper: number; readonly by: 'forecast' | 'recent' } | null;
  /** From its usual level, in its usual deviations, signed. */
  readonly distance?: number;
  /** RoLA's vote on the channel, where it fired. */
  readonly vote?: {
    readonly agree: number;
    readonly disagree: number;
    readonly confirmed: boolean;
    readonly predicted: number;
    readonly aare: number;
    readonly threshold: number;
    readonly partners: readonly { readonly channel: string; readonly coefficient: number; readonly agrees: boolean }[];
  };
  readonly look_alike: LookAlikeView | null;
}

interface LookAlikeView {
  readonly ts: string;
  readonly rms: number;
}

/** Why a point is anomalous: what is stored, sent and shown as JSON. */
export interface Explanation {
  readonly detectors: readonly DetectorVote[];
  readonly channels: readonly ChannelPart[];
  readonly forecast?: {
    readonly violated_level: number | null;
    readonly p_value: number;
    readonly leads: readonly {
      readonly lead: number;
      readonly p_value: number;
      readonly violated_level: number | null;
      readonly forecast_id: string;
      readonly model: string;
      readonly cutoff: string;
    }[];
  };
  readonly quality: readonly QualityFlag[];
}

/** What may be wrong with the data rather than with the item. */
export type QualityFlag = 'young' | 'after-gap' | 'was-stuck' | 'missing-channels';

/** An anomalous point. */
export interface Finding {
  readonly ts: number;
  /** Undefined where the channels were judged together. */
  readonly channel: string | undefined;
  readonly score: number;
  readonly grade: number;
  readonly severity: number;
  readonly confidence: number;
  /** The value that rules are about: that of the channel, or of the one that is farthest off. */
  readonly subject: { readonly value: number; readonly expected: number | undefined };
  readonly explanation: Explanation;
}

/** What is anomalous about one value of one channel, if anything. */
export function channelFinding(
  ts: number,
  value: number,
  channel: ChannelWatch,
  { detection, residuals }: ChannelVerdict,
): Finding | undefined {
  // The shortest lead knows most; the others are told beside it.
  const [residual] = residuals;
  const score = Math.max(detection?.score ?? 0, residual?.score ?? 0);
  if (!(score > 1)) return undefined;

  const part = channelPart(channel, value, residual);
  const detectors = [
    ...(detection ? [voteOf('channel', detection)] : []),
    ...(residual ? [forecastVote(residual)] : []),
  ];
  return {
    ts,
    channel: channel.name,
    score,
    grade: 1 - 1 / score,
    severity: detection?.severity ?? residual?.score ?? 0,
    confidence: channel.seen / (channel.seen + YOUNG),
    subject: { value, expected: part.expected ?? undefined },
    explanation: {
      detectors,
      channels: [part],
      ...(residual && { forecast: forecastOf(residual, residuals) }),
      quality: qualityOf([channel], false),
    },
  };
}

/** What is anomalous about a row of all channels, if anything. */
export function rowFinding(verdict: RowVerdict, channels: readonly ChannelWatch[]): Finding | undefined {
  const { row, ensemble, rola } = verdict;
  const score = Math.max(ensemble?.detection.score ?? 0, rola?.detection.score ?? 0);
  if (!(score > 1)) return undefined;

  const named = contributing(verdict);
  const parts = named.map((i) => rowPart(verdict, channels, i));
  const detectors = [
    ...(ensemble ? [voteOf('item', ensemble.detection)] : []),
    ...(rola ? [voteOf('rola', rola.detection)] : []),
  ];
  const [first] = parts;
  return {
    ts: row.ts,
    channel: undefined,
    score,
    grade: 1 - 1 / score,
    severity: ensemble?.detection.severity ?? rola?.detection.severity ?? 0,
    confidence: Math.max(ensemble?.detection.confidence ?? 0, rola?.detection.confidence ?? 0),
    subject: { value: first?.value ?? 0, expected: first?.expected ?? undefined },
    explanation: {
      detectors,
      channels: parts,
      quality: qualityOf(
        named.map((i) => channels[i]!),
        row.values.some(Number.isNaN),
      ),
    },
  };
}

/** Channels that contributed, the strongest first: those that RoLA saw fire, then the farthest from their level. */
function contributing({ row, ensemble, rola }: RowVerdict): number[] {
  const fired = new Set((rola?.finding.fired ?? []).map(({ channel }) => channel));
  const weight = (i: number) => (fired.has(i) ? 1_000 : 0) + Math.abs(ensemble?.distances[i] ?? 0);
  return Array.from(row.values.keys())
    .filter((i) => !Number.isNaN(row.values[i]!))
    .sort((a, b) => weight(b) - weight(a) || a - b)
    .slice(0, MOST_NAMED);
}

function rowPart({ row, ensemble, rola }: RowVerdict, channels: readonly ChannelWatch[], i: number): ChannelPart {
  const channel = channels[i]!;
  const fired = rola?.finding.fired.find((vote) => vote.channel === i);
  const judged = rola?.finding.channels[i];
  const partner = ({ channel: other, coefficient, agrees }: Partner) => ({
    channel: channels[other]!.name,
    coefficient,
    agrees,
  });
  return {
    ...channelPart(channel, row.values[i]!, undefined),
    ...(ensemble && { distance: ensemble.distances[i]! }),
    ...(fired &&
      judged && {
        vote: {
          agree: fired.agree,
          disagree: fired.disagree,
          confirmed: fired.confirmed,
          predicted: judged.predicted,
          aare: judged.aare,
          threshold: judged.threshold,
          partners: fired.partners.map(partner),
        },
      }),
  };
}

function channelPart(channel: ChannelWatch, value: number, residual: LeadVerdict | undefined): ChannelPart {
  const recent = channel.history.recent();
  const look = channel.history.lookAlike();
  const forecast = residual && forecastInterval(residual);
  const expected = forecast ?? recent;
  return {
    channel: channel.name,
    value,
    expected: finite(expected?.expected),
    interval: expected ? intervalOf(expected, forecast ? 'forecast' : 'recent') : null,
    look_alike: look ? lookAlikeView(look) : null,
  };
}

function intervalOf({ lower, upper }: Recent, by: 'forecast' | 'recent'): ChannelPart['interval'] {
  return Number.isFinite(lower) && Number.isFinite(upper) ? { lower, upper, by } : null;
}

/** The median and the outermost quantiles of a stored forecast. */
function forecastInterval({ forecast: { levels, quantiles } }: LeadVerdict): Recent {
  const middle = levels.findIndex((level) => level >= 0.5);
  return { expected: quantiles[middle]!, lower: quantiles[0]!, upper: quantiles[levels.length - 1]! };
}

function forecastOf(shortest: LeadVerdict, residuals: readonly LeadVerdict[]): NonNullable<Explanation['forecast']> {
  return {
    violated_level: shortest.violatedLevel ?? null,
    p_value: shortest.pValue,
    leads: residuals.map(({ forecast, pValue, violatedLevel }) => ({
      lead: forecast.lead,
      p_value: pValue,
      violated_level: violatedLevel ?? null,
      forecast_id: forecast.forecastId,
      model: forecast.model,
      cutoff: new Date(forecast.cutoff).toISOString(),
    })),
  };
}

function voteOf(name: DetectorVote['name'], { score, strength, severity, votes }: Detection): DetectorVote {
  return { name, score, strength, severity, votes };
}

function forecastVote({ score, pValue }: LeadVerdict): DetectorVote {
  return { name: 'forecast', score, strength: score, severity: score, votes: { p_value: pValue } };
}

function lookAlikeView({ ts, rms }: LookAlike): LookAlikeView {
  return { ts: new Date(ts).toISOString(), rms };
}

function qualityOf(channels: readonly ChannelWatch[], missing: boolean): QualityFlag[] {
  return [
    ...(channels.every(({ seen }) => seen < YOUNG) ? (['young'] as const) : []),
    ...(channels.some(({ history }) => history.afterGap()) ? (['after-gap'] as const) : []),
    ...(channels.some(({ history }) => history.wasStuck()) ? (['was-stuck'] as const) : []),
    ...(missing ? (['missing-channels'] as const) : []),
  ];
}

// JSON has no infinity, and PostgreSQL's would come back as a text.
function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
