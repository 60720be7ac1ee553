"""PyTorch to one self-contained ONNX file, from the names and shapes of its tensors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from .weight_names import name_weights

OPSET = 20
IR_VERSION = 10  # what onnxruntime-node 1.30 and earlier read
# Sizes of the free dimensions in the traced example: all different, and none 0 or 1, which would be taken for fixed.
EXAMPLE = {"batch": 3, "channels": 5, "variates": 4, "marks": 2, "points": 7, "past": 6}
LARGEST = 65_536

Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class TensorSpec:
    name: str
    shape: Shape
    dtype: str = "float32"
    below: int = 0  # whole numbers are in [0, below)


def export_tensors(module: nn.Module, inputs: Sequence[TensorSpec], outputs: Sequence[str], path: Path) -> None:
    """`module` takes the inputs by position."""
    free = {
        name: torch.export.Dim(name, min=1, max=LARGEST)
        for name in dict.fromkeys(size for one in inputs for size in one.shape if isinstance(size, str))
    }
    shapes = tuple({i: free[size] for i, size in enumerate(one.shape) if isinstance(size, str)} for one in inputs)
    with torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            tuple(_example(one) for one in inputs),
            dynamo=True,
            opset_version=OPSET,
            input_names=[one.name for one in inputs],
            output_names=list(outputs),
            dynamic_shapes=(shapes,),
            external_data=False,
            verbose=False,
        )
    file = program.model_proto
    _forget_origin(file)
    name_weights(file, module)
    onnx.checker.check_model(file)
    onnx.save(file, path)


def _example(spec: TensorSpec) -> Tensor:
    shape = [EXAMPLE[size] if isinstance(size, str) else size for size in spec.shape]
    return torch.zeros(shape, dtype=getattr(torch, spec.dtype))


def _forget_origin(file: onnx.ModelProto) -> None:
    """Source locations of the exporting machine have no place in a model file."""
    file.ir_version = IR_VERSION
    file.producer_name = "tidecast forge"
    for node in file.graph.node:
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del file.metadata_props[:]
    del file.graph.metadata_props[:]
    for value in (*file.graph.value_info, *file.graph.input, *file.graph.output, *file.graph.initializer):
        del value.metadata_props[:]
