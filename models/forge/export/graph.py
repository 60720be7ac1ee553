"""The graph of a zero-shot model: a window, its mask and the calendar's season candidates to quantiles."""

from pathlib import Path

from torch import Tensor, nn

from .onnx_file import TensorSpec, export_tensors

INPUTS = ("past_values", "past_observed_mask", "season_candidates")
OUTPUT = "quantiles"


class ByPosition(nn.Module):
    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.model(*tensors)


def export_graph(model: nn.Module, path: Path, context: int, candidates: int, multivariate: bool = False) -> None:
    values, mask, seasons = INPUTS
    window = ("batch", "variates", context) if multivariate else ("batch", context)
    inputs = [
        TensorSpec(values, window),
        TensorSpec(mask, window),
        TensorSpec(seasons, ("batch", candidates), "int64"),
    ]
    export_tensors(ByPosition(model), inputs, [OUTPUT], path)
