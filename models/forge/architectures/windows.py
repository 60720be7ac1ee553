"""From a window of values to scaled patches: the first steps of PatchTSMixer and TTM."""

import torch
from torch import Tensor

SCALINGS = ("std", "mean", "none")
STD_MINIMUM = 1e-5  # added to the variance
MEAN_MINIMUM = 1e-10


def scale_window(x: Tensor, mask: Tensor, scaling: str) -> tuple[Tensor, Tensor, Tensor]:
    """x, mask: [batch, context, channels]; mask is 1 where a value was observed, x is 0 elsewhere.

    Returns the scaled window, loc and scale, both [batch, 1, channels]. Missing points are scaled like all others and
    become (0 - loc) / scale, as in the official code.
    """
    if scaling == "std":
        count = mask.sum(dim=1, keepdim=True).clamp(min=1.0)
        loc = (x * mask).sum(dim=1, keepdim=True) / count
        variance = (((x - loc) * mask) ** 2).sum(dim=1, keepdim=True) / count
        scale = (variance + STD_MINIMUM).sqrt()
        return (x - loc) / scale, loc, scale
    if scaling == "mean":
        scale = _mean_absolute(x, mask)
        return x / scale, torch.zeros_like(scale), scale
    return x, torch.zeros_like(x[:, :1]), torch.ones_like(x[:, :1])


def _mean_absolute(x: Tensor, mask: Tensor) -> Tensor:
    """A channel without observations takes the mean of its batch, so that a forecast depends on its neighbours."""
    total, count = (x * mask).abs().sum(dim=1, keepdim=True), mask.sum(dim=1, keepdim=True)
    of_batch = total.sum(dim=0, keepdim=True) / count.sum(dim=0, keepdim=True).clamp(min=1.0)
    scale = torch.where(count > 0, total / count.clamp(min=1.0), of_batch)
    return scale.clamp(min=MEAN_MINIMUM)


def patch_count(context: int, length: int, stride: int) -> int:
    return (max(context, length) - length) // stride + 1


def patchify(x: Tensor, length: int, stride: int) -> Tensor:
    """[batch, context, channels] to [batch, channels, patches, length]; what no patch covers is the oldest points."""
    count = patch_count(x.shape[1], length, stride)
    start = x.shape[1] - (length + stride * (count - 1))
    x = x.transpose(1, 2)
    if stride == length:
        return x[:, :, start:].unflatten(-1, (count, length))
    positions = start + stride * torch.arange(count)[:, None] + torch.arange(length)
    return x[:, :, positions.flatten()].unflatten(-1, (count, length))
