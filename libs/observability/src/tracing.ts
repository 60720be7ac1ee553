import { randomBytes } from 'node:crypto';

/** W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The header as it came, or undefined where it is absent or malformed (the standard says: then start anew). */
export function parseTraceparent(header: string | undefined): string | undefined {
  return header !== undefined && TRACEPARENT.test(header) ? header : undefined;
}

/** A new `traceparent` in the trace of `parent`, or in a new trace. */
export function childTraceparent(parent?: string): string {
  const traceId = parent?.slice(3, 35) ?? randomBytes(16).toString('hex');
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${parent?.slice(53, 55) ?? '01'}`;
}
