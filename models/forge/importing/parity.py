"""Compares tensors with those of the original code, as the golden cases state it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """largest difference, and the largest allowed one, both in units of the tensor; 0 and 0 for whole numbers."""

    tensor: str
    error: float
    allowed: float

    @property
    def passed(self) -> bool:
        return self.error <= self.allowed  # not so for NaN


@dataclass(frozen=True)
class Scenario:
    name: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    allowed: dict[str, float]


def read_scenarios(folder: Path) -> Iterator[Scenario]:
    golden = json.loads((folder / "golden.json").read_text())
    for name, one in golden["scenarios"].items():
        yield Scenario(
            name=name,
            inputs={key: _array(key, value) for key, value in one["inputs"].items()},
            outputs={key: _array(key, value) for key, value in one["outputs"].items()},
            allowed={key: value * one["output_scale"][key] for key, value in one["tolerance"].items()},
        )


WHOLE = {"freq_token", "static_categorical_values", "attention_mask"}


def _array(name: str, value: list) -> np.ndarray:
    array = np.array(value, dtype=np.float64)
    return array.astype(np.int64) if name in WHOLE else array


def compare(scenario: Scenario, actual: dict[str, np.ndarray]) -> list[Comparison]:
    """One comparison for every golden tensor that `actual` has."""
    keep = {"tied": scenario.outputs.get("fft_tied")}
    return [
        _compare(name, actual[name], expected, scenario.allowed.get(name, 0.0), keep["tied"])
        for name, expected in scenario.outputs.items()
        if name in actual
    ]


def _compare(
    name: str, actual: np.ndarray, expected: np.ndarray, allowed: float, tied: np.ndarray | None
) -> Comparison:
    if tuple(actual.shape) != tuple(expected.shape):
        raise ValueError(f"{name} is {list(actual.shape)}, expected {list(expected.shape)}")
    difference = np.abs(np.asarray(actual, dtype=np.float64) - expected)
    if tied is not None:
        difference = np.where(_tied_positions(name, tied, difference.shape), 0.0, difference)
    return Comparison(name, float(difference.max()), allowed)


CHANNEL_SECOND = ("backbone_hidden_state", "decoder_hidden_state", "fft_topk_indices")


def _tied_positions(name: str, tied: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Constant or missing series and channels: their spectrum is 0 everywhere, and the original picks any bins."""
    axis = 1 if name in CHANNEL_SECOND else len(shape) - 1
    where = [tied.shape[0]] + [1] * (len(shape) - 1)
    where[axis] = tied.shape[1]
    return np.broadcast_to(tied.reshape(where) > 0, shape)
