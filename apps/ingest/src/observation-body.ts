import { PlatformError } from '@app/observability';

import {
  elementsOfJson,
  elementsOfLines,
  elementsOfNdjson,
  emptyBody,
  type IntakeElement,
} from './observation-intake.js';

/** How a body is taken apart, by its media type. */
const BODIES: Readonly<Record<string, (body: unknown) => IntakeElement[]>> = {
  'application/json': elementsOfJson,
  'application/x-ndjson': (body) => elementsOfNdjson(textOf(body)),
  'application/ndjson': (body) => elementsOfNdjson(textOf(body)),
  // What Telegraf and the clients of InfluxDB call line protocol.
  'text/plain': (body) => elementsOfLines(textOf(body)),
  'application/x-protobuf': (body) => [{ bytes: bytesOf(body), format: 'otlp' }],
  'application/octet-stream': (body) => [{ bytes: bytesOf(body) }],
};

/** The records in a body. @throws PlatformError UNSUPPORTED_MEDIA_TYPE or EMPTY_RECORD. */
export function elementsOf(body: unknown, contentType: string | undefined): IntakeElement[] {
  const type = contentType?.split(';')[0]?.trim().toLowerCase() ?? 'application/json';
  if (Object.hasOwn(BODIES, type)) return BODIES[type]!(body);
  const known = Object.keys(BODIES).join(', ');
  throw new PlatformError('UNSUPPORTED_MEDIA_TYPE', `observations do not come as ${type}; send one of ${known}`);
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : '';
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body) && body.length > 0) return body;
  throw emptyBody();
}
