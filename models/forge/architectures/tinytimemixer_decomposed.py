"""TTM r3 in its decomposed form: one TinyTimeMixer for the series, one for what a robust trend leaves of it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .tinytimemixer import TinyTimeMixerForPrediction, choose_channels
from .tinytimemixer_config import TinyTimeMixerConfig
from .windows import scale_window

SPAN = 0.15  # of the window, that one smoothed point sees
PASSES = 2
TINY = 1e-8


@dataclass(frozen=True)
class DecomposedConfig:
    """`trend` and `residual` have scaling none: both see a window that is already scaled."""

    whole: TinyTimeMixerConfig
    trend: TinyTimeMixerConfig
    residual: TinyTimeMixerConfig
    adds_variances: bool

    @classmethod
    def derive(
        cls, whole: TinyTimeMixerConfig, residual_context: int | None, trend_changes: dict, adds_variances: bool
    ) -> "DecomposedConfig":
        residual = replace(whole, scaling="none", context_length=residual_context or whole.context_length)
        return cls(whole, replace(whole, scaling="none", **trend_changes), residual, adds_variances)


class TinyTimeMixerForDecomposedPrediction(nn.Module):
    def __init__(self, config: DecomposedConfig):
        super().__init__()
        self.config = config
        self.trend_forecaster = TinyTimeMixerForPrediction(config.trend)
        self.residual_forecaster = TinyTimeMixerForPrediction(config.residual)

    def forward(
        self,
        past_values: Tensor,
        past_observed_mask: Tensor | None = None,
        freq_token: Tensor | None = None,
        static_categorical_values: Tensor | None = None,
        future_values: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """As TinyTimeMixerForPrediction; scaling and smoothing see all points that are given.

        trend_input, residual_input and the forecasts of both parts come back too, in the units of the values. The trend
        forecaster gets the scaled series, not its trend, as in the official code.
        """
        whole = self.config.whole
        mask = torch.ones_like(past_values) if past_observed_mask is None else past_observed_mask
        scaled, loc, scale = scale_window(past_values, mask, whole.scaling)
        trend = robust_trend(scaled)
        residual = (scaled - trend)[:, -min(self.config.residual.context_length, scaled.shape[1]) :]

        others = (freq_token, static_categorical_values, future_values)
        parts = {
            "trend": self.trend_forecaster(scaled, mask, *others),
            "residual": self.residual_forecaster(residual, mask[:, -residual.shape[1] :], *others),
        }
        loc, scale = choose_channels(loc, whole), choose_channels(scale, whole)
        outputs = {
            "prediction_outputs": sum(one["prediction_outputs"] for one in parts.values()) * scale + loc,
            "trend_input": choose_channels(trend, whole) * scale + loc,
            "residual_input": choose_channels(residual, whole) * scale + loc,
        }
        if whole.multi_quantile_head:
            quantiles = [one["quantile_outputs"] for one in parts.values()]
            together = add_quantiles(*quantiles) if self.config.adds_variances else sum(quantiles)
            outputs["quantile_outputs"] = together * scale[:, None] + loc[:, None]
        for part, values in parts.items():
            outputs[f"{part}_prediction_outputs"] = values["prediction_outputs"] * scale + loc
            if whole.multi_quantile_head:
                outputs[f"{part}_quantile_outputs"] = values["quantile_outputs"] * scale[:, None] + loc[:, None]
        return outputs


def add_quantiles(first: Tensor, second: Tensor) -> Tensor:
    """Medians add, distances from the median add in squares. [batch, levels, horizon, channels], ascending levels."""
    middle = first.shape[1] // 2
    widths = [one - one[:, middle : middle + 1] for one in (first, second)]
    # sqrt(a^2 + b^2 + 1e-8), times and through 1e4: the exporter takes the sum with 1e-8 for one with nothing
    distance = ((widths[0] * 1e4) ** 2 + (widths[1] * 1e4) ** 2 + 1).sqrt() / 1e4
    width = (widths[0] + widths[1]).sign() * distance
    nothing = torch.zeros_like(width[:, :1])
    width = torch.cat([width[:, :middle], nothing, width[:, middle + 1 :]], dim=1)
    return first[:, middle : middle + 1] + second[:, middle : middle + 1] + width


def robust_trend(x: Tensor) -> Tensor:
    """LOWESS with local means: a Gaussian average, twice repeated with Tukey's bisquare weights of the residuals.

    [batch, points, channels] to the same. The mean of the trend is kept at the mean of the series.
    """
    smoother = smoothing_matrix(x.shape[1]).to(x)
    trend = _align(smoother @ x / smoother.sum(dim=1)[:, None], x)
    for _ in range(PASSES):
        residual = x - trend
        residual = residual - _lower_median(residual)
        spread = _lower_median(residual.abs()).clamp(min=TINY)
        weight = (1 - ((residual / (6 * spread)) ** 2).clamp(0, 1)) ** 2
        trend = _align(smoother @ (x * weight) / (smoother @ weight).clamp(min=TINY), x)
    return trend


def _align(trend: Tensor, x: Tensor) -> Tensor:
    return trend - trend.mean(dim=1, keepdim=True) + x.mean(dim=1, keepdim=True)


def _lower_median(x: Tensor) -> Tensor:
    """The lower one of the two middle points, as torch.median takes it; from a sort, which every runtime has."""
    middle = (x.shape[1] - 1) // 2
    return x.sort(dim=1).values[:, middle : middle + 1]


def smoothing_matrix(points: int) -> Tensor:
    """Row t weighs the points for the Gaussian average at t; what would lie outside is mirrored at the ends."""
    window = max(5, round(SPAN * points))
    window = min(window + (window % 2 == 0), points - (points % 2 == 0))
    reach = window // 2
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / (0.25 * window)) ** 2)
    position = torch.arange(points)[:, None] + torch.arange(-reach, reach + 1)
    position = position.abs()
    position = torch.where(position > points - 1, 2 * (points - 1) - position, position)
    matrix = torch.zeros(points, points, dtype=torch.float64)
    return matrix.scatter_add_(1, position, (taps / taps.sum()).expand(points, -1)).float()
