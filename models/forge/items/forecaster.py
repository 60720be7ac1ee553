"""What serving runs: gaps filled, the paper's point forecast, quantiles of its validation errors around it."""

import torch
from torch import Tensor, nn

from ..architectures.quantile_head import LEVELS
from ..architectures.windows import STD_MINIMUM
from .gaps import fill_gaps
from .models import CHANNELS_TOGETHER, ItemModel
from .split import ItemWindows
from .task import VALIDATION_BATCH, usable


class ItemForecaster(nn.Module):
    """The graph of a package.

    Independent: past_values, past_observed_mask [batch, context] to quantiles [batch, prediction, levels]; aligned:
    [batch, channels, context] to [batch, channels, prediction, levels]. Both in the space of the values given. Median
    and mean are the point forecast; the quantiles lie `offsets` times the deviation of the window around it.
    offsets: [1, prediction, levels], or [channels, prediction, levels], symmetric.
    """

    def __init__(self, model: ItemModel, offsets: Tensor):
        super().__init__()
        self.model, self.together = model, model.settings.channel_policy == CHANNELS_TOGETHER
        self.register_buffer("offsets", offsets)

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        values, mask = past_values, past_observed_mask
        if not self.together:
            values, mask = values[:, None], mask[:, None]
        past = fill_gaps(values.transpose(1, 2), mask.transpose(1, 2))
        points = self.model(past).transpose(1, 2)
        quantiles = points[..., None] + window_scale(past)[:, :, None, None] * self.offsets
        return quantiles if self.together else quantiles[:, 0]


def window_scale(past: Tensor) -> Tensor:
    """[batch, points, channels] to [batch, channels]: the deviation by which the papers' models scale a window."""
    centred = past - past.mean(dim=1, keepdim=True)
    return (centred.square().mean(dim=1) + STD_MINIMUM).sqrt()


@torch.no_grad()
def error_offsets(model: ItemModel, windows: ItemWindows) -> Tensor:
    """Quantiles of the errors on the validation part, by lead and in deviations of the window, float32.

    Split conformal prediction with absolute errors (Lei et al. 2018): the interval of coverage c reaches as far to both
    sides as the ⌈(n + 1) c⌉-th smallest of n absolute errors. [1, prediction, levels] over all channels of a model
    that knows no channel, else [channels, prediction, levels].
    """
    errors, seen = [], []
    for origins in windows.validation.origins().split(VALIDATION_BATCH):
        past, past_mask, future, mask = windows.rows(origins)
        past = past if windows.complete else fill_gaps(past, past_mask)
        errors.append((model(past) - future).abs() / window_scale(past)[:, None])
        seen.append(mask * usable(past_mask))
    error, observed = torch.cat(errors), torch.cat(seen) > 0
    error = torch.where(observed, error, torch.nan).permute(2, 1, 0)  # [channels, prediction, windows]
    if model.settings.channel_policy != CHANNELS_TOGETHER:
        error = error.transpose(0, 1).flatten(1)[None]
    reach = _reach(error)
    levels = torch.tensor(LEVELS)
    half = len(LEVELS) // 2
    return (
        torch.where(levels < 0.5, -1.0, 1.0)
        * torch.cat([reach.flip(-1), torch.zeros_like(reach[..., :1]), reach], dim=-1)[..., : 2 * half + 1]
    )


def _reach(error: Tensor) -> Tensor:
    """error: [groups, prediction, windows], NaN where unknown. How far the six intervals reach, narrowest first."""
    count = error.isfinite().sum(dim=-1, keepdim=True)
    coverage = torch.tensor([2 * level - 1 for level in LEVELS if level > 0.5])
    rank = torch.minimum(torch.ceil((count + 1) * coverage) - 1, count - 1).clamp(min=0).long()
    ordered = torch.where(error.isfinite(), error, torch.inf).sort(dim=-1).values
    reach = ordered.gather(-1, rank)
    if not reach.isfinite().all():
        raise ValueError("a channel has no observed value in the validation part: give another --split or --channels")
    return reach
