"""Runs golden scenarios in PyTorch."""

import numpy as np
import torch
from torch import Tensor, nn

from ..architectures.time_moe import TimeMoe
from .parity import TIED, Scenario

BINS = "fft_topk_indices"


@torch.inference_mode()
def run_scenario(model: nn.Module, scenario: Scenario) -> dict[str, np.ndarray]:
    inputs = {name: _tensor(value) for name, value in scenario.inputs.items()}
    outputs = (
        _time_moe(model, scenario, inputs) if isinstance(model, TimeMoe) else _window_model(model, scenario, inputs)
    )
    return {name: value.numpy() for name, value in outputs.items()}


def _window_model(model: nn.Module, scenario: Scenario, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    outputs = model(**inputs)
    if BINS not in scenario.outputs:
        return outputs
    # where all bins are equal the original took any: ours are replaced there, so that the rest can be compared
    tied = torch.from_numpy(scenario.outputs[TIED] > 0)[..., None]
    golden = torch.from_numpy(scenario.outputs[BINS].astype(np.int64))
    return model(**inputs, fft_topk_indices=torch.where(tied, golden, outputs[BINS]))


def _time_moe(model: TimeMoe, scenario: Scenario, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    values = inputs["input_values"]
    if "labels" in inputs:
        return {"loss": model.loss(values, inputs["labels"], inputs.get("loss_masks"))[None]}
    mask = inputs.get("attention_mask")
    outputs = model(values, mask)
    if "normed_generate" not in scenario.outputs:
        return outputs
    generated, calls = model.generate(values, scenario.outputs["normed_generate"].shape[1], mask)
    outputs |= {"normed_generate": generated, "schedule_new_tokens_head_past": torch.tensor(calls)}
    if "std" in inputs:
        outputs["generate"] = generated * inputs["std"] + inputs["mean"]
    return outputs


def _tensor(array: np.ndarray) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor if array.dtype == np.int64 else tensor.float()
