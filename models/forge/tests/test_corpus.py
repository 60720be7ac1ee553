"""No window of the evaluation sets is among the series that models are trained on or chosen on."""

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from forge.data.corpus import read_corpus

DATA = Path(__file__).resolve().parents[4] / "shared" / "datasets"
WINDOW = {"m4/Hourly": 48, "m4/Weekly": 13}
DEFAULT_WINDOW = 48
DECIMALS = 3

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the data sets are not beside the repository ({DATA.name})")


def fingerprints(values: np.ndarray, window: int, stride: int = 1) -> set[bytes]:
    """Of the shape of every window, whatever its level and scale. A window with a gap or without a shape has none."""
    values = values.astype(np.float32).astype(np.float64)
    if len(values) < window:
        return set()
    prints = set()
    windows = sliding_window_view(values, window)[::stride]
    for start in range(0, len(windows), 20_000):
        part = windows[start : start + 20_000]
        part = part[np.isfinite(part).all(axis=1)]
        deviation = part.std(axis=1, keepdims=True)
        distinct = (np.diff(np.sort(part, axis=1), axis=1) > 0).sum(axis=1) + 1
        # a few distinct values (a switch, a count) look alike by chance
        shaped = (deviation[:, 0] > 1e-6) & (distinct > window // 2)
        part = (part[shaped] - part[shaped].mean(axis=1, keepdims=True)) / deviation[shaped]
        rounded = np.ascontiguousarray(np.round(part * 10**DECIMALS).astype(np.int16))
        prints.update(row.tobytes() for row in rounded)
    return prints


def rows(name: str):
    with gzip.open(DATA / "forecasting" / f"{name}.csv.gz", "rb") as file:
        yield from csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig"))


def table(name: str) -> np.ndarray:
    body = list(rows(name))[1:]
    return np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in body], dtype=np.float32)


def test_a_copy_is_found_whatever_its_scale():
    walk = np.cumsum(np.random.default_rng(1).standard_normal(500))
    evaluated = fingerprints(walk[200:300], 48, stride=48)
    assert evaluated & fingerprints(walk, 48)
    assert evaluated & fingerprints(walk * 4 + 1024, 48)
    assert not evaluated & fingerprints(walk[300:], 48)


def test_no_evaluation_window_is_in_the_corpus():
    evaluated: dict[int, set[bytes]] = {48: set(), 13: set()}
    for name in ("ETTh1", "ETTh2", "ETTm1", "ETTm2", "weather"):
        for column in table(name).T:
            evaluated[DEFAULT_WINDOW] |= fingerprints(column, DEFAULT_WINDOW, stride=DEFAULT_WINDOW)
    for kind, window in (("Hourly", 48), ("Weekly", 13)):
        for row in list(rows(f"m4/{kind}-test"))[1:]:
            values = np.array([float(cell) for cell in row[1:] if cell not in ("", "NA")])
            evaluated[window] |= fingerprints(values, window)
    assert len(evaluated[48]) > 20_000
    assert len(evaluated[13]) > 300

    leaks = []
    for one in read_corpus(DATA):
        for window, prints in evaluated.items():
            if window == 13 and not one.group.startswith("m4/"):
                continue  # thirteen points of a short pattern look alike by chance
            if prints & fingerprints(one.values, window):
                leaks.append((one.name, window))
    assert leaks == []
