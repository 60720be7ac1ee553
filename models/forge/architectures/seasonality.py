"""Computed seasonality (ours): finds two lags in a window and copies earlier cycles forward.

It runs inside the model's graph, so that training and serving cannot differ. Only plain operators are used: the masked
difference at every lag comes from correlations by matrix products with fixed Fourier tables.
"""

import math

import torch
from torch import Tensor, nn

from ..data.frequency import MAX_LAG

MIN_LAG = 2
PRIOR_PAIRS = 12.0  # pairs of unrelated points added to every lag: few pairs must not look like a good match
UNRELATED = 2.0  # mean squared difference of unrelated points in a standardised window
LENGTH_PENALTY = 0.005  # a fresher cycle wins between equals, and exact ties stay out of reach of rounding
MIN_CANDIDATE = 6  # a shorter one is passed over beside a longer one: the hour of quarters of an hour is no season
CALENDAR_FACTOR = 0.6  # a calendar cycle may fit this much worse than a free peak
NEIGHBOURHOOD = 8  # the second lag keeps an eighth of the first away from it
CYCLES = 4
OUT_OF_REACH = 1e6


class SeasonFinder(nn.Module):
    """Two different lags for every window, by a back-test of the seasonal naive forecast inside it.

    The error of lag L over a horizon H is the mean over h = 1..H of D(L * ceil(h / L)), where D(k) is the mean squared
    difference of points k apart, both observed.
    """

    def __init__(self, context: int, prediction: int):
        super().__init__()
        self.context = context
        longest = MAX_LAG + prediction  # the longest lag that D is asked for
        size = 2 ** math.ceil(math.log2(2 * context))
        frequency = torch.arange(size // 2 + 1, dtype=torch.float64)
        angle = 2 * math.pi * torch.arange(context, dtype=torch.float64)[:, None] * frequency[None, :] / size
        self.bins = len(frequency)
        self.register_buffer("fourier", torch.cat([angle.cos(), angle.sin()], dim=1).float(), persistent=False)

        lags = torch.arange(longest + 1, dtype=torch.float64)
        weight = torch.full_like(frequency, 2.0)
        weight[0] = weight[-1] = 1.0
        angle = 2 * math.pi * frequency[:, None] * lags[None, :] / size
        backtest = torch.zeros(longest + 1, MAX_LAG + 1, dtype=torch.float64)
        for lag in range(1, MAX_LAG + 1):
            for step in range(1, prediction + 1):
                backtest[lag * math.ceil(step / lag), lag] += 1 / prediction
        # D is needed only inside the back-test, which is linear in the correlations: one table does both
        inverse_cos = weight[:, None] * angle.cos() / size
        self.register_buffer("inverse_cos", (inverse_cos @ backtest).float(), persistent=False)
        self.register_buffer("lags", torch.arange(MAX_LAG + 1, dtype=torch.float32)[None, :], persistent=False)

    def forward(self, x: Tensor, mask: Tensor, candidates: Tensor) -> Tensor:
        """x: [batch, context], 0 where mask is 0; candidates: int64 [batch, 4]. Two lags, whole float32 [batch, 2]."""
        errors = self.errors(x, mask)
        is_candidate = self._mark(candidates)
        costs = torch.where(is_candidate, errors * CALENDAR_FACTOR, errors) + LENGTH_PENALTY * self.lags / MAX_LAG
        # a free lag must be a local minimum: neighbours of a peak and slopes are no seasons
        left = torch.cat([costs[:, :1], costs[:, :-1]], dim=1)
        right = torch.cat([costs[:, 1:], costs[:, -1:]], dim=1)
        slope = (errors > left + 1e-6) | (errors > right + 1e-6)
        costs = torch.where(slope & ~is_candidate, costs + 1.0, costs)
        costs = torch.where(self.lags < MIN_LAG, torch.full_like(costs, OUT_OF_REACH), costs)

        first = costs.argmin(dim=1, keepdim=True).float()
        near = (self.lags - first).abs() <= torch.clamp(torch.floor(first / NEIGHBOURHOOD), min=1.0)
        second = torch.where(near, costs + OUT_OF_REACH, costs).argmin(dim=1, keepdim=True).float()
        return torch.cat([first, second], dim=1)

    def errors(self, x: Tensor, mask: Tensor) -> Tensor:
        """Back-test error of every lag 0..MAX_LAG, shrunk towards UNRELATED. [batch, MAX_LAG + 1]."""
        spectrum = torch.stack([x, x * x, mask], dim=1) @ self.fourier
        cos, sin = spectrum[..., : self.bins], spectrum[..., self.bins :]
        value, square, seen = cos.unbind(1)
        value_sin, square_sin, seen_sin = sin.unbind(1)
        pairs = seen * seen + seen_sin * seen_sin
        # sum over pairs of (a - b)^2 = a^2 + b^2 - 2ab; real parts only, correlations of either sign of the lag added
        squares = 2 * (square * seen + square_sin * seen_sin) - 2 * (value * value + value_sin * value_sin)
        totals = torch.stack([squares, pairs], dim=1) @ self.inverse_cos
        total, count = torch.clamp(totals[:, 0], min=0.0), torch.clamp(totals[:, 1], min=0.0)
        return (total + PRIOR_PAIRS * UNRELATED) / (count + PRIOR_PAIRS)

    def _mark(self, candidates: Tensor) -> Tensor:
        """bool [batch, MAX_LAG + 1]: which lags are candidates."""
        candidates = candidates.float()
        longest = candidates.amax(dim=1, keepdim=True)
        counts = (candidates >= MIN_CANDIDATE) | (candidates == longest)
        candidates = torch.where(counts, candidates, torch.zeros_like(candidates))
        return (self.lags[:, None, :] == candidates[:, :, None]).any(dim=1)


class CycleCopier(nn.Module):
    """Values one lag earlier for every position of context and future, and the mean of the last four cycles."""

    def __init__(self, context: int, prediction: int):
        super().__init__()
        self.context = context
        past = torch.arange(context, dtype=torch.float32)
        self.register_buffer("past", past[None, :], persistent=False)
        self.register_buffer("step", torch.arange(1, prediction + 1, dtype=torch.float32)[None, :], persistent=False)
        self.register_buffer("cycle", torch.arange(CYCLES, dtype=torch.float32)[None, :, None], persistent=False)

    def forward(self, x: Tensor, mask: Tensor, lag: Tensor, fallback: Tensor) -> tuple[Tensor, Tensor]:
        """x, mask: [batch, context]; lag, fallback: [batch, 1]. Returns copy and mean, [batch, context + prediction].

        A missing value is taken from up to three cycles earlier. When these are missing too, the future gets `fallback`
        (the last value) and the past 0.
        """
        whole = torch.ceil(self.step / lag - 1e-4)  # not quite a division of integers on every device
        base = torch.cat([self.past - lag, self.context - 1 + self.step - lag * whole], dim=1)
        position = base[:, None, :] - self.cycle * lag[:, :, None]
        inside = (position >= 0).float()
        index = torch.clamp(position, min=0.0).long().flatten(1)
        shape = (-1, CYCLES, base.shape[1])
        values = x.gather(1, index).reshape(shape)
        seen = mask.gather(1, index).reshape(shape) * inside

        nothing = torch.cat([torch.zeros_like(self.past) * lag, fallback + torch.zeros_like(self.step)], dim=1)
        copy = nothing
        for cycle in reversed(range(CYCLES)):
            copy = torch.where(seen[:, cycle] > 0, values[:, cycle], copy)
        count = seen.sum(dim=1)
        mean = torch.where(count > 0, (values * seen).sum(dim=1) / torch.clamp(count, min=1.0), nothing)
        return copy, mean


def last_value(x: Tensor, mask: Tensor) -> Tensor:
    """The latest observed value, 0 where nothing was observed. [batch, 1]."""
    context = x.shape[1]
    position = torch.arange(1, context + 1, dtype=x.dtype, device=x.device)[None, :] * mask
    latest = position.amax(dim=1, keepdim=True)
    return torch.where((position == latest) & (mask > 0), x, torch.zeros_like(x)).sum(dim=1, keepdim=True)
