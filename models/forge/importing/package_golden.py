"""golden.json of an imported package: varied windows and what PyTorch answers, checked wherever the model is loaded."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from ..architectures.time_moe import TimeMoe
from ..export.onnx_file import TensorSpec
from .graphs import GraphSpec

TOLERANCE = {"absolute": 1e-4, "relative": 1e-3}
DIGITS = 6  # significant ones of the golden inputs and outputs
SIZES = {"channels": 2, "variates": 5, "marks": 4}
PAST, NEW, PADDED = 8, 4, 3  # points of the golden case of a decoder


def golden_answers(model: nn.Module, graph: GraphSpec, outputs: tuple[TensorSpec, ...]) -> dict:
    cases = []
    for name, inputs in _decoder_windows(model) if isinstance(model, TimeMoe) else _windows(graph):
        inputs = {key: _round(value) for key, value in inputs.items()}
        with torch.inference_mode():
            results = model(**{key: torch.from_numpy(value) for key, value in inputs.items()})
        cases.append(
            {
                "name": name,
                "inputs": {key: _written(value) for key, value in inputs.items()},
                "outputs": {one.name: _written(_round(results[one.name].numpy())) for one in outputs},
            }
        )
    return {"tolerance": TOLERANCE, "cases": cases}


def _windows(graph: GraphSpec) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    rng = np.random.default_rng(20)
    yield "two series, full", _window(graph, rng, 2, lambda shape: np.ones(shape))
    if any(one.name.endswith("observed_mask") for one in graph.inputs):
        yield "a third missing", _window(graph, rng, 1, lambda shape: (rng.random(shape) > 0.3) * 1.0)


def _window(
    graph: GraphSpec, rng: np.random.Generator, rows: int, draw_mask: Callable[[tuple], np.ndarray]
) -> dict[str, np.ndarray]:
    shapes = {one.name: [{"batch": rows, **SIZES}.get(size, size) for size in one.shape] for one in graph.inputs}
    mask = draw_mask(tuple(shapes[graph.inputs[0].name]))
    tensors = {}
    for one in graph.inputs:
        shape = shapes[one.name]
        if one.dtype == "int64":
            tensors[one.name] = rng.integers(0, one.below, shape)
        elif one.name.endswith("observed_mask"):
            tensors[one.name] = mask.astype(np.float32)
        elif one.name == "x_mark_enc":
            tensors[one.name] = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
        else:
            tensors[one.name] = _seasonal(shape, rng).astype(np.float32)
    first = graph.inputs[0].name
    tensors[first] = (tensors[first] * mask).astype(np.float32)
    return tensors


def _seasonal(shape: list[int], rng: np.random.Generator) -> np.ndarray:
    """Two cycles and noise of a different phase in every series, [rows, points, channels]."""
    t = np.arange(shape[1])[None, :, None]
    phase = rng.uniform(0, 2 * np.pi, (shape[0], 1, shape[2]))
    return np.sin(2 * np.pi * t / 24 + phase) + 0.4 * np.sin(np.pi * t / 6) + 0.2 * rng.standard_normal(shape)


def _decoder_windows(model: TimeMoe) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """New points on the cache of earlier ones, the first of which are padding in one of two series."""
    values = _seasonal([2, PAST + NEW, 1], np.random.default_rng(20))[..., 0].astype(np.float32)
    mask = np.ones_like(values)
    mask[1, :PADDED] = 0
    past = slice(0, PAST)
    with torch.inference_mode():
        before = model(torch.from_numpy(_round(values[:, past])), torch.from_numpy(mask[:, past]))
    yield (
        "new points on a cache",
        {
            "input_values": values[:, PAST:],
            "attention_mask": mask[:, PAST:],
            "past_mask": mask[:, past],
            "past_key_values": before["present_key_values"].numpy(),
        },
    )


def _round(values: np.ndarray) -> np.ndarray:
    """So that the file stays small and an input is exactly what the file says."""
    if values.dtype == np.int64:
        return values
    rounded = [float(f"{value:.{DIGITS}g}") for value in values.ravel()]
    return np.array(rounded, dtype=np.float32).reshape(values.shape)


def _written(values: np.ndarray) -> dict:
    data = values.ravel().tolist()
    if values.dtype != np.int64:
        data = [float(f"{value:.{DIGITS}g}") for value in data]
        data = [int(value) if value == int(value) and abs(value) < 1e6 else value for value in data]
    return {"dtype": values.dtype.name, "dims": list(values.shape), "data": data}
