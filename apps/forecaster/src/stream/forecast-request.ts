import { PlatformError } from '@app/observability';
import { headerText, type LogRecord } from '@app/streaming';
import { prettifyError } from 'zod';

import { forecastRequest } from '../../../gateway/src/forecasts/forecast.schema.js';
import { levelsOf } from '../../../gateway/src/forecasts/quantile-levels.js';
import { toCommand } from '../../../gateway/src/forecasts/to-command.js';
import type { ForecastCommand } from '../forecast-client.js';

/** A request as it came by the topic: what is asked for, or what is wrong with it. */
export interface StreamRequest {
  /** What the one who asks looks for in the answers; absent where none was given or it can't be read. */
  readonly replyKey?: string;
  readonly asked: { readonly command: ForecastCommand; readonly levels: readonly number[] } | PlatformError;
}

const MAX_REPLY_KEY = 256;

/** Reads a record of the requests topic: the body of `POST /forecasts`, and `reply_key` in it or as the header `reply-key`. */
export function readRequest({ value, headers }: LogRecord): StreamRequest {
  let replyKey: unknown = headerText(headers, 'reply-key');
  try {
    const json = parse(value);
    const { reply_key = replyKey, ...body } = json;
    replyKey = reply_key;
    if (!isReplyKey(replyKey)) throw invalid(`reply_key is missing, or no text of 1 to ${MAX_REPLY_KEY} characters`);
    const request = forecastRequest.safeParse(body);
    if (!request.success) throw invalid(prettifyError(request.error).replaceAll('\n', '; '));
    const command = toCommand(request.data, headerText(headers, 'traceparent'));
    return { replyKey, asked: { command, levels: levelsOf(request.data) } };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { ...(isReplyKey(replyKey) ? { replyKey } : {}), asked: error };
  }
}

function parse(value: Buffer | null): Record<string, unknown> {
  if (value === null || value.length === 0) throw new PlatformError('EMPTY_RECORD', 'the request has no value');
  let json: unknown;
  try {
    json = JSON.parse(value.toString('utf8'));
  } catch {
    throw new PlatformError(
      'MALFORMED_JSON',
      'the request is no JSON; send the body of POST /forecasts and a reply_key',
    );
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw invalid('it is no object');
}

function isReplyKey(key: unknown): key is string {
  return typeof key === 'string' && key.length > 0 && key.length <= MAX_REPLY_KEY;
}

function invalid(reason: string): PlatformError {
  return new PlatformError('INVALID_REQUEST', `the request can't be used: ${reason}; see POST /forecasts in /docs`);
}
