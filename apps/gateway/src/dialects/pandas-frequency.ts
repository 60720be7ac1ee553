import { PlatformError } from '@app/observability';
import { Frequency } from '@app/series';

/** A spacing that a client of Python names. */
export interface NamedFrequency {
  readonly freq: Frequency;
  /** Lengths of its natural cycles in points, where they are not those of `freq`: five business days are a week. */
  readonly seasons?: readonly number[];
}

/** Days that markets are open: a week has five, a year 252. */
const BUSINESS_SEASONS = [5, 252];

type Duration = (count: number) => string;
const seconds: Duration = (n) => `PT${n}S`;
const minutes: Duration = (n) => `PT${n}M`;
const hours: Duration = (n) => `PT${n}H`;
const days: Duration = (n) => `P${n}D`;
const months: Duration = (n) => `P${n}M`;
const quarters: Duration = (n) => months(3 * n);
const years: Duration = (n) => `P${n}Y`;

/** Offset aliases of pandas, old and new, and of polars; and the words of KServe. Case matters: M is a month, m a minute. */
const UNITS: Readonly<Record<string, Duration>> = {
  ...alike((n) => `PT${(n / 1_000).toFixed(3)}S`, 'ms', 'L'),
  ...alike(seconds, 's', 'S', 'second'),
  ...alike(minutes, 'min', 'T', 'm', 'minute'),
  ...alike(hours, 'h', 'H', 'hour'),
  ...alike(days, 'D', 'd', 'B', 'C', 'day'),
  ...alike((n) => `P${n}W`, 'W', 'w', 'week'),
  ...alike(months, 'M', 'ME', 'MS', 'BM', 'BME', 'BMS', 'CBM', 'CBME', 'CBMS', 'mo', 'month'),
  ...alike(quarters, 'Q', 'QE', 'QS', 'BQ', 'BQE', 'BQS', 'q', 'quarter'),
  ...alike(years, 'Y', 'YE', 'YS', 'A', 'AS', 'BY', 'BYE', 'BYS', 'BA', 'BAS', 'y', 'year'),
};

/** Count, unit, and the day or month that weeks, quarters and years are anchored to, which their times show by themselves. */
const ALIAS = /^(\d{0,6})([A-Za-z]{1,7})(?:-[A-Z]{3})?$/;

/**
 * The spacing that an offset alias such as `h`, `15min`, `W-SUN`, `MS` or `QE-DEC` stands for; ISO-8601 durations are taken as
 * well.
 *
 * @throws PlatformError FREQ_INVALID naming what can be written.
 */
export function parsePandasFrequency(alias: string): NamedFrequency {
  const iso = Frequency.parse(alias);
  if (iso) return { freq: iso };
  const [, count = '', unit = ''] = ALIAS.exec(alias) ?? [];
  const duration = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  const freq = duration && Frequency.parse(duration(count === '' ? 1 : Number(count)));
  if (!freq) throw frequencyInvalid(alias);
  if (unit !== 'B' && unit !== 'C') return { freq };
  return { freq, seasons: count === '' || count === '1' ? BUSINESS_SEASONS : [] };
}

function frequencyInvalid(alias: string): PlatformError {
  const shown = JSON.stringify(alias.slice(0, 40));
  const remedy =
    'write an offset alias of pandas from ms to Y such as h, 15min, D, B, W-SUN, MS or QE, or an ISO-8601 duration such as PT1H';
  return new PlatformError('FREQ_INVALID', `freq ${shown} is not usable; ${remedy}`);
}

function alike(duration: Duration, ...aliases: string[]): Record<string, Duration> {
  return Object.fromEntries(aliases.map((alias) => [alias, duration]));
}
