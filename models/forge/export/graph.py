"""PyTorch to ONNX: one self-contained file with a dynamic batch axis."""

from pathlib import Path

import onnx
import torch
from torch import nn

OPSET = 20
IR_VERSION = 10  # what onnxruntime-node 1.30 and earlier read
INPUTS = ("past_values", "past_observed_mask", "season_candidates")
OUTPUT = "quantiles"


def export_graph(model: nn.Module, path: Path, context: int, candidates: int) -> None:
    batch = torch.export.Dim("batch", min=1, max=65_536)
    example = (torch.zeros(3, context), torch.ones(3, context), torch.zeros(3, candidates, dtype=torch.int64))
    program = torch.onnx.export(
        model.eval(),
        example,
        dynamo=True,
        opset_version=OPSET,
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_shapes=tuple({0: batch} for _ in INPUTS),
        external_data=False,
        verbose=False,
    )
    graph = program.model_proto
    graph.ir_version = IR_VERSION
    graph.producer_name = "tidecast forge"
    for node in graph.graph.node:  # source locations of the exporting machine have no place in a model file
        node.ClearField("doc_string")
        del node.metadata_props[:]
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    for value in (*graph.graph.value_info, *graph.graph.input, *graph.graph.output, *graph.graph.initializer):
        del value.metadata_props[:]
    onnx.checker.check_model(graph)
    onnx.save(graph, path)
