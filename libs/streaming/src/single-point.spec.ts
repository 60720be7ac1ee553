import { isDeepStrictEqual } from 'node:util';

import { loadEnv } from '@app/config';

import { RecordDecoder, RecordFormats, type RecordError } from './index.js';

const NOW = Date.UTC(2026, 5, 1);
const FORMATS = new RecordFormats(loadEnv({}));
const asRecord = (text: string) => ({ value: Buffer.from(text), key: null, headers: {}, timestamp: NOW });

function decode(run: (decoder: RecordDecoder) => void): unknown {
  const seen: { points: unknown[]; errors: RecordError[] } = { points: [], errors: [] };
  run(
    new RecordDecoder(
      {
        point: (...point) => seen.points.push(point),
        declare: () => undefined,
        fail: (error) => seen.errors.push(error),
        discard: () => undefined,
      },
      0,
      FORMATS,
    ),
  );
  return seen;
}

const IDS = ['pump-7', 'a b', 'Öl 泵 🛢', '', ' ', '__proto__', 'x'.repeat(256), 'x'.repeat(257), '\u007f', '\u2028'];
const TIMES = ['2026-01-02T03:04:05Z', '2026-01-02', 'never', '2999-01-01', '1700000000000', ''];
const CHANNELS = ['flow', 'values', '', '__proto__', 'constructor', '\u0085'];
const NUMBERS = ['0', '-0', '1.50', '-2e3', '1E+2', '1e400', '12345678901234567890', '0.1', '4.9e-324', '1e-400'];
const NO_NUMBERS = ['01', '+1', '.5', '1.', '1e', 'NaN', '--1', ' 1', '1 ', '"1"', 'null', '0x1'];

describe('the short way of single points', () => {
  it('gives what parsing gives, point for point and error for error', () => {
    const different: string[] = [];
    for (const space of ['', ' ']) {
      for (const id of IDS) {
        for (const ts of TIMES) {
          for (const channel of CHANNELS) {
            for (const value of NUMBERS) {
              const text = `{"item_id":${space}"${id}",${space}"ts":${space}"${ts}",${space}"values":${space}{"${channel}":${space}${value}}}`;
              const short = decode((decoder) => decoder.decode(asRecord(text), NOW));
              const parsed = decode((decoder) => decoder.decodeJson(JSON.parse(text), NOW));
              if (!isDeepStrictEqual(short, parsed)) different.push(text);
            }
          }
        }
      }
    }
    expect(different).toEqual([]);
  });

  it.each(NO_NUMBERS)('does not take %s for a number that JSON would refuse', (value) => {
    const text = `{"item_id":"a","ts":"2026-01-02","values":{"flow":${value}}}`;
    const parsed = (() => {
      try {
        return decode((decoder) => decoder.decodeJson(JSON.parse(text), NOW));
      } catch {
        return { points: [], errors: [expect.objectContaining({ code: 'MALFORMED_JSON' })] };
      }
    })();
    expect(decode((decoder) => decoder.decode(asRecord(text), NOW))).toEqual(parsed);
  });

  it('leaves escapes, other keys and other orders to the parser', () => {
    const texts = [
      '{"item_id":"a\\u0062","ts":"2026-01-02","values":{"flow":1}}',
      '{"item_id":"a\\"","ts":"2026-01-02","values":{"flow":1}}',
      '{"ts":"2026-01-02","item_id":"a","values":{"flow":1}}',
      '{"item_id":"a","ts":"2026-01-02","values":{"flow":1},"freq":"PT1H"}',
      '{"item_id":"a","ts":"2026-01-02","values":{"flow":1,"flow":2}}',
      '{"item_id":"a","ts":"2026-01-02","values":{"flow":1}}\n',
    ];
    for (const text of texts) {
      expect(decode((decoder) => decoder.decode(asRecord(text), NOW))).toEqual(
        decode((decoder) => decoder.decodeJson(JSON.parse(text), NOW)),
      );
    }
  });
});
