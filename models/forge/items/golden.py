"""Golden cases of an item's package: windows and what PyTorch answers, checked wherever the package is loaded."""

from collections.abc import Iterator

import numpy as np
import torch

from ..data.frequency import MAX_CANDIDATES
from ..export.golden import TOLERANCE, _round, _tensor
from ..export.graph import INPUTS, OUTPUT
from .forecaster import ItemForecaster
from .split import ItemWindows

REAL_WINDOWS = 2


def item_golden(forecaster: ItemForecaster, windows: ItemWindows, candidates: list[int]) -> dict:
    """Real windows of the test part, and windows with gaps, a short history, a constant and a spike."""
    cases = []
    for name, values in _windows(windows, forecaster.together):
        tensors = _inputs(values, candidates)
        with torch.inference_mode():
            quantiles = forecaster(*(torch.from_numpy(tensors[key]) for key in INPUTS)).numpy()
        cases.append(
            {
                "name": name,
                "inputs": {key: _tensor(value) for key, value in tensors.items()},
                "outputs": {OUTPUT: _tensor(_round(quantiles))},
            }
        )
    return {"tolerance": TOLERANCE, "cases": cases}


def _windows(windows: ItemWindows, together: bool) -> Iterator[tuple[str, np.ndarray]]:
    """name and values [batch, channels, context] or [batch, context], NaN where missing."""
    context = windows.context
    origins = torch.linspace(windows.test.first, windows.test.end - 1, REAL_WINDOWS).round().long()
    past, mask, _, _ = windows.rows(origins)
    real = torch.where(mask > 0, past, torch.nan).transpose(1, 2).double().numpy()
    if not together:
        real = real[:, 0]
    yield "two windows of the test part", real
    rng = np.random.default_rng(20)
    gappy = np.where(rng.random(real[:1].shape) < 0.3, np.nan, real[:1])
    gappy[..., context // 3 : context // 2] = np.nan
    yield "gaps", gappy
    short = real[1:].copy()
    short[..., : context - context // 4] = np.nan
    yield "a quarter of the context", short
    flat = np.full_like(real[:1], 42.0)
    flat[..., : context // 2] = np.nan
    yield "constant", flat
    spiky = real[:1].copy()
    spiky[..., context // 2] += 40
    yield "a spike", spiky


def _inputs(values: np.ndarray, candidates: list[int]) -> dict[str, np.ndarray]:
    """Standardised as serving does, each row by its own observed points."""
    seen = np.isfinite(values)
    clean = np.where(seen, values, 0)
    count = np.maximum(seen.sum(axis=-1, keepdims=True), 1)
    mean = clean.sum(axis=-1, keepdims=True) / count
    scale = np.sqrt((((clean - mean) ** 2) * seen).sum(axis=-1, keepdims=True) / count)
    standardised = np.where(seen, (clean - mean) / np.maximum(scale, 1e-9), 0)
    return dict(
        zip(
            INPUTS,
            (
                _round(standardised.astype(np.float32)),
                seen.astype(np.float32),
                np.tile(np.array(candidates, dtype=np.int64), (len(values), 1))[:, :MAX_CANDIDATES],
            ),
            strict=True,
        )
    )
