"""The objective of a fine-tune: pinball loss of the quantiles in the space standardised by the training part."""

import torch
from torch import Tensor, nn

from ..architectures.quantile_head import LEVELS
from ..architectures.zero_shot import Respread
from ..items.split import ItemWindows, Part
from ..training.loss import pinball_loss

SCALE_FLOOR = 1e-3  # in deviations of the item: a flat window says nothing of scale
ORIGINS = 256  # of the validation part, evenly spread
BATCH = 64


class QuantileTask:
    """`fraction`: the newest share of the training windows; `spread`: what the quantiles are respread by in serving."""

    def __init__(self, items: ItemWindows, candidates: list[int], multivariate: bool, spread: float, fraction: float):
        self.items, self.multivariate, self.spread = items, multivariate, spread
        self.windows = max(1, round(fraction * len(items.train)))
        self.first = items.train.end - self.windows
        self.candidates = torch.tensor(candidates, device=items.values.device)
        self.levels = torch.tensor(LEVELS, device=items.values.device)

    def loss(self, model: nn.Module, windows: Tensor) -> Tensor:
        return self._loss(model, windows + self.first) + getattr(model, "auxiliary_loss", 0.0)

    @torch.no_grad()
    def validate(self, model: nn.Module) -> float:
        return self.error_on(model, self.items.validation)

    @torch.no_grad()
    def error_on(self, model: nn.Module, part: Part) -> float:
        """Mean over evenly spread windows."""
        origins = part.origins(self.items.values.device, stride=max(1, -(-len(part) // ORIGINS)))
        losses = [self._loss(model, batch).item() * len(batch) for batch in origins.split(BATCH)]
        return sum(losses) / len(origins)

    def _loss(self, model: nn.Module, origins: Tensor) -> Tensor:
        past, seen, future, future_seen = (one.transpose(1, 2) for one in self.items.rows(origins))
        count = seen.sum(dim=-1, keepdim=True).clamp(min=1.0)
        mean = (past * seen).sum(dim=-1, keepdim=True) / count
        deviation = (((past - mean) * seen).square().sum(dim=-1, keepdim=True) / count).sqrt()
        usable = (seen.mean(dim=-1, keepdim=True) >= 0.5) & (deviation > SCALE_FLOOR)
        scale = deviation.clamp(min=SCALE_FLOOR)
        rows = (past - mean) / scale * seen
        model = Respread(model, self.spread)
        batch, channels, _ = rows.shape
        if self.multivariate:
            quantiles = model(rows, seen, self.candidates.expand(batch, -1))
        else:
            quantiles = model(rows.flatten(0, 1), seen.flatten(0, 1), self.candidates.expand(batch * channels, -1))
            quantiles = quantiles.unflatten(0, (batch, channels))
        quantiles = quantiles.float() * scale[..., None] + mean[..., None]
        known = (future_seen * usable).flatten(0, 1)
        return pinball_loss(quantiles.flatten(0, 1), future.flatten(0, 1), known, self.levels)
