"""A variant of a model package with its weights in 8 bits, accepted only where its forecasts stay what they were.

Weights of matrix products become int8 by output channel, symmetric: q = round(w / s), s = max|w| / 127. A
DequantizeLinear puts them back before the product, so that the graph computes in float32 and runs on every provider.
Norms, heads, routers and state-space parameters stay as they are: they are small, and errors in them spread.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..evaluation.zero_shot import EvaluationSet, evaluation_sets, measure
from .verify import open_session, package_forecast, sha256, to_array

KEPT = re.compile(r"head|router|gate|norm|A_log|dt_proj", re.IGNORECASE)
SMALLEST = 1_024  # values; below, the scales and the node cost more than they save
JUDGED_ON = ("ETTh1", "ETTm2")
MOST_MSE_CHANGE = 0.005  # relative
MOST_DIFFERENCE = 0.02  # in units of a window's scale


@dataclass(frozen=True)
class Judgement:
    """What the variant costs in accuracy; `differs`: the largest difference of a quantile, in scales of its window."""

    mse_change: dict[str, float]
    differs: float

    @property
    def accepted(self) -> bool:
        return max(map(abs, self.mse_change.values())) <= MOST_MSE_CHANGE and self.differs <= MOST_DIFFERENCE


def quantise_package(source: Path, folder: Path, data: Path, report: Callable[[str], None]) -> None:
    """Writes the variant of the package `source` to `folder`; raises ValueError, and leaves nothing, where it is worse
    than the tolerances allow."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        model = onnx.load(source / "model.onnx")
        kept, packed = quantise_weights(model)
        onnx.checker.check_model(model)
        onnx.save(model, folder / "model.onnx")
        sizes = [(one / "model.onnx").stat().st_size for one in (source, folder)]
        report(f"{packed:,} of {packed + kept:,} weights in 8 bits: {sizes[0]:,} to {sizes[1]:,} bytes")
        judgement = judge(source, folder, data)
        changes = ", ".join(f"{name} {change:+.3%}" for name, change in judgement.mse_change.items())
        report(f"change of the MSE: {changes}; largest difference {judgement.differs:.4f} scales")
        if not judgement.accepted:
            raise ValueError(
                f"the 8-bit variant of {source} is not accepted: MSE {changes} (at most {MOST_MSE_CHANGE:.1%}), "
                f"largest difference {judgement.differs:.4f} (at most {MOST_DIFFERENCE})"
            )
        _write_rest(source, folder, judgement, sizes)
    except Exception:
        shutil.rmtree(folder)
        raise


