import pytest

from forge.data.frequency import DAY, HOUR, MINUTE, SECOND, WEEK, season_candidates, season_candidates_of_months


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (SECOND, [0, 0, 0, 0]),
        (MINUTE, [60, 0, 0, 0]),
        (5 * MINUTE, [12, 288, 0, 0]),
        (10 * MINUTE, [6, 144, 0, 0]),
        (15 * MINUTE, [4, 96, 0, 0]),
        (30 * MINUTE, [2, 48, 336, 0]),
        (HOUR, [24, 168, 0, 0]),
        (DAY, [7, 365, 0, 0]),
        (WEEK, [52, 0, 0, 0]),
        (7 * HOUR, [24, 0, 0, 0]),  # a week of 24 steps
    ],
)
def test_cycles_of_fixed_steps(step, expected):
    assert season_candidates(step) == expected


@pytest.mark.parametrize(("months", "expected"), [(1, 12), (3, 4), (6, 2), (12, 0), (5, 0)])
def test_cycles_of_calendar_steps(months, expected):
    assert season_candidates_of_months(months) == [expected, 0, 0, 0]
