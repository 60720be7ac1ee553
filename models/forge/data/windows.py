"""Batches of training windows: draws from the synthetic pool and the real series, augments, standardises.

All of it is numpy over the whole batch, so that it costs a few per cent of a training step.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .corpus import Series
from .frequency import MAX_CANDIDATES
from .pool import SyntheticPool
from .synthetic import CALENDARS

SCALE_FLOOR = 1e-6


@dataclass(frozen=True)
class WindowBatch:
    """Standardised by the observed part of the context; missing points are 0 and masked 0.

    past, past_mask: float32 [batch, context]; candidates: int64 [batch, 4];
    future, future_mask: float32 [batch, prediction].
    """

    past: np.ndarray
    past_mask: np.ndarray
    candidates: np.ndarray
    future: np.ndarray
    future_mask: np.ndarray


@dataclass(frozen=True)
class Augmentation:
    """Chance a window of each change (ours after TSMixup, TempoPFN and TinyCast)."""

    mixup: float = 0.3
    stretch: float = 0.25
    flip: float = 0.15
    reversal: float = 0.05
    modulation: float = 0.08
    censoring: float = 0.06
    quantisation: float = 0.04
    missing: float = 0.10
    jitter: float = 0.10
    full_context: float = 0.6
    shortest_context: int = 12
    no_candidates: float = 0.3
    wrong_candidates: float = 0.08


class WindowSampler:
    """`real_share` of every batch comes from `series`, the rest from `pool`."""

    def __init__(
        self,
        pool: SyntheticPool,
        series: list[Series],
        context: int,
        prediction: int,
        real_share: float,
        rng: Generator,
        augmentation: Augmentation | None = None,
    ):
        self.pool, self.context, self.prediction = pool, context, prediction
        self.real_share, self.rng = real_share, rng
        self.augmentation = augmentation or Augmentation()
        self.series = [one for one in series if len(one.values) >= 24 and np.nanstd(one.values) > 0]
        self.chances = _series_chances(self.series)

    def batch(self, size: int) -> WindowBatch:
        values, candidates = self.draw(size)
        self.forget_past(values)
        return standardise(values, self.doubt(candidates), self.context)

    def draw(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Augmented windows [size, context + prediction] with their whole past, and candidates [size, 4]."""
        real = round(size * self.real_share)
        synthetic, synthetic_seasons = self._synthetic(size - real)
        genuine, genuine_seasons = self._real(real)
        values = self._augment(np.concatenate([synthetic, genuine]))
        return values, np.concatenate([synthetic_seasons, genuine_seasons])

    def cut_window(self, one: Series, cut: int) -> np.ndarray:
        """The points around `cut`, standardised by those before it; NaN where there are none."""
        window = np.full(self.context + self.prediction, np.nan, dtype=np.float32)
        before = one.values[max(0, cut - self.context) : cut]
        after = one.values[cut : cut + self.prediction]
        centre, deviation = _centre_and_deviation(before)
        window[self.context - len(before) : self.context] = (before - centre) / deviation
        window[self.context : self.context + len(after)] = (after - centre) / deviation
        return window

    def _synthetic(self, count: int):
        rng, window = self.rng, self.context + self.prediction
        rows = rng.integers(0, len(self.pool.values), count)
        length = self.pool.values.shape[1]
        stretch = np.where(rng.random(count) < self.augmentation.stretch, rng.uniform(0.4, length / window, count), 1.0)
        start = rng.uniform(0, 1, count) * (length - 1 - (window - 1) * stretch)
        start = np.where(stretch == 1.0, np.floor(start), start)
        position = start[:, None] + np.arange(window)[None, :] * stretch[:, None]
        left = position.astype(np.int64)
        weight = (position - left).astype(np.float32)
        right = np.minimum(left + 1, length - 1)
        values = self.pool.values[rows[:, None], left].astype(np.float32) * (1 - weight)
        values += self.pool.values[rows[:, None], right].astype(np.float32) * weight
        candidates = self.pool.candidates[rows].astype(np.int64)
        candidates[stretch != 1.0] = 0

        mixed = np.flatnonzero(rng.random(count) < self.augmentation.mixup)
        if len(mixed) and count > 1:
            shares = rng.dirichlet([1.5, 1.0, 1.0], len(mixed)).astype(np.float32)
            shares[rng.random(len(mixed)) < 0.5, 2] = 0
            others = rng.integers(0, count, (len(mixed), 2))
            sources = values.copy()
            values[mixed] = (
                shares[:, :1] * sources[mixed]
                + shares[:, 1:2] * sources[others[:, 0]]
                + shares[:, 2:] * sources[others[:, 1]]
            )
        return values, candidates

    def _real(self, count: int):
        rng, window = self.rng, self.context + self.prediction
        values = np.full((count, window), np.nan, dtype=np.float32)
        candidates = np.zeros((count, MAX_CANDIDATES), dtype=np.int64)
        for row, index in enumerate(rng.choice(len(self.series), count, p=self.chances)):
            one = self.series[index]
            # the cut lies anywhere with 8 points before it and some after it
            cut = rng.integers(8, max(9, len(one.values) - min(self.prediction, len(one.values) // 3) + 1))
            values[row] = self.cut_window(one, cut)
            candidates[row] = one.candidates
        return values, candidates

    def _augment(self, values: np.ndarray) -> np.ndarray:
        rng, chance = self.rng, self.augmentation
        count, window = values.shape
        values = np.where(rng.random((count, 1)) < chance.flip, -values, values)
        whole = np.isfinite(values).all(axis=1)
        reverse = np.flatnonzero((rng.random(count) < chance.reversal) & whole)
        values[reverse] = values[reverse, ::-1]

        rows = np.flatnonzero(rng.random(count) < chance.modulation)
        if len(rows):
            ramp = np.linspace(-1, 1, window, dtype=np.float32)[None, :]
            slope = rng.uniform(-0.8, 0.8, (len(rows), 1)).astype(np.float32)
            values[rows] *= 1 + slope * ramp
        rows = np.flatnonzero(rng.random(count) < chance.censoring)
        if len(rows):
            low, high = rng.uniform(-1.5, 0, (len(rows), 1)), rng.uniform(0.7, 3, (len(rows), 1))
            values[rows] = np.clip(values[rows], low, high)
        rows = np.flatnonzero(rng.random(count) < chance.quantisation)
        if len(rows):
            step = rng.uniform(0.05, 0.6, (len(rows), 1)).astype(np.float32)
            values[rows] = np.round(values[rows] / step) * step
        rows = np.flatnonzero(rng.random(count) < chance.jitter)
        if len(rows):
            amount = np.exp(rng.uniform(-4, -1.2, (len(rows), 1))).astype(np.float32)
            values[rows] += amount * rng.standard_normal((len(rows), window)).astype(np.float32)
        return values

    def forget_past(self, values: np.ndarray) -> None:
        """Shortens contexts and punches gaps, single points and runs, in place."""
        rng, chance, context = self.rng, self.augmentation, self.context
        count = len(values)
        short = rng.random(count) >= chance.full_context
        kept = np.exp(rng.uniform(np.log(chance.shortest_context), np.log(context), count))
        kept = np.where(short, kept, context).astype(int)
        position = np.arange(context)[None, :]
        past = values[:, :context]
        past[position < context - kept[:, None]] = np.nan

        gappy = rng.random(count) < chance.missing
        scattered = rng.random((count, context)) < rng.uniform(0, 0.4, (count, 1)) * (rng.random((count, 1)) < 0.6)
        start = context - kept * rng.uniform(0, 1, count)
        run = (position >= start[:, None]) & (position < (start + kept * rng.uniform(0, 0.4, count))[:, None])
        past[(scattered | run) & gappy[:, None]] = np.nan

    def doubt(self, candidates: np.ndarray) -> np.ndarray:
        """Sometimes no candidates and sometimes those of another frequency."""
        rng, chance = self.rng, self.augmentation
        fate = rng.random(len(candidates))
        candidates = candidates.copy()
        candidates[fate < chance.no_candidates] = 0
        for row in np.flatnonzero(fate > 1 - chance.wrong_candidates):
            known = CALENDARS[rng.integers(len(CALENDARS))][2]
            candidates[row] = 0
            candidates[row, : len(known)] = known
        return candidates


def _centre_and_deviation(values: np.ndarray) -> tuple[float, float]:
    """Of the observed points; the deviation is floored relative to the centre, so that flat series stay finite."""
    seen = values[np.isfinite(values)]
    if len(seen) == 0:
        return 0.0, 1.0
    return seen.mean(), seen.std() + 1e-6 * (abs(seen.mean()) + 1)


def _series_chances(series: list[Series]) -> np.ndarray:
    """A group weighs the root of its points, M4 twice that; inside a group the root of each series' points."""
    if not series:
        return np.zeros(0)
    roots = np.sqrt([min(len(one.values), 20_000) for one in series])
    totals: dict[str, float] = {}
    points: dict[str, int] = {}
    for one, root in zip(series, roots, strict=True):
        totals[one.group] = totals.get(one.group, 0) + root
        points[one.group] = points.get(one.group, 0) + len(one.values)
    weights = [
        root / totals[one.group] * min(points[one.group], 200_000) ** 0.5 * (2 if one.group.startswith("m4/") else 1)
        for one, root in zip(series, roots, strict=True)
    ]
    return np.array(weights) / np.sum(weights)


def standardise(values: np.ndarray, candidates: np.ndarray, context: int) -> WindowBatch:
    """`values` [batch, context + prediction], NaN where missing. Mean and population std of the observed context."""
    seen = np.isfinite(values)
    clean = np.where(seen, values, 0).astype(np.float64)
    past, past_seen = clean[:, :context], seen[:, :context]
    count = np.maximum(past_seen.sum(axis=1, keepdims=True), 1)
    mean = past.sum(axis=1, keepdims=True) / count
    variance = (((past - mean) ** 2) * past_seen).sum(axis=1, keepdims=True) / count
    scale = np.maximum(np.sqrt(variance), SCALE_FLOOR)
    scaled = np.where(seen, (clean - mean) / scale, 0).astype(np.float32)
    # a flat context says nothing about scale: such rows teach only the context's own constancy
    usable = (np.sqrt(variance) > 1e-3) & (past_seen.sum(axis=1, keepdims=True) >= 4)
    future_mask = (seen[:, context:] & usable & (np.abs(scaled[:, context:]) < 50)).astype(np.float32)
    return WindowBatch(
        past=np.clip(scaled[:, :context], -1e4, 1e4),
        past_mask=past_seen.astype(np.float32),
        candidates=candidates.astype(np.int64),
        future=np.clip(scaled[:, context:], -50, 50),
        future_mask=future_mask,
    )
