"""What the zero-shot models of all families share (ours): computed inputs, asinh, and how a finished one is refined."""

import torch
from torch import Tensor, nn

from .quantile_head import LEVELS
from .seasonality import CycleCopier, SeasonFinder, last_value

INPUT_CHANNELS = 5  # value, mask, two lag copies, mean of cycles


class ComputedInputs(nn.Module):
    """Seasons found inside the window, and what they say of past and future."""

    def __init__(self, context: int, prediction: int):
        super().__init__()
        self.context = context
        self.season_finder = SeasonFinder(context, prediction)
        self.cycle_copier = CycleCopier(context, prediction)

    @torch.no_grad()
    def forward(self, x: Tensor, mask: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """x, mask: [batch, context], x being 0 where mask is 0; candidates: int64 [batch, 4].

        Channels [batch, 5, context + prediction] and naive forecasts [batch, prediction, 5].
        """
        with torch.autocast(device_type=x.device.type, enabled=False):
            lags = self.season_finder(x, mask, candidates)
            last = last_value(x, mask)
            first, mean = self.cycle_copier(x, mask, lags[:, :1], last)
            second, _ = self.cycle_copier(x, mask, lags[:, 1:], last)
            nothing = torch.zeros_like(first[:, self.context :])
            past_only = (torch.cat([one, nothing], dim=1) for one in (x, mask))
            channels = torch.stack([*past_only, first, second, mean], dim=1)
            copies = (one[:, self.context :] for one in (first, second, mean))
            return channels, torch.stack([last + nothing, *copies, nothing], dim=-1)


def as_patches(channels: Tensor, length: int) -> Tensor:
    """[batch, channels, points] to [batch, points / length, channels * length]."""
    patches = channels.reshape(channels.shape[0], channels.shape[1], channels.shape[2] // length, length)
    return patches.transpose(1, 2).flatten(2)


class ZeroShotForecaster(nn.Module):
    """Standardised windows to quantiles in that space. A family gives `quantiles_of`; the loss is taken of
    `transformed_quantiles`, before the asinh is undone."""

    multivariate = False  # True: windows are [batch, variates, context] and so is what comes out
    asinh = True
    auxiliary_loss: Tensor | float = 0.0  # of the last forward pass, added to the loss in training

    def __init__(self, context: int, prediction: int):
        super().__init__()
        self.computed_inputs = ComputedInputs(context, prediction)

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        """[batch(, variates), context], the same, int64 [batch, 4] to [batch(, variates), prediction, levels]."""
        quantiles = self.transformed_quantiles(past_values, past_observed_mask, season_candidates)
        return quantiles.sinh() if self.asinh else quantiles

    def transformed_quantiles(
        self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor
    ) -> Tensor:
        x = past_values * past_observed_mask
        x = x.asinh() if self.asinh else x
        return self.quantiles_of(*self.computed_inputs(x, past_observed_mask, season_candidates))

    def quantiles_of(self, channels: Tensor, naive: Tensor) -> Tensor:
        """Channels [batch, 5, context + prediction] and naive forecasts [batch, prediction, 5] to quantiles."""
        raise NotImplementedError


class OneVariate(nn.Module):
    """A multivariate model on series that stand alone, so that it is scored as the others are."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        return self.model(past_values[:, None], past_observed_mask[:, None], season_candidates)[:, 0]


def univariate(model: ZeroShotForecaster) -> nn.Module:
    return OneVariate(model) if model.multivariate else model


class FlipAveraged(nn.Module):
    """The forecast of a window averaged with the mirrored forecast of the mirrored window, twice the cost."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        both = self.model(
            torch.cat([past_values, -past_values]),
            torch.cat([past_observed_mask, past_observed_mask]),
            torch.cat([season_candidates, season_candidates]),
        )
        upright, mirrored = both.unflatten(0, (2, -1)).unbind(0)
        return 0.5 * (upright - mirrored.flip(-1))


class Respread(nn.Module):
    """Quantiles at `factor` times their distance from the median: calibrates the spread of a finished model."""

    def __init__(self, model: nn.Module, factor: float):
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        quantiles = self.model(past_values, past_observed_mask, season_candidates)
        median = quantiles[..., LEVELS.index(0.5) : LEVELS.index(0.5) + 1]
        return median + self.factor * (quantiles - median)