def quantise_weights(model: onnx.ModelProto) -> tuple[int, int]:
    """Packs the weights of matrix products in place; the numbers of weights that stay and that are packed."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    uses = [name for node in graph.node for name in node.input]
    total = sum(int(np.prod(one.dims)) for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT)
    packed, nodes = 0, []
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type in ("MatMul", "Gemm") else None
        if weight is not None and _is_packable(weight, uses):
            transposed = any(one.name == "transB" and one.i for one in node.attribute)
            nodes.append(_pack(graph, weight, axis=0 if transposed else 1))
            packed += int(np.prod(weight.dims))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    return total - packed, packed


def _is_packable(weight: onnx.TensorProto, uses: list[str]) -> bool:
    large = len(weight.dims) == 2 and np.prod(weight.dims) >= SMALLEST
    return (
        bool(large and weight.data_type == onnx.TensorProto.FLOAT)
        and not KEPT.search(weight.name)
        and uses.count(weight.name) == 1
    )


def _pack(graph: onnx.GraphProto, weight: onnx.TensorProto, axis: int) -> onnx.NodeProto:
    """Puts int8 values and scales in the place of a weight; the node that gives it back under its name."""
    values = numpy_helper.to_array(weight)
    largest = np.abs(values).max(axis=1 - axis)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    spread = scales[:, None] if axis == 0 else scales[None, :]
    integers = np.clip(np.round(values / spread), -127, 127).astype(np.int8)
    name = weight.name
    graph.initializer.remove(weight)
    graph.initializer.append(numpy_helper.from_array(integers, f"{name}.int8"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
    return helper.make_node(
        "DequantizeLinear", [f"{name}.int8", f"{name}.scale"], [name], f"{name}.restored", axis=axis
    )


def judge(source: Path, folder: Path, data: Path) -> Judgement:
    """Measures a variant against the package that it was made of; constant windows are among the golden cases."""
    context = json.loads((source / "manifest.json").read_text())["contextLength"]
    forecasts = [package_forecast(one) for one in (source, folder)]
    changes, differs = {}, _constant_difference(forecasts, context)
    for one in evaluation_sets(data, context):
        if one.name not in JUDGED_ON:
            continue
        errors, answers = zip(*(_measured(one, forecast) for forecast in forecasts), strict=True)
        changes[one.name] = errors[1] / errors[0] - 1
        differs = max(differs, float(np.abs(answers[0] - answers[1]).max()))
    return Judgement(changes, differs)


def _measured(one: EvaluationSet, forecast: Callable[..., np.ndarray]) -> tuple[float, np.ndarray]:
    """MSE of the medians, and the answers in the space of the network."""
    answers = []

    def remembering(*inputs: np.ndarray) -> np.ndarray:
        answers.append(forecast(*inputs))
        return answers[-1]

    return measure(one, remembering)["mse"], np.concatenate(answers)


def _constant_difference(forecasts: list[Callable[..., np.ndarray]], context: int) -> float:
    """Of windows that never change, which scale to nothing."""
    zeros, seasons = np.zeros((1, context), np.float32), np.zeros((1, 4), np.int64)
    first, second = (forecast(zeros, np.ones_like(zeros), seasons) for forecast in forecasts)
    return float(np.abs(first - second).max())


def _write_rest(source: Path, folder: Path, judgement: Judgement, sizes: list[int]) -> None:
    manifest = json.loads((source / "manifest.json").read_text())
    golden = json.loads((source / "golden.json").read_text())
    session = open_session(folder)
    # What the rounded weights answer: it has to be the same wherever the package is loaded.
    for case in golden["cases"]:
        answers = session.run(None, {name: to_array(tensor) for name, tensor in case["inputs"].items()})
        for tensor, answer in zip(case["outputs"].values(), answers, strict=True):
            tensor["data"] = [float(f"{value:.6g}") for value in answer.ravel()]
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    name = f"{manifest['family']}/{folder.name}"
    weights = {
        "bits": 8,
        "of": manifest["name"],
        "mseChange": {key: round(value, 6) for key, value in judgement.mse_change.items()},
        "largestDifference": round(judgement.differs, 5),
    }
    files = {
        file: {"sha256": sha256(folder / file), "bytes": (folder / file).stat().st_size}
        for file in ("model.onnx", "golden.json")
    }
    (folder / "manifest.json").write_text(
        json.dumps(manifest | {"name": name, "files": files, "weights": weights}, indent=2) + "\n"
    )
    card = (source / "README.md").read_text() if (source / "README.md").exists() else f"# {manifest['name']}\n"
    (folder / "README.md").write_text(_card(card, manifest["name"], name, judgement, sizes))


def _card(card: str, source: str, name: str, judgement: Judgement, sizes: list[int]) -> str:
    rows = "\n".join(
        f"| MSE on {one} | {change:+.3%} | {MOST_MSE_CHANGE:.1%} |" for one, change in judgement.mse_change.items()
    )
    return f"""# {name}

{source} with the weights of its matrix products in 8 bits ({sizes[0] / 1e6:.1f} to {sizes[1] / 1e6:.1f} MB); it
computes in float32.
The MSE is that of the median; the largest difference is that of any quantile, in scales of its window.

| against {source} | change | allowed |
| --- | ---: | ---: |
{rows}
| largest difference | {judgement.differs:.4f} | {MOST_DIFFERENCE} |

```
npm run forge -- export --int8 models/{source} --data DIR --out models/{name}
```

What follows is the card of {source}.

{card}"""
