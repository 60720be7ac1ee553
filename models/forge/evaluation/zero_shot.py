"""The six evaluation sets, read for measuring only: ETTh1, ETTh2, ETTm1, ETTm2 at 96, M4 hourly at 48 and weekly at 13.

Windows are the last `context` points (and the mask where a series is shorter). ETT is standardised by the mean and
population std of its training split; M4 is in its own units.
"""

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from ..architectures.quantile_head import LEVELS
from ..data.frequency import HOUR, MINUTE, WEEK, season_candidates
from .held_out import SCORED, SCORED_LEVELS

Forecast = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

MEDIAN = LEVELS.index(0.5)
ETT_MONTH = 30 * 24
ETT_SPLIT = (12 * ETT_MONTH, 16 * ETT_MONTH, 20 * ETT_MONTH)


@dataclass(frozen=True)
class EvaluationSet:
    """history: NaN-padded [windows, context]; actual: [windows, horizon]."""

    name: str
    history: np.ndarray
    actual: np.ndarray
    season: int
    candidates: tuple[int, ...]


def evaluation_sets(folder: Path, context: int, stride: int = 96) -> Iterator[EvaluationSet]:
    forecasting = folder / "forecasting"
    for name, per_hour in (("ETTh1", 1), ("ETTh2", 1), ("ETTm1", 4), ("ETTm2", 4)):
        yield _ett(forecasting / f"{name}.csv.gz", name, per_hour, context, stride)
    yield _m4(forecasting / "m4", "Hourly", HOUR, 24, context)
    yield _m4(forecasting / "m4", "Weekly", WEEK, 1, context)


def _rows(path: Path) -> list[list[str]]:
    with gzip.open(path, "rb") as file:
        return list(csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig")))[1:]


def _ett(path: Path, name: str, per_hour: int, context: int, stride: int, horizon: int = 96) -> EvaluationSet:
    values = np.array([[float(cell) for cell in row[1:]] for row in _rows(path)])
    train, first, end = (border * per_hour for border in ETT_SPLIT)
    values = (values - values[:train].mean(axis=0)) / values[:train].std(axis=0)
    history, actual = [], []
    for cut in range(first, end - horizon + 1, stride):
        history.extend(values[cut - context : cut].T)
        actual.extend(values[cut : cut + horizon].T)
    season = 24 * per_hour
    return EvaluationSet(
        name, np.array(history), np.array(actual), season, tuple(season_candidates(60 * MINUTE / per_hour))
    )


def _m4(folder: Path, kind: str, step: int, season: int, context: int) -> EvaluationSet:
    trains, tests = _rows(folder / f"{kind}-train.csv.gz"), _rows(folder / f"{kind}-test.csv.gz")
    history = np.full((len(trains), context), np.nan)
    for row, train in enumerate(trains):
        values = [float(cell) for cell in train[1:] if cell not in ("", "NA")][-context:]
        history[row, context - len(values) :] = values
    actual = np.array([[float(cell) for cell in test[1:] if cell not in ("", "NA")] for test in tests])
    return EvaluationSet(f"M4 {kind.lower()}", history, actual, season, tuple(season_candidates(step)))


def measure(one: EvaluationSet, forecast: Forecast) -> dict[str, float]:
    """WQL and MASE of the model and of seasonal naive with intervals, their ratios, coverage of the 80 % interval.

    `forecast` takes the three inputs of the model package and gives its quantiles.
    """
    seen = np.isfinite(one.history)
    clean = np.where(seen, one.history, 0)
    count = seen.sum(axis=1, keepdims=True)
    mean = clean.sum(axis=1, keepdims=True) / count
    scale = np.sqrt((((clean - mean) ** 2) * seen).sum(axis=1, keepdims=True) / count)
    scale = np.maximum(scale, 1e-6 * np.maximum(np.abs(mean), 1))
    past = np.where(seen, (clean - mean) / scale, 0).astype(np.float32)
    candidates = np.tile(np.array(one.candidates, dtype=np.int64), (len(past), 1))
    horizon = one.actual.shape[1]
    batches = [slice(start, start + 256) for start in range(0, len(past), 256)]
    quantiles = np.concatenate([forecast(past[b], seen[b].astype(np.float32), candidates[b]) for b in batches])
    quantiles = quantiles[:, :horizon].astype(np.float64) * scale[..., None] + mean[..., None]

    difference = one.history[:, one.season :] - one.history[:, : -one.season]
    denominator = np.nanmean(np.abs(difference), axis=1)
    naive = seasonal_naive_quantiles(one.history, difference, one.season, horizon)
    ours = _wql(quantiles[..., SCORED], one.actual), _mase(quantiles[..., MEDIAN], one.actual, denominator)
    theirs = _wql(naive[..., SCORED], one.actual), _mase(naive[..., MEDIAN], one.actual, denominator)
    inside = (one.actual >= quantiles[..., LEVELS.index(0.1)]) & (one.actual <= quantiles[..., LEVELS.index(0.9)])
    error = quantiles[..., MEDIAN] - one.actual
    return {
        "wql": ours[0],
        "mase": ours[1],
        "naiveWql": theirs[0],
        "naiveMase": theirs[1],
        "relativeWql": ours[0] / theirs[0],
        "relativeMase": ours[1] / theirs[1],
        "coverage80": float(inside.mean()),
        "mse": float((error**2).mean()),
        "windows": len(past),
    }


def seasonal_naive_quantiles(history: np.ndarray, difference: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The last cycle repeated, normal around it: a random walk of cycles (Hyndman & Athanasopoulos, FPP3, 5.5)."""
    cycles = -(-horizon // season)
    centre = np.tile(history[:, -season:], (1, cycles))[:, :horizon]
    deviation = np.sqrt(np.nanmean(difference**2, axis=1))
    width = deviation[:, None] * np.sqrt(np.arange(horizon) // season + 1)
    return centre[..., None] + width[..., None] * np.array([NormalDist().inv_cdf(level) for level in LEVELS])


def _wql(quantiles: np.ndarray, actual: np.ndarray) -> float:
    levels = np.array(SCORED_LEVELS)
    error = actual[..., None] - quantiles
    pinball = np.maximum(levels * error, (levels - 1) * error).sum(axis=(0, 1))
    return float((2 * pinball / np.abs(actual).sum()).mean())


def _mase(median: np.ndarray, actual: np.ndarray, denominator: np.ndarray) -> float:
    scaled = denominator > 0  # a context that repeats itself exactly has no scale
    return float((np.abs(median - actual).mean(axis=1)[scaled] / denominator[scaled]).mean())


def geometric_mean(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


TABLE_HEAD = f"{'set':<10} {'WQL':>8} {'MASE':>8} {'rel. WQL':>9} {'rel. MASE':>9} {'cover 80':>9} {'windows':>8}"


def table_row(name: str, result: dict[str, float]) -> str:
    return (
        f"{name:<10} {result['wql']:>8.4f} {result['mase']:>8.4f} {result['relativeWql']:>9.4f} "
        f"{result['relativeMase']:>9.4f} {result['coverage80']:>9.3f} {result['windows']:>8}"
    )


def measure_all(
    folder: Path, forecast: Forecast, stride: int = 96, context: int = 512
) -> Iterator[tuple[str, dict[str, float]]]:
    for one in evaluation_sets(folder, context, stride):
        yield one.name, measure(one, forecast)
