import { loadEnv } from '@app/config';

import { MAX_RECORD_BYTES, RecordDecoder, RecordFormats, type RecordError, type SeriesDeclaration } from './index.js';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;
const TS = '2026-01-02T03:04:05Z';
const MS = Date.UTC(2026, 0, 2, 3, 4, 5);

interface Decoded {
  readonly points: [itemId: string, channel: string, ts: number, value: number][];
  readonly declared: [itemId: string, channels: readonly string[], declaration: SeriesDeclaration][];
  readonly errors: RecordError[];
}

function decodeBytes(bytes: Buffer | null): Decoded {
  const decoded: Decoded = { points: [], declared: [], errors: [] };
  const decoder = new RecordDecoder(
    {
      point: (...point) => decoded.points.push(point),
      declare: (...declaration) => decoded.declared.push(declaration),
      fail: (error) => decoded.errors.push(error),
      discard: () => {
        for (const list of [decoded.points, decoded.declared, decoded.errors]) list.length = 0;
      },
    },
    DAY,
    new RecordFormats(loadEnv({})),
  );
  decoder.decode({ value: bytes, key: null, headers: {}, timestamp: NOW }, NOW);
  return decoded;
}

const decode = (text: string) => decodeBytes(Buffer.from(text));
const decodeJson = (value: unknown) => decode(JSON.stringify(value));
const codes = ({ errors }: Decoded) => errors.map(({ code }) => code);
const native = (over: object) => ({ item_id: 'pump-7', ts: TS, values: { flow: 1.2 }, ...over });

