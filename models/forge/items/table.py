"""The channels of one item on a common grid of times."""

from dataclasses import dataclass

import numpy as np

from .step import Step

MOST_STEPS_A_POINT = 50  # a grid that is emptier has a wrong date in it, and would fill the memory
OFF_GRID = 0.25  # of a step: further from the grid a time belongs to no step


@dataclass(frozen=True)
class ItemTable:
    """values: float64 [steps, channels], NaN where nothing was observed; start: seconds since 1970."""

    item: str
    channels: tuple[str, ...]
    step: Step
    start: float
    values: np.ndarray

    def choose(self, channels: list[str] | None) -> "ItemTable":
        """Only these channels, in this order; all of them for None."""
        if channels is None:
            return self
        missing = [one for one in channels if one not in self.channels]
        if missing:
            raise ValueError(
                f"item {self.item} has no channel {', '.join(missing)}; it has {', '.join(self.channels)}: "
                "correct --channels"
            )
        if len(set(channels)) < len(channels):
            raise ValueError(f"--channels names a channel twice: {', '.join(channels)}")
        return ItemTable(
            self.item,
            tuple(channels),
            self.step,
            self.start,
            self.values[:, [self.channels.index(one) for one in channels]],
        )

    def common_range(self) -> "ItemTable":
        """From the step at which every channel has begun to the step at which the first one ends."""
        seen = np.isfinite(self.values)
        if not seen.any(axis=0).all():
            empty = [one for one, any_seen in zip(self.channels, seen.any(axis=0), strict=True) if not any_seen]
            raise ValueError(f"channel {', '.join(empty)} has no value: leave it out with --channels")
        first = seen.argmax(axis=0)
        last = len(seen) - seen[::-1].argmax(axis=0)
        begin, end = int(first.max()), int(last.min())
        if begin >= end:
            late, early = self.channels[int(first.argmax())], self.channels[int(last.argmin())]
            raise ValueError(
                f"channel {late} begins after {early} ends, so that the channels of item {self.item} share no time: "
                "leave one out with --channels"
            )
        start = self.start + begin * self.step.seconds  # of months only the length matters here
        return ItemTable(self.item, self.channels, self.step, start, self.values[begin:end])


def to_table(
    item: str, channels: list[str], times: np.ndarray, values: np.ndarray, step: Step | None = None
) -> ItemTable:
    """Puts rows on the grid of their step, which is found when it is not given.

    times: seconds since 1970 [rows], in any order; values: [rows, channels], NaN where missing. A row beside the grid,
    a time that comes twice and a grid that is nearly empty are refused.
    """
    if len(times) < 2:
        raise ValueError(f"item {item} has {len(times)} rows: training needs hundreds")
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    step = step or Step.infer(times)
    exact = step.positions(times)
    positions = np.rint(exact).astype(np.int64)
    steps = int(positions[-1]) + 1
    if steps > MOST_STEPS_A_POINT * len(times):
        gap = int(np.diff(times).argmax())
        raise ValueError(
            f"item {item} has {len(times)} points in {steps} steps of {step}, the longest hole between "
            f"{_iso(times[gap])} and {_iso(times[gap + 1])}: remove the wrong date, or give the right --freq"
        )
    beside = np.flatnonzero(np.abs(exact - positions) > OFF_GRID)
    if len(beside):
        raise ValueError(
            f"item {item}: {_iso(times[beside[0]])} and {len(beside) - 1} other times are between the steps of {step}: "
            "give the right --freq"
        )
    twice = np.flatnonzero(np.diff(positions) == 0)
    if len(twice):
        raise ValueError(
            f"item {item}: {_iso(times[twice[0]])} and {_iso(times[twice[0] + 1])} are the same step of {step}: remove "
            "one, or give a finer --freq"
        )
    grid = np.full((steps, len(channels)), np.nan)
    grid[positions] = values
    return ItemTable(item, tuple(channels), step, float(times[0]), grid)


def _iso(seconds: float) -> str:
    return str(np.datetime64(round(seconds), "s"))
