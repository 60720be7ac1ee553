"""PatchTSMixer (IBM TSMixer, arXiv 2306.09364, KDD 2023), with the class and tensor names of the official checkpoints.

Window -> scale -> patches -> linear embedding -> mixer layers -> linear head -> back to units. Ours, off by default:
the cross-channel and hierarchical reconciliation heads of the paper, which no official class has.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .distributions import DistributionProjection
from .mixer_layers import MODES, MixerLayer, MixerOptions, MixerStack
from .positions import PositionalTable
from .reconciliation import ForecastChannelMixer, HierarchicalPatchHead
from .windows import patch_count, patchify, scale_window


@dataclass(frozen=True)
class PatchTsMixerConfig:
    context_length: int = 32
    prediction_length: int = 16
    patch_length: int = 8
    patch_stride: int = 8
    num_input_channels: int = 1
    d_model: int = 8
    expansion_factor: int = 2
    num_layers: int = 3
    dropout: float = 0.2
    head_dropout: float = 0.2
    mode: str = "common_channel"
    gated_attn: bool = True
    norm_mlp: str = "LayerNorm"
    norm_eps: float = 1e-5
    self_attn: bool = False
    self_attn_heads: int = 1
    use_positional_encoding: bool = False
    positional_encoding_type: str = "sincos"
    scaling: str = "std"
    loss: str = "mse"
    distribution_output: str = "student_t"
    prediction_channel_indices: tuple[int, ...] | None = None
    # ours: 0 switches a head off
    cross_channel_reach: int = 0
    hierarchy_patch_length: int = 0

    def __post_init__(self):
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}: give one of {', '.join(MODES)}")
        if self.context_length <= self.patch_length:
            raise ValueError(f"context_length {self.context_length} is not above patch_length {self.patch_length}")
        if any(not 0 <= one < self.num_input_channels for one in self.channels):
            raise ValueError(f"prediction_channel_indices {self.channels} of {self.num_input_channels} channels")
        if self.loss == "nll" and (self.cross_channel_reach or self.hierarchy_patch_length):
            raise ValueError("loss is 'nll': reconciliation heads need a point forecast")

    @property
    def num_patches(self) -> int:
        return patch_count(self.context_length, self.patch_length, self.patch_stride)

    @property
    def channels(self) -> list[int]:
        """The channels that are forecast."""
        chosen = self.prediction_channel_indices
        return sorted(chosen) if chosen is not None else list(range(self.num_input_channels))

    @property
    def mixer_options(self) -> MixerOptions:
        return MixerOptions(
            expansion_factor=self.expansion_factor,
            dropout=self.dropout,
            gate="softmax" if self.gated_attn else None,
            batch_norm="batch" in self.norm_mlp.lower(),
            norm_eps=self.norm_eps,
            attention_heads=self.self_attn_heads if self.self_attn else 0,
        )


class Encoder(nn.Module):
    """[batch, channels, patches, patch_length] to [batch, channels, patches, d_model]."""

    def __init__(self, config: PatchTsMixerConfig):
        super().__init__()
        patches, width = config.num_patches, config.d_model
        self.patcher = nn.Linear(config.patch_length, width)
        if config.use_positional_encoding:
            self.positional_encoder = PositionalTable(patches, width, config.positional_encoding_type)
        else:
            self.positional_encoder = nn.Identity()
        channels = config.num_input_channels if config.mode == "mix_channel" else None
        self.mlp_mixer_encoder = MixerStack(
            [MixerLayer(channels, patches, width, config.mixer_options) for _ in range(config.num_layers)]
        )

    def forward(self, patches: Tensor) -> Tensor:
        return self.mlp_mixer_encoder(self.positional_encoder(self.patcher(patches)))


class Backbone(nn.Module):
    def __init__(self, config: PatchTsMixerConfig):
        super().__init__()
        self.encoder = Encoder(config)

    def forward(self, patches: Tensor) -> Tensor:
        return self.encoder(patches)


class Head(nn.Module):
    """All patches of a channel flattened, one linear layer to the horizon (or to the parameters of a distribution)."""

    def __init__(self, config: PatchTsMixerConfig):
        super().__init__()
        self.config = config
        inputs, horizon = config.num_patches * config.d_model, config.prediction_length
        self.dropout = nn.Dropout(config.head_dropout)
        if config.loss == "nll":
            self.base_forecast_block = DistributionProjection(inputs, horizon, config.distribution_output)
        else:
            self.base_forecast_block = nn.Linear(inputs, horizon)
        if config.hierarchy_patch_length:
            self.hierarchical_head = HierarchicalPatchHead(inputs, horizon, config.hierarchy_patch_length)
        if config.cross_channel_reach:
            self.cross_channel_head = ForecastChannelMixer(
                len(config.channels), 0, config.cross_channel_reach, "softmax" if config.gated_attn else None
            )

    def forward(self, x: Tensor, scaled: Tensor) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """x: hidden state; scaled: the scaled window.

        Returns forecasts [batch, horizon, channels] in scaled space (one, or one a parameter), and the patch means of
        the hierarchical head, [batch, patches of the horizon, channels].
        """
        features = self.dropout(x.flatten(start_dim=2))
        forecast, means = self.base_forecast_block(features), None
        if self.config.hierarchy_patch_length:
            forecast, means = self.hierarchical_head(features, forecast)
            means = self._choose(means)
        forecasts = forecast if isinstance(forecast, tuple) else (forecast,)
        forecasts = tuple(self._choose(one) for one in forecasts)
        if self.config.cross_channel_reach:
            forecasts = (self.cross_channel_head(forecasts[0], choose_channels(scaled, self.config)),)
        return forecasts, means

    def _choose(self, x: Tensor) -> Tensor:
        return choose_channels(x.transpose(1, 2), self.config)


class PatchTsMixer(nn.Module):
    def __init__(self, config: PatchTsMixerConfig):
        super().__init__()
        self.config = config
        self.model = Backbone(config)
        self.head = Head(config)

    def forward(self, past_values: Tensor, observed_mask: Tensor | None = None) -> dict[str, Tensor]:
        """past_values, observed_mask: [batch, context_length, channels], values 0 where the mask is 0.

        prediction_outputs [batch, prediction_length, predicted channels] in the units of the values; with loss nll
        instead prediction_outputs_0, _1, … (parameters in scaled space). loc, scale [batch, 1, predicted channels],
        last_hidden_state [batch, channels, patches, d_model].
        """
        config = self.config
        if past_values.shape[1] != config.context_length:
            raise ValueError(f"past_values has {past_values.shape[1]} points, the model reads {config.context_length}")
        mask = torch.ones_like(past_values) if observed_mask is None else observed_mask
        scaled, loc, scale = scale_window(past_values, mask, config.scaling)
        hidden = self.model(patchify(scaled, config.patch_length, config.patch_stride))
        forecasts, means = self.head(hidden, scaled)
        loc, scale = choose_channels(loc, config), choose_channels(scale, config)
        if config.loss == "nll":
            if config.distribution_output == "negative_binomial":
                count, logits = forecasts  # no affine transform fits whole numbers: the scale goes into the logits
                forecasts = count, logits + scale.log()
            outputs = {f"prediction_outputs_{index}": one for index, one in enumerate(forecasts)}
        else:
            outputs = {"prediction_outputs": forecasts[0] * scale + loc}
        if means is not None:
            outputs["patch_means"] = means * scale + loc
        return outputs | {"loc": loc, "scale": scale, "last_hidden_state": hidden}


def choose_channels(x: Tensor, config: PatchTsMixerConfig) -> Tensor:
    """The predicted channels of [..., channels]."""
    return x if config.prediction_channel_indices is None else x[..., config.channels]