describe('RecordDecoder', () => {
  describe('formats', () => {
    it('reads native records: one point a channel', () => {
      expect(decodeJson(native({ values: { flow: 1.2, temp: 40 } })).points).toEqual([
        ['pump-7', 'flow', MS, 1.2],
        ['pump-7', 'temp', MS, 40],
      ]);
    });

    it('reads a lone value as the channel "value"', () => {
      expect(decodeJson({ item_id: 'a', ts: TS, value: 3 }).points).toEqual([['a', 'value', MS, 3]]);
    });

    it('reads the long format', () => {
      expect(decodeJson({ unique_id: 'a', ds: TS, y: 3 }).points).toEqual([['a', 'value', MS, 3]]);
    });

    it('reads arrays, formats mixed', () => {
      const { points, errors } = decodeJson([native({}), { unique_id: 'a', ds: TS, y: 3 }]);
      expect(points).toHaveLength(2);
      expect(errors).toEqual([]);
    });

    it('takes whole numbers as ids, as long-format files have them', () => {
      expect(decodeJson({ unique_id: 17, ds: TS, y: 3 }).points).toEqual([['17', 'value', MS, 3]]);
    });

    it('reads declarations, normalised', () => {
      const { declared, errors } = decodeJson(
        native({
          freq: 'P7D',
          season: 52,
          unit: 'm³/h',
          time_zone: 'Europe/Berlin',
          labels: { site: 'north', line: 3 },
        }),
      );
      expect(errors).toEqual([]);
      expect(declared).toEqual([
        [
          'pump-7',
          ['flow'],
          {
            freq: 'P1W',
            season: 52,
            unit: 'm³/h',
            timeZone: 'Europe/Berlin',
            labels: { site: 'north', line: '3' },
          },
        ],
      ]);
    });

    it('keeps the points of a record whose declarations are wrong', () => {
      const decoded = decodeJson(
        native({ freq: 'hourly', season: 0, unit: '', time_zone: 'Mars/Olympus', labels: ['x'] }),
      );
      expect(decoded.points).toHaveLength(1);
      expect(decoded.declared).toEqual([]);
      expect(codes(decoded)).toEqual([
        'FREQ_INVALID',
        'TIME_ZONE_INVALID',
        'INVALID_REQUEST',
        'INVALID_REQUEST',
        'INVALID_REQUEST',
      ]);
    });
  });

  describe('values', () => {
    it('takes null for a stated gap: no point, no error', () => {
      expect(decodeJson(native({ values: { flow: null } }))).toEqual({ points: [], declared: [], errors: [] });
      expect(decodeJson({ item_id: 'a', ts: TS, value: null }).errors).toEqual([]);
      expect(decodeJson({ unique_id: 'a', ds: TS, y: null }).errors).toEqual([]);
    });

    it.each([
      ['1.5', 1.5],
      ['-2e3', -2000],
      ['+.5', 0.5],
      ['007', 7],
    ])('reads the decimal text %p', (text, value) => {
      expect(decodeJson(native({ values: { flow: text } })).points[0]?.[3]).toBe(value);
    });

    it.each([['NaN'], ['Infinity'], [''], [' 1'], ['0x10'], ['1,5'], ['1e999'], [true], [{}], [[1]]])(
      'refuses %p as a value',
      (value) => {
        const decoded = decodeJson(native({ values: { flow: value } }));
        expect(decoded.points).toEqual([]);
        expect(decoded.errors).toEqual([
          { code: 'VALUE_NOT_FINITE', channel: 'flow', message: expect.stringContaining('null for a gap') },
        ]);
      },
    );

    it('refuses numbers that are none in double precision', () => {
      const decoded = decode(`{"item_id":"a","ts":"${TS}","values":{"flow":1e400,"temp":-1e400,"ok":1e308}}`);
      expect(codes(decoded)).toEqual(['VALUE_NOT_FINITE', 'VALUE_NOT_FINITE']);
      expect(decoded.points).toEqual([['a', 'ok', MS, 1e308]]);
    });

    it('stores no negative zero', () => {
      expect(Object.is(decode(`{"item_id":"a","ts":"${TS}","value":-0}`).points[0]?.[3], 0)).toBe(true);
    });
  });

  describe('what is wrong, where, and the remedy', () => {
    it.each<[string, unknown, string]>([
      ['an empty id', native({ item_id: '' }), 'ITEM_ID_INVALID'],
      ['a blank id', native({ item_id: '  ' }), 'ITEM_ID_INVALID'],
      ['a long id', native({ item_id: 'x'.repeat(257) }), 'ITEM_ID_INVALID'],
      ['a control character', native({ item_id: 'a\u0000b' }), 'ITEM_ID_INVALID'],
      ['half a character', native({ item_id: 'a\ud83d' }), 'ITEM_ID_INVALID'],
      ['a missing id', { ts: TS, values: { flow: 1 } }, 'ITEM_ID_INVALID'],
      ['a fractional id', native({ item_id: 1.5 }), 'ITEM_ID_INVALID'],
      ['a prototype id', native({ item_id: '__proto__' }), 'ITEM_ID_INVALID'],
      ['an empty channel', native({ values: { '': 1 } }), 'CHANNEL_INVALID'],
      ['a channel with a tab', native({ values: { 'a\tb': 1 } }), 'CHANNEL_INVALID'],
      ['no time', native({ ts: undefined }), 'TS_INVALID'],
      ['no real time', native({ ts: '2026-02-30' }), 'TS_INVALID'],
      ['a future time', native({ ts: NOW + 2 * DAY }), 'TS_IN_FUTURE'],
      ['values that are a number', native({ values: 3 }), 'UNKNOWN_FORMAT'],
      ['values that are an array', native({ values: [3] }), 'UNKNOWN_FORMAT'],
      ['no values', native({ values: {} }), 'EMPTY_RECORD'],
      ['no y', { unique_id: 'a', ds: TS }, 'EMPTY_RECORD'],
      ['neither values nor value', { item_id: 'a', ts: TS }, 'EMPTY_RECORD'],
      ['unknown keys', { sensor: 'a', reading: 1 }, 'UNKNOWN_FORMAT'],
      ['a number', 7, 'UNKNOWN_FORMAT'],
      ['a text', 'hello', 'UNKNOWN_FORMAT'],
      ['null', null, 'UNKNOWN_FORMAT'],
      ['an empty array', [], 'EMPTY_RECORD'],
      ['an array in an array', [[native({})]], 'UNKNOWN_FORMAT'],
    ])('names %s', (_what, record, code) => {
      const decoded = decodeJson(record);
      expect(codes(decoded)).toEqual([code]);
      expect(decoded.points).toEqual([]);
      expect(decoded.errors[0]?.message).toMatch(/send|leave it out|check/);
    });

    it('accepts a time as far ahead as allowed', () => {
      expect(decodeJson(native({ ts: NOW + DAY })).points).toHaveLength(1);
    });

    it('lists every error of a record, and keeps the good points beside them', () => {
      const decoded = decodeJson([
        native({ values: { flow: 1, temp: 'hot' } }),
        native({ ts: 'never', item_id: '' }),
        native({ values: { flow: 2 } }),
      ]);
      expect(decoded.points.map((point) => point[3])).toEqual([1, 2]);
      expect(decoded.errors.map(({ code, element, channel }) => [code, element, channel])).toEqual([
        ['VALUE_NOT_FINITE', 0, 'temp'],
        ['ITEM_ID_INVALID', 1, undefined],
        ['TS_INVALID', 1, undefined],
      ]);
      expect(decoded.errors[0]?.message).toMatch(/^element 0: values\.temp "hot" is no finite number/);
    });

    it('lists at most a hundred errors of one record', () => {
      const { errors } = decodeJson(Array.from({ length: 500 }, () => native({ ts: 'x' })));
      expect(errors).toHaveLength(101);
      expect(errors.at(-1)?.message).toBe('400 more errors are not listed');
    });
  });

  describe('hostile input', () => {
    it('takes a tombstone and blank bytes for an empty record', () => {
      expect(codes(decodeBytes(null))).toEqual(['EMPTY_RECORD']);
      for (const text of ['', ' ', '\n\t ', '\ufeff']) expect(codes(decode(text))).toEqual(['EMPTY_RECORD']);
    });

    it.each([
      ['{'],
      ['{"item_id":"a",}'],
      ["{'item_id':'a'}"],
      ['{"a":1} {"a":2}'],
      ['nope'],
      ['\u0000'],
      ['{"a":NaN}'],
    ])('calls %p malformed', (text) => {
      const decoded = decode(text);
      expect(codes(decoded)).toEqual(['MALFORMED_JSON']);
      // eslint-disable-next-line no-control-regex -- messages go to headers and to PostgreSQL
      expect(decoded.errors[0]?.message).not.toMatch(/[\u0000-\u001f]/);
    });

    it('explains NaN, which Python writes', () => {
      const [error] = decode(`{"item_id":"a","ts":"${TS}","values":{"flow":NaN}}`).errors;
      expect(error?.message).toContain('JSON has no NaN or Infinity: send null for a gap');
    });

    it('reads a byte order mark and characters beyond ASCII', () => {
      expect(decode(`\ufeff${JSON.stringify(native({ item_id: 'Öl-泵-🛢' }))}`).points[0]?.[0]).toBe('Öl-泵-🛢');
    });

    it('refuses bytes that are no UTF-8', () => {
      const bytes = Buffer.concat([Buffer.from('{"item_id":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
      expect(codes(decodeBytes(bytes))).toEqual(['MALFORMED_JSON']);
      expect(codes(decodeBytes(Buffer.from('{"item_id":"a"}', 'utf16le')))).toEqual(
        ['UNKNOWN_FORMAT'].map(() => 'MALFORMED_JSON'),
      );
    });

    it('is not led astray by prototype keys', () => {
      const text = `{"__proto__":{"item_id":"a","ts":"${TS}","values":{"flow":1}}}`;
      expect(codes(decode(text))).toEqual(['UNKNOWN_FORMAT']);
      const channel = decode(`{"item_id":"a","ts":"${TS}","values":{"__proto__":1,"constructor":2}}`);
      expect(codes(channel)).toEqual(['CHANNEL_INVALID']);
      expect(channel.points).toEqual([['a', 'constructor', MS, 2]]);
      expect(({} as { item_id?: string }).item_id).toBeUndefined();
    });

    it('survives deep nesting', () => {
      const depth = 100_000;
      expect(codes(decode(`${'['.repeat(depth)}${']'.repeat(depth)}`))).toEqual(['UNKNOWN_FORMAT']);
      const object = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
      expect(codes(decode(`{"item_id":"a","ts":"${TS}","values":{"flow":${object}}}`))).toEqual(['VALUE_NOT_FINITE']);
    });

    it('refuses more than a million bytes without parsing them', () => {
      const exact = JSON.stringify(native({ note: '' }));
      const fits = JSON.stringify(native({ note: 'x'.repeat(MAX_RECORD_BYTES - exact.length) }));
      expect(decode(fits).points).toHaveLength(1);
      expect(codes(decode(`${fits} `))).toEqual(['RECORD_TOO_LARGE']);
    });

    it('refuses more than ten thousand points and keeps none of them', () => {
      const values = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, i]));
      expect(decodeJson(native({ values: values(10_000) })).points).toHaveLength(10_000);
      const wide = decodeJson(native({ values: values(10_001) }));
      expect([codes(wide), wide.points]).toEqual([['RECORD_TOO_LARGE'], []]);
      const long = decodeJson(Array.from({ length: 10_001 }, (_, i) => ({ unique_id: 'a', ds: i * 60 + 1e9, y: i })));
      expect([codes(long), long.points]).toEqual([['RECORD_TOO_LARGE'], []]);
    });
  });
});
