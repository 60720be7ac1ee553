"""The spacing of a series: a fixed number of seconds or of calendar months, as an ISO-8601 duration."""

import re
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from ..data.frequency import DAY, HOUR, MINUTE, WEEK, season_candidates, season_candidates_of_months

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_CALENDAR = ((27.5, 31.5, 1), (89, 92.5, 3), (364, 367, 12))  # days from, days to, months


@dataclass(frozen=True)
class Step:
    """One of the two is 0."""

    seconds: int = 0
    months: int = 0

    @classmethod
    def parse(cls, text: str) -> "Step":
        """Of an ISO-8601 duration such as PT15M, PT1H, P1D, P1W or P1M."""
        match = _DURATION.fullmatch(text)
        years, months, weeks, days, hours, minutes, seconds = (
            (int(one or 0) for one in match.groups()) if match else [0] * 7
        )
        fixed = weeks * WEEK + days * DAY + hours * HOUR + minutes * MINUTE + seconds
        calendar = 12 * years + months
        if bool(fixed) == bool(calendar):
            raise ValueError(f"{text!r} is no spacing: give an ISO-8601 duration such as PT15M, PT1H, P1D or P1M")
        return cls(fixed, calendar)

    @classmethod
    def infer(cls, times: np.ndarray) -> "Step":
        """The median distance of ascending `times` (seconds since 1970); about a month, a quarter or a year is one."""
        seconds = float(np.median(np.diff(times)))
        for low, high, months in _CALENDAR:
            if low * DAY <= seconds <= high * DAY:
                return cls(months=months)
        return cls(seconds=max(round(seconds), 1))

    def __str__(self) -> str:
        if self.months:
            return f"P{self.months}M"
        for size, before, after in ((WEEK, "P", "W"), (DAY, "P", "D"), (HOUR, "PT", "H"), (MINUTE, "PT", "M")):
            if self.seconds % size == 0:
                return f"{before}{self.seconds // size}{after}"
        return f"PT{self.seconds}S"

    def positions(self, times: np.ndarray) -> np.ndarray:
        """Steps since the first of `times` (seconds since 1970, UTC), not rounded."""
        if self.seconds:
            return (times - times[0]) / self.seconds
        months = np.array([_months(one) for one in times])
        return (months - months[0]) / self.months

    def candidates(self) -> list[int]:
        """Season candidates in steps, as serving gives them: ascending, padded with 0 to four."""
        return season_candidates(self.seconds) if self.seconds else season_candidates_of_months(self.months)


def _months(seconds: float) -> float:
    time = datetime.fromtimestamp(seconds, timezone.utc)
    return 12 * time.year + time.month + (time.day - 1) / 31
