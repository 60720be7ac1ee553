import { loadEnv } from '@app/config';

import {
  RecordDecoder,
  RecordFormats,
  type LogRecord,
  type RecordError,
  type SeriesDeclaration,
} from '../src/index.js';

/** The clock of decoders in tests. */
export const NOW = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;

/** What a decoder gave to its sink, in order. */
export interface Decoded {
  readonly points: [itemId: string, channel: string, ts: number, value: number][];
  readonly declared: [itemId: string, channels: readonly string[], declaration: SeriesDeclaration][];
  readonly errors: RecordError[];
}

/** Formats by settings of the environment. */
export function formatsWith(settings: Record<string, string> = {}): RecordFormats {
  return new RecordFormats(loadEnv(settings));
}

/** Decodes one record as the consumers do; `now` bounds the future by a day. */
export function decoded(
  value: Buffer | string | null,
  {
    formats = formatsWith(),
    now = NOW,
    ...record
  }: Partial<LogRecord> & { formats?: RecordFormats; now?: number } = {},
): Decoded {
  const all: Decoded = { points: [], declared: [], errors: [] };
  const decoder = new RecordDecoder(
    {
      point: (...point) => all.points.push(point),
      declare: (...declaration) => all.declared.push(declaration),
      fail: (error) => all.errors.push(error),
      discard: () => {
        for (const list of [all.points, all.declared, all.errors]) list.length = 0;
      },
    },
    DAY_MS,
    formats,
  );
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  decoder.decode({ key: null, headers: {}, timestamp: now, ...record, value: bytes }, now);
  return all;
}

/** The codes of the errors, in order. */
export function codesOf({ errors }: Decoded): string[] {
  return errors.map(({ code }) => code);
}
