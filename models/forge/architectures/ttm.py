"""TinyTimeMixer (TTM, arXiv 2401.03955) and our additions, each switched by a field of the config.

With the additions off this is the paper's model, tensor for tensor. Ours are: the observed mask as an input, computed
seasonality (seasonality.py), the head that mixes naive forecasts and gives quantiles, and asinh after the scaling.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from .adaptive_patching import mixer_stack
from .mixer_layers import MixerOptions
from .quantile_head import NaiveMixHead
from .zero_shot import ZeroShotForecaster, as_patches


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


class TinyTimeMixer(ZeroShotForecaster):
    def __init__(self, config: TtmConfig):
        config.validate()
        super().__init__(config.context_length, config.prediction_length)
        self.config, self.asinh = config, config.asinh
        self.backbone = Backbone(config)
        self.decoder = Decoder(config)
        self.head = (
            NaiveMixHead(config.decoder_d_model, config.patch_length, config.norm_eps)
            if config.quantile_head
            else PointHead(config)
        )

    def quantiles_of(self, channels: Tensor, naive: Tensor) -> Tensor:
        if not self.config.mask_channel:
            channels = torch.cat([channels[:, :1], channels[:, 2:]], dim=1)
        features = self.decoder(self.backbone(as_patches(channels, self.config.patch_length)[:, None]))
        return self.head(features[:, 0, self.config.context_patches :], naive)

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
