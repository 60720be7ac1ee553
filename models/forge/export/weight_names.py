"""Names of the weights in a graph: given when it is exported, used when it is trained on.

The exporter keeps the name of a parameter that it uses as it is, and loses that of a matrix that it transposes. Those
get `<name>.T`. What it computes with beforehand (the decay of Mamba) is kept in a file beside the
graph, so that a package holds all that fine-tuning needs.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

TRANSPOSED = ".T"
UNNAMED = "weights.safetensors"


def name_weights(file: onnx.ModelProto, module: nn.Module) -> None:
    """Renames the initialisers that are transposed parameters of the module."""
    matrices = {
        _digest(value.detach().cpu().numpy().T): name for name, value in module.named_parameters() if value.ndim == 2
    }
    names = {}
    for one in file.graph.initializer:
        name = matrices.pop(_digest(numpy_helper.to_array(one)), None) if len(one.dims) == 2 else None
        if name is not None and one.name != name:
            names[one.name] = one.name = name + TRANSPOSED
    for value in (*file.graph.value_info, *file.graph.node):
        if isinstance(value, onnx.ValueInfoProto):
            value.name = names.get(value.name, value.name)
            continue
        for i, name in enumerate(value.input):
            value.input[i] = names.get(name, name)


def _digest(matrix: np.ndarray) -> bytes:
    return hashlib.sha256(matrix.tobytes()).digest()


def read_weights(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """The parameters of `model`, by their names, from the graph of a model that was made like it.

    Raises ValueError naming a parameter that the graph lacks or has in another shape.
    """
    wanted = dict(model.named_parameters())
    found = _named(path, wanted)
    beside = path.with_name(UNNAMED)
    if beside.is_file():
        fitting = {name: value for name, value in load_file(beside).items() if name in wanted}
        found |= {name: value for name, value in fitting.items() if value.shape == tuple(wanted[name].shape)}
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ValueError(
            f"{path} does not hold {missing[0]} {tuple(wanted[missing[0]].shape)} and {len(missing) - 1} other weights "
            "by their names: give the folder of its training run as --base, or export it again"
        )
    return {name: torch.from_numpy(value.copy()) for name, value in found.items()}


def keep_unnamed(path: Path, model: nn.Module) -> list[str]:
    """Writes the parameters that the graph does not hold by their names beside it. The files written: one or none."""
    wanted = dict(model.named_parameters())
    named = _named(path, wanted)
    unnamed = {name: value.detach().cpu().contiguous().numpy() for name, value in wanted.items() if name not in named}
    if unnamed:
        save_file(unnamed, path.with_name(UNNAMED))
    return [UNNAMED] if unnamed else []


def _named(path: Path, wanted: dict[str, nn.Parameter]) -> dict[str, np.ndarray]:
    """A module may stand inside another in the graph, so that its names are longer there."""
    graph = onnx.load(path).graph
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    found = {}
    for one, value in (_from_biases(graph, stored) | stored).items():
        bare, matrix = one.removesuffix(TRANSPOSED), value.T if one.endswith(TRANSPOSED) else value
        parts = bare.split(".")
        name = next((".".join(parts[i:]) for i in range(len(parts)) if ".".join(parts[i:]) in wanted), None)
        if name is not None and matrix.shape == tuple(wanted[name].shape):
            found[name] = matrix
    return found


def _from_biases(graph: onnx.GraphProto, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Matrices of graphs from before weights were named: what is multiplied before `<layer>.bias` is added."""
    made_by = {output: node for node in graph.node for output in node.output}
    return dict(_linear_layers(graph.node, made_by, stored))


def _linear_layers(
    nodes: Iterable[onnx.NodeProto], made_by: dict[str, onnx.NodeProto], stored: dict[str, np.ndarray]
) -> Iterable[tuple[str, np.ndarray]]:
    for node in nodes:
        bias = next((one for one in node.input if one in stored and one.endswith(".bias")), None)
        if node.op_type != "Add" or bias is None:
            continue
        product = next((made_by[one] for one in node.input if one in made_by), None)
        if product is not None and product.op_type == "MatMul" and product.input[1] in stored:
            yield bias.removesuffix("bias") + "weight" + TRANSPOSED, stored[product.input[1]]
