import { codesOf, decoded, formatsWith } from '../../test/decoded.js';

const sample = (over: object = {}) =>
  JSON.stringify({
    timestamp: '2026-03-01T12:00:00Z',
    value: '9876543210.5',
    name: 'up',
    labels: { __name__: 'up', job: 'a "b"\\', instance: 'web:9100' },
    ...over,
  });
const SERIES = String.raw`up{instance="web:9100",job="a \"b\"\\"}`;
const AT = Date.UTC(2026, 2, 1, 12);

describe('samples of prometheus-kafka-adapter', () => {
  it('reads the value, which is a text, of the series as Prometheus writes it', () => {
    const { points, declared, errors } = decoded(sample());
    expect(errors).toEqual([]);
    expect(points).toEqual([[SERIES, 'value', AT, 9_876_543_210.5]]);
    expect(declared).toEqual([[SERIES, ['value'], { labels: { instance: 'web:9100', job: 'a "b"\\' } }]]);
  });

  it('takes NaN, with which a series ends, for a gap', () => {
    expect(decoded(sample({ value: 'NaN' }))).toMatchObject({ points: [], errors: [] });
  });

  it('names items and channels by the settings', () => {
    const formats = formatsWith({ PROMETHEUS_ITEM: '{instance}', PROMETHEUS_CHANNEL: '{__name__}' });
    expect(decoded(sample(), { formats }).points).toEqual([['web:9100', 'up', AT, 9_876_543_210.5]]);
  });

  it.each([
    [{ value: '+Inf' }, 'VALUE_NOT_FINITE'],
    [{ value: undefined }, 'EMPTY_RECORD'],
    [{ value: 'x' }, 'VALUE_NOT_FINITE'],
    [{ timestamp: 'x' }, 'TS_INVALID'],
    [{ timestamp: '2999-01-01' }, 'TS_IN_FUTURE'],
    [{ name: '', labels: {} }, 'ITEM_ID_INVALID'],
    [{ name: 'a\u0000' }, 'ITEM_ID_INVALID'],
    [{ name: 7 }, 'UNKNOWN_FORMAT'],
  ])('refuses %j', (over, code) => {
    const all = decoded(sample(over));
    expect(all.points).toEqual([]);
    expect(codesOf(all)).toEqual([code]);
  });
});
