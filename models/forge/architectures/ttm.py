"""TinyTimeMixer (TTM, arXiv 2401.03955) and our additions, each switched by a field of the config.

With the additions off this is the paper's model, tensor for tensor. Ours are: the observed mask as an input, computed
seasonality (seasonality.py), the head that mixes naive forecasts and gives quantiles, and asinh after the scaling.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from .adaptive_patching import mixer_stack
from .mixer_layers import MixerOptions
from .seasonality import CycleCopier, SeasonFinder, last_value

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
NAIVE_FORECASTS = 5  # last value, two lag copies, mean of cycles, window mean
MIN_GAP = 1e-4  # between neighbouring quantiles in asinh space: rounding can never cross them


@dataclass(frozen=True)
class TtmConfig:
    context_length: int = 512
    prediction_length: int = 96
    patch_length: int = 64
    d_model: int = 192
    decoder_d_model: int = 128
    adaptive_patching_levels: int = 3
    num_layers: int = 2
    decoder_num_layers: int = 2
    expansion_factor: int = 2
    gate_mode: str = "softmax"
    dropout: float = 0.0
    head_dropout: float = 0.0
    norm_eps: float = 1e-5
    scaling: str = "std"
    # ours
    mask_channel: bool = False
    seasonality: bool = False
    quantile_head: bool = False
    asinh: bool = False

    @property
    def context_patches(self) -> int:
        return self.context_length // self.patch_length

    @property
    def future_patches(self) -> int:
        return self.prediction_length // self.patch_length if self.seasonality else 0

    @property
    def patches(self) -> int:
        return self.context_patches + self.future_patches

    @property
    def patch_channels(self) -> int:
        """value, mask, two lag copies, mean of cycles"""
        return 1 + self.mask_channel + 3 * self.seasonality

    def validate(self) -> None:
        if self.context_length % self.patch_length:
            raise ValueError(
                f"context_length {self.context_length} is not a multiple of patch_length {self.patch_length}"
            )
        if self.seasonality and self.prediction_length % self.patch_length:
            raise ValueError(
                f"prediction_length {self.prediction_length} is not a multiple of patch_length {self.patch_length}"
            )
        if self.quantile_head and not self.seasonality:
            raise ValueError("quantile_head mixes lag copies: it needs seasonality")

    def mixer_options(self, dropout: float) -> MixerOptions:
        return MixerOptions(self.expansion_factor, dropout, gate=self.gate_mode, norm_eps=self.norm_eps)

    def to_dict(self) -> dict:
        return asdict(self)


class Encoder(nn.Module):
    def __init__(self, config: TtmConfig):
        super().__init__()
        self.patcher = nn.Linear(config.patch_length * config.patch_channels, config.d_model)
        self.mlp_mixer_encoder = mixer_stack(
            config.adaptive_patching_levels,
            config.num_layers,
            None,
            config.patches,
            config.d_model,
            config.mixer_options(config.dropout),
        )

    def forward(self, patches: Tensor) -> Tensor:
        return self.mlp_mixer_encoder(self.patcher(patches))


class Backbone(nn.Module):
    def __init__(self, config: TtmConfig):
        super().__init__()
        self.encoder = Encoder(config)

    def forward(self, patches: Tensor) -> Tensor:
        return self.encoder(patches)


class Decoder(nn.Module):
    def __init__(self, config: TtmConfig):
        super().__init__()
        width = config.decoder_d_model
        self.adapter = nn.Linear(config.d_model, width) if width != config.d_model else nn.Identity()
        self.decoder_block = mixer_stack(
            0, config.decoder_num_layers, None, config.patches, width, config.mixer_options(config.head_dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder_block(self.adapter(x))


class PointHead(nn.Module):
    """The paper's: all patches of a channel flattened, one linear layer to the horizon."""

    def __init__(self, config: TtmConfig):
        super().__init__()
        self.dropout = nn.Dropout(config.head_dropout)
        self.base_forecast_block = nn.Linear(config.patches * config.decoder_d_model, config.prediction_length)

    def forward(self, x: Tensor) -> Tensor:
        return self.base_forecast_block(self.dropout(x.flatten(start_dim=2)))


class NaiveMixHead(nn.Module):
    """Ours: the median is a convex mix of naive forecasts plus an offset, read from the patch of each future step.

    The other quantiles go up and down from it by positive gaps, so that they cannot cross.
    """

    def __init__(self, config: TtmConfig):
        super().__init__()
        self.config = config
        self.outputs = NAIVE_FORECASTS + len(LEVELS)
        self.norm = nn.LayerNorm(config.decoder_d_model, eps=config.norm_eps)
        self.mix_block = nn.Linear(config.decoder_d_model, config.patch_length * self.outputs)
        nn.init.normal_(self.mix_block.weight, std=0.002)
        nn.init.zeros_(self.mix_block.bias)
        with torch.no_grad():  # neighbouring quantiles start about a tenth of a standard deviation apart
            self.mix_block.bias.view(config.patch_length, self.outputs)[:, NAIVE_FORECASTS + 1 :] = -2.2

    def forward(self, x: Tensor, naive: Tensor) -> Tensor:
        """x: [batch, patches, width]; naive: [batch, prediction, naive forecasts] to [batch, prediction, levels]."""
        future = x[:, self.config.context_patches :]
        out = self.mix_block(self.norm(future)).float().reshape(-1, self.config.prediction_length, self.outputs)
        weights = out[..., :NAIVE_FORECASTS].softmax(dim=-1)
        median = (weights * naive).sum(dim=-1) + out[..., NAIVE_FORECASTS]
        gaps = _softplus(out[..., NAIVE_FORECASTS + 1 :]) + MIN_GAP
        half = len(LEVELS) // 2
        below, above = [median], [median]
        for step in range(half):
            below.append(below[-1] - gaps[..., step])
            above.append(above[-1] + gaps[..., half + step])
        return torch.stack(below[:0:-1] + above, dim=-1)


