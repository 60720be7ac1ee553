"""A variant of a model package with narrower weights, accepted only where its forecasts stay what they were.

The weights of matrix products become float16, or int8 by output channel (of each expert), symmetric: q = round(w / s),
s = max|w| / 127. A cast, and for int8 a product, puts them back, which ONNX Runtime does once, when it loads: the graph
computes in float32, as fast as before and on every provider. Norms, heads, routers and state-space parameters stay as
they are: they are small, and errors in them spread. So do the tables by which seasons are found: they are no weights,
and a season is found or not.
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

KEPT = re.compile(r"head|router|\bgate\b|norm|A_log|dt_proj|season_finder", re.IGNORECASE)
SMALLEST = 1_024  # values; below, the scales and the nodes cost more than they save
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


def narrow_package(source: Path, folder: Path, bits: int, data: Path, report: Callable[[str], None]) -> None:
    """Writes the variant of the package `source` to `folder`; raises ValueError, and leaves nothing, where it is worse
    than the tolerances allow."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        model = onnx.load(source / "model.onnx")
        kept, packed = narrow_weights(model, bits)
        onnx.checker.check_model(model)
        onnx.save(model, folder / "model.onnx")
        sizes = [(one / "model.onnx").stat().st_size for one in (source, folder)]
        report(f"{packed:,} of {packed + kept:,} weights in {bits} bits: {sizes[0]:,} to {sizes[1]:,} bytes")
        judgement = judge(source, folder, data)
        changes = ", ".join(f"{name} {change:+.3%}" for name, change in judgement.mse_change.items())
        report(f"change of the MSE: {changes}; largest difference {judgement.differs:.4f} scales")
        if not judgement.accepted:
            raise ValueError(
                f"the variant of {source} with {bits} bits is not accepted: "
                f"MSE {changes} (at most {MOST_MSE_CHANGE:.1%}), "
                f"largest difference {judgement.differs:.4f} (at most {MOST_DIFFERENCE})"
            )
        _write_rest(source, folder, bits, judgement, sizes)
    except Exception:
        shutil.rmtree(folder)
        raise


def narrow_weights(model: onnx.ModelProto, bits: int) -> tuple[int, int]:
    """Packs the weights of matrix products in place, in 8 or 16 bits; the numbers of weights that stay and that are
    packed."""
    graph = model.graph
    weights = {one.name: one for one in graph.initializer}
    uses = [name for node in graph.node for name in node.input]
    total = sum(int(np.prod(one.dims)) for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT)
    packed, nodes = 0, []
    for node in graph.node:
        # Experts are stacked in the graph before they are multiplied with.
        place = {"MatMul": 1, "Gemm": 1, "Unsqueeze": 0}.get(node.op_type)
        weight = weights.get(node.input[place]) if place is not None else None
        if weight is not None and _is_packable(weight, uses):
            transposed = any(one.name == "transB" and one.i for one in node.attribute)
            nodes += _halve(graph, weight) if bits == 16 else _round(graph, weight, summed=-1 if transposed else -2)
            packed += int(np.prod(weight.dims))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    return total - packed, packed


def _is_packable(weight: onnx.TensorProto, uses: list[str]) -> bool:
    large = len(weight.dims) in (2, 3) and np.prod(weight.dims) >= SMALLEST
    return (
        bool(large and weight.data_type == onnx.TensorProto.FLOAT)
        and not KEPT.search(weight.name)
        and uses.count(weight.name) == 1
    )


def _halve(graph: onnx.GraphProto, weight: onnx.TensorProto) -> list[onnx.NodeProto]:
    """Puts float16 values in the place of a weight; the node that gives it back under its name."""
    graph.initializer.remove(weight)
    halves = numpy_helper.to_array(weight).astype(np.float16)
    graph.initializer.append(numpy_helper.from_array(halves, f"{weight.name}.float16"))
    return [_to_float(f"{weight.name}.float16", weight.name)]


def _round(graph: onnx.GraphProto, weight: onnx.TensorProto, summed: int) -> list[onnx.NodeProto]:
    """Puts int8 values and scales in the place of a weight; the nodes that give it back under its name. `summed`: the
    axis over which the product sums, which all others have scales of their own for."""
    values = numpy_helper.to_array(weight)
    largest = np.abs(values).max(axis=summed, keepdims=True)
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    integers = np.clip(np.round(values / scales), -127, 127).astype(np.int8)
    name = weight.name
    graph.initializer.remove(weight)
    graph.initializer.append(numpy_helper.from_array(integers, f"{name}.int8"))
    graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
    return [
        _to_float(f"{name}.int8", f"{name}.cast"),
        helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name], f"{name}.restored"),
    ]


def _to_float(narrow: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [narrow], [name], f"{narrow}.restored", to=onnx.TensorProto.FLOAT)


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


def _write_rest(source: Path, folder: Path, bits: int, judgement: Judgement, sizes: list[int]) -> None:
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
        "bits": bits,
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
    (folder / "README.md").write_text(_card(card, manifest["name"], name, bits, judgement, sizes))


def _card(card: str, source: str, name: str, bits: int, judgement: Judgement, sizes: list[int]) -> str:
    rows = "\n".join(
        f"| MSE on {one} | {change:+.3%} | {MOST_MSE_CHANGE:.1%} |" for one, change in judgement.mse_change.items()
    )
    return f"""# {name}

{source} with the weights of its matrix products in {bits} bits ({sizes[0] / 1e6:.1f} to {sizes[1] / 1e6:.1f} MB); it
computes in float32.
The MSE is that of the median; the largest difference is that of any quantile, in scales of its window.

| against {source} | change | allowed |
| --- | ---: | ---: |
{rows}
| largest difference | {judgement.differs:.4f} | {MOST_DIFFERENCE} |

```
npm run forge -- export --narrow models/{source} --bits {bits} --data DIR --out models/{name}
```

What follows is the card of {source}.

{card}"""
