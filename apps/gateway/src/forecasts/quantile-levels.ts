import { PlatformError } from '@app/observability';
import { CANONICAL_LEVELS, coverageToLevels } from '@app/series';

/** How a client says which quantiles it wants: by level, by coverage of central intervals, or not at all. */
export interface WantedLevels {
  readonly levels?: readonly number[] | undefined;
  readonly coverage?: number | readonly number[] | undefined;
}

const MOST_LEVELS = 99;

/**
 * The levels to answer at, ascending and each once; those at which forecasts are stored when nothing is asked for.
 *
 * @throws PlatformError LEVELS_INVALID naming the number that is wrong.
 */
export function levelsOf({ levels, coverage }: WantedLevels): readonly number[] {
  if (levels !== undefined && coverage !== undefined) {
    throw new PlatformError('LEVELS_INVALID', 'levels and coverage are both given; give one of them');
  }
  if (levels === undefined && coverage === undefined) return CANONICAL_LEVELS;

  const wanted = levels ?? [coverage ?? []].flat().flatMap(checkedCoverage);
  if (wanted.length === 0 || wanted.length > MOST_LEVELS) {
    throw new PlatformError('LEVELS_INVALID', `${wanted.length} levels are asked for; 1 to ${MOST_LEVELS} can be`);
  }
  const bad = wanted.find((level) => !isInside(level));
  if (bad !== undefined) {
    throw new PlatformError('LEVELS_INVALID', `level ${bad} is not usable; a level lies between 0 and 1, such as 0.1`);
  }
  return [...new Set(wanted)].sort((a, b) => a - b);
}

function checkedCoverage(coverage: number): [number, number] {
  const bounds = isInside(coverage) ? coverageToLevels(coverage) : undefined;
  if (bounds && isInside(bounds[0])) return bounds;
  const remedy = 'a coverage lies between 0 and 1, such as 0.8';
  throw new PlatformError('LEVELS_INVALID', `coverage ${coverage} is not usable; ${remedy}`);
}

function isInside(level: number): boolean {
  return level > 0 && level < 1;
}
