import { PlatformError } from '@app/observability';
import { DateTime } from 'luxon';
import { z } from 'zod';

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/i;

/** A point in time: ISO-8601 with an offset, as the same text without one means another time in every zone. */
export const instant = z
  .string()
  .meta({ format: 'date-time', example: '2026-01-01T00:00:00Z' })
  .transform((text, context) => {
    const time = INSTANT.test(text) ? DateTime.fromISO(text) : undefined;
    if (time?.isValid) return time.toJSDate();
    const message = `"${text}" is not usable; write a time with an offset such as 2026-01-01T00:00:00Z (a + is %2B in a URL)`;
    context.issues.push({ code: 'custom', message, input: text });
    return z.NEVER;
  });

/** How many entries a page has. */
export const limit = (fallback: number, most: number) =>
  z.coerce.number().int().min(1).max(most).default(fallback).describe(`Entries of a page, at most ${most}.`);

/** Where the next page begins, from `next_cursor` of the one before. */
export const cursor = z.string().optional().describe('`next_cursor` of the page before.');

/** Numbers of a query: `0.1,0.9`, the key once for each, or both. */
export const numberList = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((text) => text.split(',')))
  .pipe(z.array(z.string().trim().min(1, 'a number is missing').pipe(z.coerce.number())));

/** Text that names the last entry of a page; opaque to clients. */
export function encodeCursor(position: readonly string[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @throws PlatformError INVALID_REQUEST for a text that `encodeCursor` did not make of such a position. */
export function decodeCursor<T extends z.ZodType>(text: string | undefined, schema: T): z.output<T> | undefined {
  if (text === undefined) return undefined;
  try {
    const position = schema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    if (position.success) return position.data;
  } catch {
    // Not even JSON: refused below.
  }
  throw new PlatformError('INVALID_REQUEST', 'cursor: take next_cursor of the page before, unchanged');
}
