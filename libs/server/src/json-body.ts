import { PlatformError } from '@app/observability';
import type { FastifyBodyParser, FastifyInstance } from 'fastify';

/** No request of ours is nested deeper; walking a value of millions of levels takes minutes, however few its bytes. */
const DEEPEST = 64;

/** Fastify's JSON parser, which refuses a body that is nested too deeply before anything is made of it. */
export function jsonBody(fastify: FastifyInstance): FastifyBodyParser<Buffer> {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  return (request, body, done) => {
    if (isDeeperThan(body, DEEPEST)) {
      done(new PlatformError('MALFORMED_JSON', `the JSON is nested deeper than ${DEEPEST} levels`), undefined);
      return;
    }
    void parse(request, body.toString(), done);
  };
}

const [QUOTE, BACKSLASH, ...BRACKETS] = Buffer.from('"\\[{]}');
const [OPEN_ARRAY, OPEN_OBJECT, CLOSE_ARRAY, CLOSE_OBJECT] = BRACKETS;

function isDeeperThan(json: Buffer, deepest: number): boolean {
  let depth = 0;
  let inText = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inText) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > deepest) return true;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth--;
  }
  return false;
}
