import { toEpochMs } from './timestamps.js';

const NOON = Date.UTC(2026, 0, 2, 12);

describe('toEpochMs', () => {
  it.each([
    ['2026-01-02T12:00:00Z'],
    ['2026-01-02t12:00:00z'],
    ['2026-01-02T12:00Z'],
    ['2026-01-02 12:00:00'],
    ['2026-01-02T12:00:00.000Z'],
    ['2026-01-02T12:00:00,0Z'],
    ['2026-01-02T14:00:00+02:00'],
    ['2026-01-02T14:00:00+0200'],
    ['2026-01-02T14:00:00+02'],
    ['2026-01-02T06:30:00-05:30'],
    ['2026-01-03T01:00:00+13:00'],
  ])('reads %s', (text) => {
    expect(toEpochMs(text)).toBe(NOON);
  });

  it('takes text without a zone for UTC, and a date alone for its midnight', () => {
    expect(toEpochMs('2026-01-02T12:00:00')).toBe(NOON);
    expect(toEpochMs('2026-01-02')).toBe(Date.UTC(2026, 0, 2));
  });

  it('keeps milliseconds and cuts finer fractions off', () => {
    expect(toEpochMs('2026-01-02T12:00:00.5Z')).toBe(NOON + 500);
    expect(toEpochMs('2026-01-02T12:00:00.123456789Z')).toBe(NOON + 123);
    expect(toEpochMs('2026-01-02T12:00:00.0009Z')).toBe(NOON);
  });

  it('agrees with Date over five centuries, leap days included', () => {
    for (let ms = Date.UTC(1600, 0, 1); ms < Date.UTC(2100, 0, 1); ms += 86_400_000 * 13 + 7_654_321) {
      expect(toEpochMs(new Date(ms).toISOString())).toBe(ms);
    }
    expect(toEpochMs('2000-02-29')).toBe(Date.UTC(2000, 1, 29));
    expect(toEpochMs('0001-01-01T00:00:00Z')).toBe(-62_135_596_800_000);
    expect(toEpochMs('9999-12-31T23:59:59.999Z')).toBe(253_402_300_799_999);
  });

  it.each([
    [NOON / 1_000, 'seconds'],
    [NOON, 'milliseconds'],
    [NOON * 1_000, 'microseconds'],
    [NOON * 1_000_000, 'nanoseconds'],
  ])('tells %d by its magnitude as %s', (value) => {
    expect(toEpochMs(value)).toBe(NOON);
    expect(toEpochMs(String(value))).toBe(NOON);
  });

  it('keeps fractions of seconds and times before 1970', () => {
    expect(toEpochMs(NOON / 1_000 + 0.123)).toBe(NOON + 123);
    expect(toEpochMs(-86_400)).toBe(-86_400_000);
    expect(toEpochMs(0)).toBe(0);
  });

  it.each([
    [''],
    ['yesterday'],
    ['2026'],
    ['2026-01'],
    ['20260102'],
    ['2026-13-01'],
    ['2026-00-01'],
    ['2026-02-29'],
    ['2100-02-29'],
    ['2026-01-32'],
    ['0000-01-01'],
    ['2026-01-02T'],
    ['2026-01-02T12'],
    ['2026-01-02T24:00:00Z'],
    ['2026-01-02T12:60:00Z'],
    ['2026-01-02T12:00:60Z'],
    ['2026-01-02T12:00:00.Z'],
    ['2026-01-02T12:00:00+19:00'],
    ['2026-01-02T12:00:00+02:60'],
    ['2026-01-02T12:00:00 +02:00'],
    ['2026-01-02T12:00:00Zulu'],
    ['2026-01-02X12:00:00Z'],
    ['2026-1-2T12:00:00Z'],
    [' 2026-01-02'],
    ['+2026-01-02'],
    ['2026-01-02T1２:00'],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [1e300],
    [null],
    [undefined],
    [true],
    [{}],
    [['2026-01-02']],
  ])('refuses %p', (value) => {
    expect(toEpochMs(value)).toBeNaN();
  });
});
