"""Pinball loss over the canonical levels."""

import torch
from torch import Tensor


def pinball_loss(quantiles: Tensor, target: Tensor, mask: Tensor, levels: Tensor) -> Tensor:
    """quantiles: [batch, horizon, levels]; target, mask: [batch, horizon]. Doubled mean over what is observed."""
    error = target[..., None] - quantiles
    loss = torch.maximum(levels * error, (levels - 1) * error).mean(dim=-1)
    return 2 * (loss * mask).sum() / mask.sum().clamp(min=1.0)
