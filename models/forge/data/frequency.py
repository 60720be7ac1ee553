"""Season candidates: the calendar cycles that a step size can carry, in steps.

The serving side computes the same four numbers from the frequency of a series and hands them to the model, so this
rule is part of the model's contract (models/README.md) and must not drift.
"""

SECOND, MINUTE, HOUR, DAY, WEEK = 1, 60, 3_600, 86_400, 604_800
YEAR = 365.25 * DAY
MONTHS_A_YEAR = 12

MAX_LAG = 384
MAX_CANDIDATES = 4
MIN_STEPS_AN_HOUR = 6  # a quarter of an hour repeats 4 steps: too few to be a season
YEAR_TOLERANCE = 0.005  # 365.25 days -> 365, 52.18 weeks -> 52


def season_candidates(step_seconds: float) -> list[int]:
    """Cycles in steps, ascending, padded with 0 to four. `step_seconds` is the spacing of a series with fixed steps."""
    cycles = []
    for cycle, fewest in ((HOUR, MIN_STEPS_AN_HOUR), (DAY, 2), (WEEK, 2)):
        quotient = cycle / step_seconds
        if abs(quotient - round(quotient)) < 1e-6 and fewest <= round(quotient) <= MAX_LAG:
            cycles.append(round(quotient))
    quotient = YEAR / step_seconds
    if 2 <= round(quotient) <= MAX_LAG and abs(quotient - round(quotient)) <= YEAR_TOLERANCE * quotient:
        cycles.append(round(quotient))
    return _pad(cycles)


def season_candidates_of_months(step_months: int) -> list[int]:
    """The same for steps of whole calendar months: 1 (month) -> 12, 3 (quarter) -> 4, 12 (year) -> none."""
    steps_a_year, rest = divmod(MONTHS_A_YEAR, step_months)
    return _pad([steps_a_year] if rest == 0 and steps_a_year >= 2 else [])


def _pad(cycles: list[int]) -> list[int]:
    distinct = sorted(set(cycles))[:MAX_CANDIDATES]
    return distinct + [0] * (MAX_CANDIDATES - len(distinct))
