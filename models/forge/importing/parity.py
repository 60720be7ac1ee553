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


WHOLE = {"freq_token", "static_categorical_values", "fft_topk_indices"}
TIED = "fft_tied"  # says of a series and channel that its spectrum is 0 everywhere; no output of a model
POINTWISE = {"head_first_all_positions"}  # at padding there is nothing to compare


def _array(name: str, value: list) -> np.ndarray:
    array = np.array(value, dtype=np.float64)
    return array.astype(np.int64) if name in WHOLE else array


def compare(scenario: Scenario, actual: dict[str, np.ndarray]) -> list[Comparison]:
    """One comparison for every golden tensor. One that `actual` lacks has an error of NaN, which never passes."""
    return [
        _compare(scenario, name, actual[name], expected)
        if name in actual
        else Comparison(name, float("nan"), scenario.allowed.get(name, 0.0))
        for name, expected in scenario.outputs.items()
        if name != TIED
    ]


def _compare(scenario: Scenario, name: str, actual: np.ndarray, expected: np.ndarray) -> Comparison:
    if tuple(actual.shape) != tuple(expected.shape):
        raise ValueError(f"{name} is {list(actual.shape)}, expected {list(expected.shape)}")
    difference = np.abs(np.asarray(actual, dtype=np.float64) - expected)
    if name in POINTWISE and "attention_mask" in scenario.inputs:
        difference = np.where(scenario.inputs["attention_mask"][..., None] > 0, difference, 0.0)
    return Comparison(name, float(difference.max()), scenario.allowed.get(name, 0.0))
