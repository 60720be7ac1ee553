"""Gaps of a window filled by straight lines, in plain operators, so that a graph can do it."""

import math

import torch
from torch import Tensor


def fill_gaps(x: Tensor, mask: Tensor) -> Tensor:
    """Interpolates along axis 1; before the first and after the last observed point its value is repeated.

    x, mask: [batch, points, ...], mask 1 where x was observed, else 0. A row without any observation is 0.
    """
    points = x.shape[1]
    position = torch.arange(points, dtype=x.dtype, device=x.device).reshape(1, -1, *[1] * (x.ndim - 2)) + 0 * x
    before, before_at, any_before = _carry(x * mask, position, mask, 1)
    after, after_at, any_after = _carry(x * mask, position, mask, -1)
    before, after = torch.where(any_before > 0, before, after), torch.where(any_after > 0, after, before)
    share = (position - before_at) / (after_at - before_at).clamp(min=1.0)
    between = before + share * any_before * any_after * (after - before)
    return torch.where(mask > 0, x, between)


def _carry(x: Tensor, position: Tensor, seen: Tensor, direction: int) -> tuple[Tensor, Tensor, Tensor]:
    """The latest observation up to every point (direction -1: the next one), its position, and whether there is one.

    By doubling: after round k a point has looked 2^k steps away.
    """
    for k in range(math.ceil(math.log2(max(x.shape[1], 2)))):
        by = direction * min(2**k, x.shape[1])
        x = torch.where(seen > 0, x, _shift(x, by))
        position = torch.where(seen > 0, position, _shift(position, by))
        seen = torch.maximum(seen, _shift(seen, by))
    return x, position, seen


def _shift(x: Tensor, by: int) -> Tensor:
    """Moves axis 1 by some positions to the right (to the left when negative); what comes in is 0."""
    nothing = torch.zeros_like(x[:, : abs(by)])
    return torch.cat([nothing, x[:, :-by]], dim=1) if by > 0 else torch.cat([x[:, -by:], nothing], dim=1)