def _softplus(x: Tensor) -> Tensor:
    """Spelled out, because not every ONNX Runtime provider has the operator."""
    return x.relu() + torch.log1p(torch.exp(-x.abs()))


class TinyTimeMixer(nn.Module):
    def __init__(self, config: TtmConfig):
        super().__init__()
        config.validate()
        self.config = config
        self.backbone = Backbone(config)
        self.decoder = Decoder(config)
        self.head = NaiveMixHead(config) if config.quantile_head else PointHead(config)
        if config.seasonality:
            self.season_finder = SeasonFinder(config.context_length, config.prediction_length)
            self.cycle_copier = CycleCopier(config.context_length, config.prediction_length)

    def forward(
        self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor | None = None
    ) -> Tensor:
        """Our model: standardised windows [batch, context] to quantiles [batch, prediction, levels] in that space."""
        if not self.config.quantile_head:
            return self.forecast_points(past_values[..., None], past_observed_mask[..., None])[..., 0]
        quantiles = self.transformed_quantiles(past_values, past_observed_mask, season_candidates)
        return quantiles.sinh() if self.config.asinh else quantiles

    def transformed_quantiles(
        self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor
    ) -> Tensor:
        """Quantiles before the asinh is undone: the space in which the loss is taken."""
        mask = past_observed_mask
        x = past_values * mask
        x = x.asinh() if self.config.asinh else x
        with torch.no_grad(), torch.autocast(device_type=x.device.type, enabled=False):
            lags = self.season_finder(x, mask, season_candidates)
            last = last_value(x, mask)
            first, mean = self.cycle_copier(x, mask, lags[:, :1], last)
            second, _ = self.cycle_copier(x, mask, lags[:, 1:], last)
            nothing = torch.zeros_like(first[:, self.config.context_length :])
            inputs = [torch.cat([x, nothing], dim=1), torch.cat([mask, nothing], dim=1), first, second, mean]
            if not self.config.mask_channel:
                del inputs[1]
            patches = torch.stack(inputs, dim=1).reshape(-1, len(inputs), self.config.patches, self.config.patch_length)
            patches = patches.transpose(1, 2).flatten(2)
            future = slice(self.config.context_length, None)
            naive = torch.stack([last + nothing, first[:, future], second[:, future], mean[:, future], nothing], dim=-1)
        features = self.decoder(self.backbone(patches[:, None]))
        return self.head(features[:, 0], naive)

    def forecast_points(self, past_values: Tensor, past_observed_mask: Tensor) -> Tensor:
        """The paper's model: raw [batch, context, channels] to [batch, prediction, channels], scaled inside."""
        x, mask = past_values, past_observed_mask
        loc, scale = torch.zeros_like(x[:, :1]), torch.ones_like(x[:, :1])
        if self.config.scaling == "std":
            count = mask.sum(dim=1, keepdim=True).clamp(min=1.0)
            loc = (x * mask).sum(dim=1, keepdim=True) / count
            scale = ((((x - loc) * mask) ** 2).sum(dim=1, keepdim=True) / count + 1e-5).sqrt()
        scaled = ((x - loc) / scale).transpose(1, 2)
        patches = scaled.reshape(-1, scaled.shape[1], self.config.context_patches, self.config.patch_length)
        return self.head(self.decoder(self.backbone(patches))).transpose(1, 2) * scale + loc


class FlipAveraged(nn.Module):
    """Ours: the forecast of a window averaged with the mirrored forecast of the mirrored window, twice the cost."""

    def __init__(self, model: TinyTimeMixer):
        super().__init__()
        self.model = model

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        both = self.model(
            torch.cat([past_values, -past_values]),
            torch.cat([past_observed_mask, past_observed_mask]),
            torch.cat([season_candidates, season_candidates]),
        )
        both = both.reshape(2, -1, self.model.config.prediction_length, len(LEVELS))
        return 0.5 * (both[0] - both[1].flip(-1))


class Respread(nn.Module):
    """Ours: quantiles at `factor` times their distance from the median: calibrates the spread of a finished model."""

    def __init__(self, model: nn.Module, factor: float):
        super().__init__()
        self.model, self.factor = model, factor

    def forward(self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor) -> Tensor:
        quantiles = self.model(past_values, past_observed_mask, season_candidates)
        median = quantiles[..., LEVELS.index(0.5) : LEVELS.index(0.5) + 1]
        return median + self.factor * (quantiles - median)
