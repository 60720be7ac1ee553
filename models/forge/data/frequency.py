"""Season candidates: the calendar cycles that a step size can carry, in steps.

Serving computes the same numbers (`Frequency.seasonCandidates` in libs/series) and hands them to the model: this rule
is part of the model's contract (models/README.md) and must not drift.
"""

SECOND, MINUTE, HOUR, DAY, WEEK = 1, 60, 3_600, 86_400, 604_800
YEAR = 365.25 * DAY
MONTHS_A_YEAR = 12

MAX_LAG = 384
MAX_CANDIDATES = 4
DAYS_TOLERANCE = 0.26  # a year has no whole number of days or weeks: 365 and 52 are what the field uses
TOLERANCE = 1e-9


def season_candidates(step_seconds: float) -> list[int]:
    """Cycles in steps, ascending, padded with 0 to four. `step_seconds` is the spacing of a series with fixed steps."""
    tolerance = DAYS_TOLERANCE if step_seconds % DAY == 0 else TOLERANCE
    return _whole([cycle / step_seconds for cycle in (HOUR, DAY, WEEK, YEAR)], tolerance)


def season_candidates_of_months(step_months: int) -> list[int]:
    """The same for steps of whole calendar months: 1 (month) -> 12, 3 (quarter) -> 4, 12 (year) -> none."""
    return _whole([MONTHS_A_YEAR / step_months], TOLERANCE)


def _whole(quotients: list[float], tolerance: float) -> list[int]:
    cycles = [round(one) for one in quotients if abs(one - round(one)) <= tolerance and 2 <= round(one) <= MAX_LAG]
    return cycles + [0] * (MAX_CANDIDATES - len(cycles))
