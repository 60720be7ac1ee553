"""An item's history in order of time: training part, validation part, test part; standardised by the first."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .table import ItemTable

LEAST_TRAINING_WINDOWS = 32
LEAST_OBSERVED = 0.5  # of the context and of the history: emptier ones teach the interpolation
CONSTANT = 1e-9  # a deviation this small beside the mean is rounding


@dataclass(frozen=True)
class Split:
    """Ends of the three parts, in steps."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Part:
    """Windows of one part: origins from `first` to before `end`; a context may reach back into the part before."""

    first: int
    end: int

    def __len__(self) -> int:
        return max(self.end - self.first, 0)

    def origins(self, device: torch.device | str = "cpu", stride: int = 1) -> Tensor:
        return torch.arange(self.first, self.end, stride, device=device)


@dataclass(frozen=True)
class ItemWindows:
    """values: float32 [steps, channels], standardised by the training part, 0 where missing; mask likewise, 0 or 1."""

    values: Tensor
    mask: Tensor
    mean: np.ndarray
    scale: np.ndarray
    context: int
    prediction: int
    train: Part
    validation: Part
    test: Part

    @property
    def complete(self) -> bool:
        """Nothing is missing."""
        return bool(self.mask.all())

    def rows(self, origins: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Windows at these origins: past, past mask [batch, context, channels], future, its mask [batch, prediction,
        channels]."""
        steps = torch.arange(-self.context, self.prediction, device=origins.device)
        index = origins[:, None] + steps
        values, mask = self.values[index], self.mask[index]
        past, future = slice(None, self.context), slice(self.context, None)
        return values[:, past], mask[:, past], values[:, future], mask[:, future]

    def to(self, device: str) -> "ItemWindows":
        moved = {"values": self.values.to(device), "mask": self.mask.to(device)}
        return ItemWindows(**{**self.__dict__, **moved})


def parse_split(text: str) -> tuple[float, float, float]:
    """Three shares that add to 1, or three numbers of steps."""
    try:
        parts = tuple(float(one) for one in text.split(","))
    except ValueError:
        parts = ()
    if len(parts) != 3 or min(parts) <= 0 or (sum(parts) > 1 + 1e-6 and any(one != int(one) for one in parts)):
        raise ValueError(f"--split {text}: give three shares like 0.7,0.1,0.2 or three numbers of steps")
    return parts


def split_steps(parts: tuple[float, float, float], steps: int) -> Split:
    if sum(parts) <= 1 + 1e-6:
        train = int(steps * parts[0])
        return Split(train, steps - int(steps * parts[2]), steps)
    train, validation, test = (int(one) for one in parts)
    if train + validation + test > steps:
        raise ValueError(f"--split asks for {train + validation + test} steps, there are {steps}")
    return Split(train, train + validation, train + validation + test)


def item_windows(table: ItemTable, parts: tuple[float, float, float], context: int, prediction: int) -> ItemWindows:
    """Standardises by mean and population deviation of the training part. Refuses what cannot be learnt from."""
    ends = split_steps(parts, len(table.values))
    _refuse_short(table, ends, context, prediction)
    history = table.values[: ends.test]
    seen = np.isfinite(history)
    for channel, share in zip(table.channels, seen[: ends.train].mean(axis=0), strict=True):
        if share < LEAST_OBSERVED:
            raise ValueError(
                f"channel {channel} is observed at {share:.0%} of the steps of {table.step} in the training part: give "
                "--freq of its real spacing, or leave it out with --channels"
            )
    mean, scale = np.nanmean(history[: ends.train], axis=0), np.nanstd(history[: ends.train], axis=0)
    flat = [
        one
        for one, deviation, level in zip(table.channels, scale, mean, strict=True)
        if deviation <= CONSTANT * max(abs(level), 1e-300)
    ]
    if flat:
        others = [one for one in table.channels if one not in flat]
        remedy = f"leave it out with --channels {','.join(others)}" if others else "there is nothing to forecast"
        raise ValueError(f"channel {', '.join(flat)} is constant in the training part: {remedy}")
    standardised = np.where(seen, (history - mean) / scale, 0)
    return ItemWindows(
        torch.from_numpy(standardised.astype(np.float32)),
        torch.from_numpy(seen.astype(np.float32)),
        mean,
        scale,
        context,
        prediction,
        Part(context, ends.train - prediction + 1),
        Part(max(ends.train, context), ends.validation - prediction + 1),
        Part(max(ends.validation, context), ends.test - prediction + 1),
    )


def _refuse_short(table: ItemTable, ends: Split, context: int, prediction: int) -> None:
    least = context + prediction + LEAST_TRAINING_WINDOWS
    for name, length, needed in (
        ("training", ends.train, least),
        ("validation", ends.validation - ends.train, prediction),
        ("test", ends.test - ends.validation, prediction),
    ):
        if length < needed:
            raise ValueError(
                f"item {table.item} has {len(table.values)} steps of {table.step} that all channels share, {length} "
                f"of them in the {name} part, which needs {needed} with --context {context} and --prediction "
                f"{prediction}: give smaller ones or another --split, leave out a short channel with --channels, or "
                "wait for more data"
            )
