import { NOW, codesOf, decoded, formatsWith } from '../../../test/decoded.js';
import { SAMPLE_TIME, influxLines } from '../samples/producers.js';

const AT = Date.UTC(2026, 2, 1, 12);
const NS = `${AT}000000`;

describe('line protocol', () => {
  it("reads what InfluxDB's own client writes", () => {
    const { points, declared, errors } = decoded(influxLines());
    expect(errors).toEqual([]);
    expect(points).toEqual([
      ['pump,id=pump-7,site=north', 'flow', SAMPLE_TIME, 1.5],
      ['pump,id=pump-7,site=north', 'starts', SAMPLE_TIME, 12],
      [String.raw`disk\ usage,path=C:\Program\ Files\,\ x\=1`, 'ok', SAMPLE_TIME, 1],
      [String.raw`disk\ usage,path=C:\Program\ Files\,\ x\=1`, 'used', SAMPLE_TIME, 18_446_744_073_709],
      ['system,host=web-1', 'load1', SAMPLE_TIME, -2.5e-7],
    ]);
    expect(declared.map(([, , { labels }]) => labels)).toEqual([
      { id: 'pump-7', site: 'north' },
      { path: String.raw`C:\Program Files, x=1` },
      { host: 'web-1' },
    ]);
  });

  it.each([
    [NS, AT],
    [`${AT}000`, AT],
    [`${AT}`, AT],
    [`${AT / 1000}`, AT],
    [`${AT}123456`, AT],
    ['1772366400001000000', Date.UTC(2026, 2, 1, 12) + 1],
    ['-1', -1000],
  ])('tells the precision of %s by its magnitude', (timestamp, ms) => {
    expect(decoded(`a v=1 ${timestamp}`).points).toEqual([['a', 'v', ms, 1]]);
  });

  it('takes the time of the record where a line has none', () => {
    expect(decoded('a v=1', { timestamp: NOW - 5 }).points).toEqual([['a', 'v', NOW - 5, 1]]);
    expect(codesOf(decoded('a v=1', { timestamp: -1 }))).toEqual(['TS_INVALID']);
  });

  it('reads booleans as 1 and 0 and passes texts over', () => {
    const { points, errors } = decoded(`a t=T,f=false,s="x, y=1",u=3u ${NS}\nb s="only text" ${NS}`);
    expect(points.map(([, channel, , value]) => [channel, value])).toEqual([
      ['t', 1],
      ['f', 0],
      ['u', 3],
    ]);
    expect(errors).toEqual([]);
  });

  it('passes comments, blank lines and carriage returns over', () => {
    expect(decoded(`# a comment\r\n\r\n  a v=1 ${NS}\r\n`).points).toEqual([['a', 'v', AT, 1]]);
  });

  it('costs a bad line itself alone, and says which one it is', () => {
    const { points, errors } = decoded(`a v=1 ${NS}\nb v= ${NS}\nc v=1 ${NS}`);
    expect(points.map(([itemId]) => itemId)).toEqual(['a', 'c']);
    expect(errors).toEqual([
      { code: 'MALFORMED_LINE', element: 1, message: expect.stringMatching(/^element 1: .*field has no value at/) },
    ]);
  });

  it.each([
    [`a,host v=1 ${NS}`, 'MALFORMED_LINE'],
    [`a v=1 ${NS} x`, 'MALFORMED_LINE'],
    [`a v="open ${NS}`, 'MALFORMED_LINE'],
    [`,host=a v=1 ${NS}`, 'MALFORMED_LINE'],
    [`a v=NaN ${NS}`, 'VALUE_NOT_FINITE'],
    [`a v=+Inf ${NS}`, 'VALUE_NOT_FINITE'],
    [`a v=1e999 ${NS}`, 'VALUE_NOT_FINITE'],
    [`a v=0x10i ${NS}`, 'VALUE_NOT_FINITE'],
    [`a v=1 ${NS}0000`, 'TS_INVALID'],
    [`a v=1 4102444800000000000`, 'TS_IN_FUTURE'],
    [`a\u0000 v=1 ${NS}`, 'ITEM_ID_INVALID'],
    [`a __proto__=1 ${NS}`, 'CHANNEL_INVALID'],
  ])('refuses %j', (line, code) => {
    const { points, errors } = decoded(line);
    expect(points).toEqual([]);
    expect(errors.map((error) => error.code)).toEqual([code]);
  });

  it('cuts a long series key, with a hash of the whole', () => {
    const [a, b] = ['1', '2'].map((last) => decoded(`a,path=${'x'.repeat(300)}${last} v=1 ${NS}`).points[0]![0]);
    expect(a).toHaveLength(256);
    expect(a).not.toBe(b);
  });

  it('names items and channels by the settings', () => {
    const formats = formatsWith({ LINE_PROTOCOL_ITEM: '{host}', LINE_PROTOCOL_CHANNEL: '{measurement}_{field}' });
    expect(decoded(`cpu,host=web-1,cpu=0 idle=3 ${NS}`, { formats }).points).toEqual([['web-1', 'cpu_idle', AT, 3]]);
    expect(decoded(`cpu idle=3 ${NS}`, { formats }).errors).toEqual([
      { code: 'ITEM_ID_INVALID', message: expect.stringContaining('no "host", which LINE_PROTOCOL_ITEM asks for') },
    ]);
  });

  it('can be forced by a header, or by the setting', () => {
    const odd = `{x}=1 v=1 ${NS}`;
    expect(codesOf(decoded(odd))).toEqual(['MALFORMED_JSON']);
    expect(decoded(odd, { headers: { 'tidecast-format': 'line-protocol' } }).points).toHaveLength(1);
    expect(decoded(odd, { formats: formatsWith({ OBSERVATIONS_FORMAT: 'line-protocol' }) }).points).toHaveLength(1);
    expect(decoded(odd, { headers: { 'tidecast-format': 'xml' } }).errors).toEqual([
      { code: 'UNKNOWN_FORMAT', message: expect.stringContaining('says "xml"; send one of json, line-protocol') },
    ]);
  });
});
