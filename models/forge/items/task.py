"""The papers' objective: mean squared error of the point forecast in the space standardised by the training part."""

import torch
from torch import Tensor, nn

from .gaps import fill_gaps
from .split import ItemWindows, Part

LOSSES = ("mse", "mae")
VALIDATION_BATCH = 256


class PointTask:
    def __init__(self, windows: ItemWindows, loss: str):
        self.items, self.kind, self.windows = windows, loss, len(windows.train)

    def loss(self, model: nn.Module, windows: Tensor) -> Tensor:
        total, count = self._error(model, windows + self.items.train.first)
        return total / count.clamp(min=1.0)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        return self.error_on(model, self.items.validation)

    @torch.no_grad()
    def error_on(self, model: nn.Module, part: Part) -> float:
        """Mean error over all windows, observed targets and channels of a part."""
        total, count = 0.0, 0.0
        for origins in part.origins(self.items.values.device).split(VALIDATION_BATCH):
            one, seen = self._error(model, origins)
            total, count = total + one.item(), count + seen.item()
        return total / max(count, 1.0)

    def _error(self, model: nn.Module, origins: Tensor) -> tuple[Tensor, Tensor]:
        past, past_mask, future, mask = self.items.rows(origins)
        if not self.items.complete:
            mask = mask * usable(past_mask)
            past = fill_gaps(past, past_mask)
        difference = (model(past).float() - future) * mask
        return (difference.square() if self.kind == "mse" else difference.abs()).sum(), mask.sum()


def usable(past_mask: Tensor) -> Tensor:
    """1 for the channels of a window [batch, points, channels] whose context is observed at half its points."""
    return (past_mask.mean(dim=1, keepdim=True) >= 0.5).float()
