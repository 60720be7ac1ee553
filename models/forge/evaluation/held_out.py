"""Held-out corpus series: the only data on which variants are chosen."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..architectures.quantile_head import LEVELS
from ..data.corpus import Series
from ..data.windows import WindowBatch, standardise

SCORED_LEVELS = tuple(level for level in LEVELS if 0.1 <= level <= 0.9)
SCORED = [LEVELS.index(level) for level in SCORED_LEVELS]
WINDOWS_A_SERIES = 6
CONTEXTS_TRIED = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384)


@dataclass(frozen=True)
class HeldOut:
    groups: list[str]
    windows: WindowBatch
    naive: np.ndarray  # seasonal naive [windows, prediction], standardised


def held_out_windows(series: list[Series], context: int, prediction: int, seed: int = 7) -> HeldOut:
    """The last window and some random ones of every held-out series at its own step; short series are left-padded."""
    rng = np.random.default_rng(seed)
    rows, groups, candidates = [], [], []
    for one in series:
        averaged = one.name.endswith(("@2", "@4", "@12", "@24"))
        if not one.held_out or averaged or len(one.values) < 3 * prediction // 2:
            continue
        last = len(one.values) - prediction
        cuts = {last, *(int(cut) for cut in rng.integers(min(128, last), last + 1, WINDOWS_A_SERIES - 1))}
        for cut in sorted(cuts):
            window = np.full(context + prediction, np.nan, dtype=np.float32)
            piece = one.values[max(0, cut - context) : cut + prediction]
            window[context + prediction - len(piece) :] = piece
            rows.append(window)
            groups.append(f"{one.group}{'+' if '@0.' in one.name else ''}")
            candidates.append(one.candidates)
    windows = standardise(np.array(rows), np.array(candidates), context)
    return HeldOut(groups, windows, _naive_forecasts(windows, prediction))


def _naive_forecasts(windows: WindowBatch, prediction: int) -> np.ndarray:
    rows = zip(windows.past, windows.past_mask, windows.candidates, strict=True)
    return np.array([seasonal_naive(*row, prediction) for row in rows])


def shorten(held_out: HeldOut, context: int, kept: int) -> HeldOut:
    """The same forecasts from only the last `kept` points, standardised anew."""
    windows = held_out.windows
    past = np.where(windows.past_mask > 0, windows.past, np.nan)
    past[:, : context - kept] = np.nan
    future = np.where(windows.future_mask > 0, windows.future, np.nan)
    shorter = standardise(np.concatenate([past, future], axis=1), windows.candidates, context)
    return HeldOut(held_out.groups, shorter, _naive_forecasts(shorter, future.shape[1]))


def smallest_useful_context(model: nn.Module, held_out: HeldOut, context: int) -> tuple[int, dict[int, float]]:
    """Fewest points with which the model beats seasonal naive by a tenth, there and with more; ratios by points."""
    ratios = {kept: score(model, shorten(held_out, context, kept))["all"] for kept in CONTEXTS_TRIED}
    useful = context
    for kept in reversed(CONTEXTS_TRIED):
        if ratios[kept] > 0.9:
            break
        useful = kept
    return useful, ratios


def seasonal_naive(past: np.ndarray, mask: np.ndarray, candidates: np.ndarray, prediction: int) -> np.ndarray:
    """Repeats the last cycle of the shortest calendar season of 7 steps or more (1 without one that fits).

    A missing point is taken from the latest cycle that has it, else 0.
    """
    observed = int(mask.sum())
    season = next((int(one) for one in candidates if 7 <= one <= observed), 1)
    cycles = len(past) // season
    values = past[len(past) - cycles * season :].reshape(cycles, season)
    seen = mask[len(past) - cycles * season :].reshape(cycles, season) > 0
    latest = np.where(seen.any(axis=0), cycles - 1 - seen[::-1].argmax(axis=0), 0)
    cycle = np.take_along_axis(np.where(seen, values, 0), latest[None], axis=0)[0]
    return np.tile(cycle, -(-prediction // season))[:prediction]


def run_model(model: nn.Module, windows: WindowBatch, batch: int = 256) -> np.ndarray:
    """Quantiles [windows, prediction, levels] in the standardised space."""
    out = []
    with torch.inference_mode():
        for start in range(0, len(windows.past), batch):
            rows = slice(start, start + batch)
            arguments = (windows.past[rows], windows.past_mask[rows], windows.candidates[rows])
            out.append(model(*(torch.from_numpy(one) for one in arguments)).numpy())
    return np.concatenate(out)


def score(model: nn.Module, held_out: HeldOut) -> dict[str, float]:
    """Pinball loss relative to seasonal naive for every group, and `all`: their geometric mean."""
    quantiles = run_model(model, held_out.windows)[..., SCORED]
    target, mask = held_out.windows.future, held_out.windows.future_mask
    levels = np.array(SCORED_LEVELS, dtype=np.float32)
    error = target[..., None] - quantiles
    loss = (2 * np.maximum(levels * error, (levels - 1) * error).mean(axis=-1) * mask).sum(axis=1)
    naive_loss = (np.abs(target - held_out.naive) * mask).sum(axis=1)
    sums = defaultdict(lambda: np.zeros(2))
    for group, ours, theirs in zip(held_out.groups, loss, naive_loss, strict=True):
        sums[group] += (ours, theirs)
    ratios = {group: float(ours / max(theirs, 1e-9)) for group, (ours, theirs) in sums.items()}
    return ratios | {"all": float(np.exp(np.mean(np.log(list(ratios.values())))))}


def coverage(model: nn.Module, held_out: HeldOut, nominal: float) -> float:
    """Share of the targets inside the central interval."""
    quantiles = run_model(model, held_out.windows)
    lower, upper = (min(range(len(LEVELS)), key=lambda i: abs(LEVELS[i] - level)) for level in _bounds(nominal))
    target, seen = held_out.windows.future, held_out.windows.future_mask > 0
    inside = (target >= quantiles[..., lower]) & (target <= quantiles[..., upper])
    return float(inside[seen].mean())


def _bounds(nominal: float) -> tuple[float, float]:
    return (1 - nominal) / 2, (1 + nominal) / 2
