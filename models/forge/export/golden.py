"""Golden cases: varied windows and what PyTorch answers, checked wherever the model is loaded."""

import numpy as np
import torch
from torch import nn

from .graph import INPUTS, OUTPUT

TOLERANCE = {"absolute": 1e-4, "relative": 1e-3}
SIGNIFICANT_DIGITS = 6


def golden_cases(model: nn.Module, context: int, multivariate: bool = False) -> dict:
    """What the model answers to each window, and for a multivariate one to an item of all of them."""
    cases = []
    for name, inputs in _item_cases(context) if multivariate else _window_cases(context):
        with torch.inference_mode():
            quantiles = model(*(torch.from_numpy(inputs[key]) for key in INPUTS)).numpy()
        tensors = {key: _tensor(value) for key, value in inputs.items()}
        cases.append({"name": name, "inputs": tensors, "outputs": {OUTPUT: _tensor(_round(quantiles))}})
    return {"tolerance": TOLERANCE, "cases": cases}


def _window_cases(context: int):
    for name, values, candidates in _windows(context):
        yield name, _inputs(values, candidates)


def _item_cases(context: int):
    """Every window as an item of one channel, then one item of them all."""
    cases = list(_window_cases(context))
    for name, inputs in cases:
        yield name, _as_items(inputs, variates=1)
    past_and_mask = INPUTS[:2]
    whole = {key: np.concatenate([inputs[key] for _, inputs in cases]) for key in past_and_mask}
    whole[INPUTS[2]] = np.array([[24, 168, 0, 0]] * len(whole[INPUTS[0]]), dtype=np.int64)
    yield "all of them as the channels of one item", _as_items(whole, variates=len(whole[INPUTS[0]]))


def _as_items(inputs: dict[str, np.ndarray], variates: int) -> dict[str, np.ndarray]:
    values, mask, candidates = (inputs[key] for key in INPUTS)
    shape = (-1, variates, values.shape[1])
    return dict(zip(INPUTS, (values.reshape(shape), mask.reshape(shape), candidates[::variates]), strict=True))


def _windows(context: int):
    """name, raw values [batch, context] with NaN where missing, candidates [batch, 4]."""
    rng = np.random.default_rng(20)
    t = np.arange(context)
    day = np.sin(2 * np.pi * t / 24) + 0.4 * np.sin(2 * np.pi * t / 12 + 1)
    week = np.where(t // 24 % 7 >= 5, 0.4, 1.0)
    noise = rng.standard_normal(context)

    yield "hourly load with a week, full", (10 + day * week + 0.2 * noise)[None], [[24, 168, 0, 0]]
    short = (5 + 0.02 * t + day + 0.1 * noise).copy()
    short[: context - 70] = np.nan
    yield "70 points, left-padded, no candidates", short[None], [[0, 0, 0, 0]]
    gappy = np.where(rng.random(context) < 0.3, np.nan, 3 * day + noise)
    gappy[200:290] = np.nan
    yield "gaps, wrong candidates", gappy[None], [[7, 365, 0, 0]]
    yield "constant", np.full((1, context), 42.0), [[24, 168, 0, 0]]
    walk = np.cumsum(rng.standard_normal(context))
    spiky = day.copy()
    spiky[300] += 40
    yield "random walk and a spike, batch of two", np.stack([walk, spiky]), [[52, 0, 0, 0], [24, 168, 0, 0]]


def _inputs(values: np.ndarray, candidates: list[list[int]]) -> dict[str, np.ndarray]:
    seen = np.isfinite(values)
    clean = np.where(seen, values, 0)
    count = seen.sum(axis=1, keepdims=True)
    mean = clean.sum(axis=1, keepdims=True) / count
    scale = np.sqrt((((clean - mean) ** 2) * seen).sum(axis=1, keepdims=True) / count)
    standardised = np.where(seen, (clean - mean) / np.maximum(scale, 1e-9), 0)
    return {
        "past_values": _round(standardised.astype(np.float32)),
        "past_observed_mask": seen.astype(np.float32),
        "season_candidates": np.array(candidates, dtype=np.int64),
    }


def _round(values: np.ndarray) -> np.ndarray:
    """Six significant digits, so that the file stays small and the input is exactly what the file says."""
    return np.array([float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in values.ravel()], dtype=np.float32).reshape(
        values.shape
    )


def _tensor(array: np.ndarray) -> dict:
    if array.dtype == np.int64:
        data = array.ravel().tolist()
    else:
        data = [float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in array.ravel()]
        data = [int(value) if value == int(value) and abs(value) < 1e6 else value for value in data]
    return {"dtype": array.dtype.name, "dims": list(array.shape), "data": data}
