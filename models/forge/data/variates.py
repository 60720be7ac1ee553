"""Batches of multivariate windows: real items with all their channels, and synthetic ones that share factors."""

from collections import defaultdict

import numpy as np
from numpy.random import Generator

from .corpus import Series
from .windows import WindowBatch, WindowSampler, standardise

VARIATES = (1, 2, 3, 5, 7, 8, 12, 21)
VARIATE_CHANCES = (0.4, 0.1, 0.1, 0.1, 0.15, 0.05, 0.05, 0.05)
REAL_ITEM_SHARE = 0.5  # of the real windows of several variates: channels of one item, else strangers
LONGEST_LEAD = 24  # steps by which one channel of a synthetic item runs ahead of another


class VariateSampler:
    """Draws univariate windows as `sampler` does and joins them to items; arrays are [batch, variates, ...].

    The number of variates changes from batch to batch, the number of series in it hardly.
    """

    def __init__(self, sampler: WindowSampler, rng: Generator):
        self.sampler, self.rng = sampler, rng
        self.items = aligned_items(sampler.series)

    def batch(self, size: int) -> WindowBatch:
        variates = int(self.rng.choice(VARIATES, p=VARIATE_CHANCES))
        items = max(1, size // variates)
        values, candidates = self.sampler.draw(items * variates)
        values = values.reshape(items, variates, -1)
        candidates = candidates.reshape(items, variates, -1)[:, 0]
        if variates > 1:
            real = self.rng.random(items) < self.sampler.real_share * REAL_ITEM_SHARE * bool(self.items)
            for index in np.flatnonzero(real):
                values[index], candidates[index] = self._real_item(variates)
            self._share_factors(values, np.flatnonzero(~real))
        values = values.reshape(items * variates, -1)
        self.sampler.forget_past(values)
        flat = standardise(values, np.zeros((len(values), 4)), self.sampler.context)
        shape = (items, variates, -1)
        return WindowBatch(
            flat.past.reshape(shape),
            flat.past_mask.reshape(shape),
            self.sampler.doubt(candidates),
            flat.future.reshape(shape),
            flat.future_mask.reshape(shape),
        )

    def _real_item(self, variates: int):
        """Channels of one real item at one cut, in a random order; some twice where it has fewer."""
        rng, sampler = self.rng, self.sampler
        item = self.items[rng.integers(len(self.items))]
        order = rng.permutation(len(item))
        chosen = [item[order[i % len(order)]] for i in range(variates)]
        cut = rng.integers(8, max(9, len(item[0].values) - sampler.prediction + 1))
        return np.array([sampler.cut_window(one, cut) for one in chosen]), item[0].candidates

    def _share_factors(self, values: np.ndarray, items: np.ndarray) -> None:
        """In place: most items become mixes of a few of their own series, some with a lead over the others."""
        rng = self.rng
        for index in items:
            if rng.random() < 0.35:
                continue
            window = np.nan_to_num(values[index])
            scale = window.std(axis=1, keepdims=True) + 1e-6
            window = (window - window.mean(axis=1, keepdims=True)) / scale
            count = len(window)
            factors = window[: rng.integers(1, min(3, count) + 1)]
            loads = rng.standard_normal((count, len(factors))) * np.exp(rng.uniform(-1.5, 1.0, (count, 1)))
            own = np.exp(rng.uniform(-3.0, 0.7, (count, 1)))
            mixed = loads @ factors + own * window
            for row in np.flatnonzero(rng.random(count) < 0.5):
                lead = int(rng.integers(1, LONGEST_LEAD + 1))
                mixed[row] = np.concatenate([mixed[row, :lead][::-1], mixed[row, :-lead]])
            values[index] = np.where(np.isfinite(values[index]), mixed, np.nan)


def aligned_items(series: list[Series]) -> list[list[Series]]:
    """Series of one group with the same step, number of points and averaging: the channels of one item."""
    items: dict[tuple, list[Series]] = defaultdict(list)
    for one in series:
        averaged = one.name.rsplit("@", 1)[-1]
        items[one.group, one.candidates, len(one.values), averaged].append(one)
    return [item for item in items.values() if len(item) > 1 and not item[0].group.startswith("m4/")]
