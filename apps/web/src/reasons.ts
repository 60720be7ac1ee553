import { numberText } from './format.js';

interface ChannelReason {
  readonly channel?: string;
  readonly value?: number | null;
  readonly expected?: number | null;
  readonly interval?: { lower: number; upper: number; by: string };
  readonly vote?: { agree: number; disagree: number };
}

const QUALITY: Readonly<Record<string, string>> = {
  young: 'the series is young, so this is less certain',
  'after-gap': 'it came after a gap in the data',
  'was-stuck': 'the value had been stuck before',
  'missing-channels': 'some channels were missing at the time',
};
const MOST_CHANNELS = 4;
/** A forecast that is missed more often than so is no reason. */
const RARE = 0.1;

/** Sentences that say why a point is anomalous, from its explanation; what is not understood is left out. */
export function reasonsOf(explanation: Record<string, unknown>): string[] {
  const channels = listOf<ChannelReason>(explanation.channels);
  const more = channels.length - MOST_CHANNELS;
  return [
    ...channels.slice(0, MOST_CHANNELS).flatMap((channel) => channelReason(channel) ?? []),
    ...(more > 0 ? [`${more} more ${more === 1 ? 'channel' : 'channels'} contributed.`] : []),
    ...forecastReason(explanation.forecast),
    ...listOf<string>(explanation.quality).flatMap((name) => (QUALITY[name] ? [`Note: ${QUALITY[name]}.`] : [])),
  ];
}

/** The detectors that voted and how strongly, strongest first. */
export function detectorsOf(explanation: Record<string, unknown>): { name: string; score: number }[] {
  return listOf<{ name: string; score: number }>(explanation.detectors)
    .filter(({ name, score }) => typeof name === 'string' && typeof score === 'number')
    .toSorted((a, b) => b.score - a.score);
}

function channelReason({ channel, value, expected, interval, vote }: ChannelReason): string | undefined {
  if (typeof channel !== 'string' || typeof value !== 'number') return undefined;
  const usual = typeof expected === 'number' ? `, expected ${numberText(expected)}` : '';
  const range = interval && `${numberText(interval.lower)} to ${numberText(interval.upper)}`;
  const by = interval?.by === 'forecast' ? 'the forecast allowed' : 'usual lately:';
  const votes = vote ? `; ${vote.agree} correlated ${vote.agree === 1 ? 'channel agrees' : 'channels agree'}` : '';
  return `${channel} was ${numberText(value)}${usual}${range ? ` (${by} ${range})` : ''}${votes}.`;
}

function forecastReason(forecast: unknown): string[] {
  const { violated_level: level, p_value: p } = (forecast ?? {}) as {
    violated_level?: number | null;
    p_value?: number;
  };
  if (typeof level !== 'number' || !(typeof p === 'number' && p <= RARE)) return [];
  const side = level > 0.5 ? 'above' : 'below';
  return [`It lies ${side} the ${percent(level)} quantile of the forecast; so far out are ${percent(p)} of points.`];
}

function percent(share: number): string {
  return `${numberText(share * 100)} %`;
}

function listOf<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}
