"""Checkpoints that a stopped run goes on from: weights, their moving average, optimiser, random state, minutes used."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

CHECKPOINT_NAME = "checkpoint.pt"


class MovingAverage:
    """Exponential moving average of the weights, the ones that are exported."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        ours, theirs = list(self.weights.values()), list(model.state_dict().values())
        torch._foreach_lerp_(ours, theirs, 1 - decay)


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Written beside and renamed, so that a stop in the middle leaves the previous one."""
    partial = folder / f"{CHECKPOINT_NAME}.partial"
    torch.save(state, partial)
    os.replace(partial, folder / CHECKPOINT_NAME)


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    path = folder / CHECKPOINT_NAME
    return torch.load(path, map_location="cpu", weights_only=False) if path.exists() else None


def averaged_weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    return checkpoint["average"]
