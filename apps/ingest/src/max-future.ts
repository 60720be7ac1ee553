import { PlatformError } from '@app/observability';
import { Frequency } from '@app/series';

/** Milliseconds of MAX_FUTURE. @throws PlatformError CONFIG_INVALID when it is no duration. */
export function maxFutureMs(duration: string): number {
  if (/^P(T?0[A-Z])$/.test(duration)) return 0;
  const step = Frequency.parse(duration);
  if (step) return step.approxMs;
  throw new PlatformError(
    'CONFIG_INVALID',
    `MAX_FUTURE "${duration}" is no ISO-8601 duration of one unit, such as P1D`,
  );
}
