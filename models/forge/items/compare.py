"""A forecaster of one item against what there is, the zero-shot packages and seasonal naive, on the test part."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..architectures.quantile_head import LEVELS
from ..evaluation.held_out import SCORED, SCORED_LEVELS
from ..evaluation.zero_shot import seasonal_naive_quantiles
from ..export.graph import INPUTS, OUTPUT
from ..export.verify import open_session
from .gaps import fill_gaps
from .split import ItemWindows

MEDIAN = LEVELS.index(0.5)
ORIGINS = 256  # at most so many, evenly spread
BATCH = 64
CONTEXT = 512  # what comparators see, where there is as much


@dataclass(frozen=True)
class TestWindows:
    """Standardised by the training part. past: [windows, context, channels], mask likewise; future: [windows, steps,
    channels], NaN where missing."""

    past: np.ndarray
    mask: np.ndarray
    future: np.ndarray
    candidates: list[int]
    season: int


Quantiles = Callable[[TestWindows], np.ndarray]  # [windows, steps, channels, levels]


@dataclass(frozen=True)
class Comparison:
    """Scores by name, the trained model first; `steps` is the horizon that all of them reach."""

    scores: dict[str, dict[str, float]]
    steps: int
    windows: int
    left_out: list[str]

    @property
    def better(self) -> list[str]:
        """Those with a smaller quantile loss than the trained model, the best first."""
        name, *others = self.scores
        wql = {one: self.scores[one]["wql"] for one in others}
        return sorted((one for one in others if wql[one] < self.scores[name]["wql"]), key=wql.__getitem__)


def compare(name: str, folder: Path, windows: ItemWindows, candidates: list[int], packages: list[Path]) -> Comparison:
    """`folder`: the package made of the item; `packages`: the folders to compare it with.

    Every one of them sees the last 512 points, or its own context, where the item has as many.
    """
    ours = package_quantiles(folder)
    others, left_out = {}, []
    for one in packages:
        quantiles = zero_shot_quantiles(one)
        if isinstance(quantiles, str):
            left_out.append(quantiles)
        else:
            others[_manifest(one)["name"]] = quantiles
    tests = test_windows(windows, candidates)
    forecasts = {name: ours(tests), "seasonal-naive": _seasonal_naive(tests)}
    forecasts |= {one: quantiles(tests) for one, quantiles in others.items()}
    steps = min(one.shape[1] for one in forecasts.values())
    scores = {one: score(quantiles[:, :steps], tests.future[:, :steps]) for one, quantiles in forecasts.items()}
    return Comparison(scores, steps, len(tests.past), left_out)


def test_windows(windows: ItemWindows, candidates: list[int]) -> TestWindows:
    stride = max(1, -(-len(windows.test) // ORIGINS))
    origins = windows.test.origins(stride=stride)
    context = min(max(CONTEXT, windows.context), int(origins[0]))
    longer = ItemWindows(**{**windows.__dict__, "context": context})
    past, mask, future, future_mask = (one.double().numpy() for one in longer.rows(origins))
    # serving gives a season the whole history back to which it may look
    season = next((one for one in candidates if 7 <= one <= context // 2), 1)
    return TestWindows(past, mask, np.where(future_mask > 0, future, np.nan), candidates, season)


def score(quantiles: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """MSE and MAE of the median, weighted quantile loss over .1 to .9, coverage of the 80 % interval."""
    seen = np.isfinite(actual)
    error = actual[..., None] - quantiles[..., SCORED]
    levels = np.array(SCORED_LEVELS)
    pinball = np.maximum(levels * error, (levels - 1) * error)[seen].mean(axis=-1)
    median = quantiles[..., MEDIAN][seen] - actual[seen]
    inside = (actual >= quantiles[..., LEVELS.index(0.1)]) & (actual <= quantiles[..., LEVELS.index(0.9)])
    return {
        "wql": float(2 * pinball.sum() / np.abs(actual[seen]).sum()),
        "mse": float((median**2).mean()),
        "mae": float(np.abs(median).mean()),
        "coverage80": float(inside[seen].mean()),
    }


def zero_shot_quantiles(folder: Path) -> Quantiles | str:
    """The forecasts of a package that was made for any series, or why it is left out."""
    manifest = _manifest(folder)
    if [one["name"] for one in manifest["inputs"]] != list(INPUTS) or manifest["outputs"][0]["name"] != OUTPUT:
        return f"{manifest['name']}: its graph is not one window in, quantiles out"
    if "channels" in manifest or "item" in manifest.get("training", {}):
        return f"{manifest['name']}: made for one item"
    return package_quantiles(folder)


def package_quantiles(folder: Path) -> Quantiles:
    """Forecasts of a package with one window in and quantiles out, each window standardised as serving does."""
    session, context = open_session(folder), _manifest(folder)["contextLength"]
    together = len(session.get_inputs()[0].shape) == 3

    def quantiles(tests: TestWindows) -> np.ndarray:
        past, mask = (_fit_context(one, context) for one in (tests.past, tests.mask))
        rows, scale, mean = _standardise(past, mask)
        channels = rows.shape[1]
        if not together:
            rows, mask = rows.reshape(-1, context), mask.reshape(-1, context)
        found = []
        for start in range(0, len(rows), BATCH):
            batch = slice(start, start + BATCH)
            seasons = np.tile(np.array(tests.candidates, dtype=np.int64), (len(rows[batch]), 1))
            given = rows[batch].astype(np.float32), mask[batch].astype(np.float32), seasons
            found.append(session.run(None, dict(zip(INPUTS, given, strict=True)))[0])
        standardised = np.concatenate(found).astype(np.float64)
        standardised = standardised.reshape(-1, channels, *standardised.shape[-2:])
        return (standardised * scale[..., None] + mean[..., None]).transpose(0, 2, 1, 3)

    return quantiles


def _fit_context(x: np.ndarray, context: int) -> np.ndarray:
    """[windows, points, channels] to [windows, channels, context]: cut, or padded by 0, on the left."""
    x = x[:, -context:].transpose(0, 2, 1)
    return np.pad(x, ((0, 0), (0, 0), (context - x.shape[-1], 0)))


def _standardise(past: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = np.maximum(mask.sum(axis=-1, keepdims=True), 1)
    mean = (past * mask).sum(axis=-1, keepdims=True) / count
    scale = np.sqrt((((past - mean) ** 2) * mask).sum(axis=-1, keepdims=True) / count)
    scale = np.maximum(scale, 1e-6 * np.maximum(np.abs(mean), 1))
    return (past - mean) / scale * mask, scale, mean


def _seasonal_naive(tests: TestWindows) -> np.ndarray:
    filled = fill_gaps(torch.from_numpy(tests.past), torch.from_numpy(tests.mask)).numpy()
    history = filled.transpose(0, 2, 1).reshape(-1, filled.shape[1])
    difference = history[:, tests.season :] - history[:, : -tests.season]
    steps = tests.future.shape[1]
    quantiles = seasonal_naive_quantiles(history, difference, tests.season, steps)
    return quantiles.reshape(len(filled), -1, steps, len(LEVELS)).transpose(0, 2, 1, 3)


def table(comparison: Comparison) -> Iterator[str]:
    yield f"{'model':<28} {'WQL':>8} {'MSE':>8} {'MAE':>8} {'cover 80':>9}"
    for name, one in comparison.scores.items():
        yield f"{name:<28} {one['wql']:>8.4f} {one['mse']:>8.4f} {one['mae']:>8.4f} {one['coverage80']:>9.3f}"


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())
