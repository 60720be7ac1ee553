"""TinyTimeMixer as published (TTM, arXiv 2401.03955, NeurIPS 2024; r3 of granite-tsfm), tensor for tensor.

Every option of the official checkpoints is here, so that they load. The model that this project trains and ships,
ttm.TinyTimeMixer, is this one with common channels and adaptive patching, our inputs (mask, computed seasonality)
beside the values of a patch, and our quantile head. With these additions off both have the same tensors under the same
names.
"""

import torch
from torch import Tensor, nn

from .adaptive_patching import mixer_stack
from .multi_quantile_head import MultiQuantileHead
from .reconciliation import ForecastChannelMixer
from .tinytimemixer_config import TinyTimeMixerConfig
from .tinytimemixer_encoder import Backbone
from .windows import patchify, scale_window


class Decoder(nn.Module):
    """Narrower mixer layers, with channel mixing for fine-tuned models; static categories join as extra channels."""

    def __init__(self, config: TinyTimeMixerConfig):
        super().__init__()
        self.config = config
        width = config.decoder_d_model
        self.adapter = nn.Linear(config.d_model, width) if width != config.d_model else nn.Identity()
        if config.decoder_raw_residual:
            self.decoder_raw_embedding = nn.Linear(config.patch_length, width)
        categories = config.categorical_vocab_size_list or ()
        if categories:
            self.decoder_cat_embedding_layer = CategoryEmbeddings(categories, width)
        channels = config.num_input_channels + len(categories) if config.decoder_mode == "mix_channel" else None
        self.decoder_block = mixer_stack(
            config.decoder_adaptive_patching_levels,
            config.decoder_num_layers,
            channels,
            config.num_patches,
            width,
            config.mixer_options(config.head_dropout, config.gated_attn),
        )

    def forward(self, x: Tensor, patches: Tensor, categories: Tensor | None) -> Tensor:
        channels = x.shape[1]
        x = self.adapter(x)
        if self.config.decoder_raw_residual:
            if x.shape[2] == patches.shape[2] + 1:  # the frequency token has no raw values
                patches = torch.cat([torch.zeros_like(patches[:, :, :1]), patches], dim=2)
            x = x + self.decoder_raw_embedding(patches)
        if self.config.categorical_vocab_size_list:
            if categories is None:
                raise ValueError("static_categorical_values is missing: the model has categories")
            x = torch.cat([x, self.decoder_cat_embedding_layer(categories, x.shape[2])], dim=1)
        return self.decoder_block(x)[:, :channels]


class CategoryEmbeddings(nn.Module):
    """Static categories, int64 [batch, categories], to [batch, categories, patches, width]."""

    def __init__(self, sizes: tuple[int, ...], width: int):
        super().__init__()
        self.embedding_layers = nn.ModuleList(nn.Embedding(size, width) for size in sizes)

    def forward(self, categories: Tensor, patches: int) -> Tensor:
        rows = [embed(categories[:, index]) for index, embed in enumerate(self.embedding_layers)]
        return torch.stack(rows, dim=1)[:, :, None].expand(-1, -1, patches, -1)


class Head(nn.Module):
    """All tokens of a channel flattened, one linear layer to the horizon; then forecast channel mixing, where on."""

    def __init__(self, config: TinyTimeMixerConfig):
        super().__init__()
        self.config = config
        width = config.decoder_d_model if config.use_decoder else config.d_model
        self.dropout = nn.Dropout(config.head_dropout)
        self.base_forecast_block = nn.Linear(config.num_patches * width, config.prediction_length)
        if config.enable_forecast_channel_mixing:
            options = config.mixer_options(config.head_dropout, config.fcm_gated_attn)
            self.fcm_block = ForecastChannelMixer(
                channels=len(config.predicted or range(config.num_input_channels)),
                exogenous=len(config.exogenous),
                reach=config.fcm_context_length,
                gate=config.gate_mode if config.fcm_gated_attn else None,
                gate_groups=config.gate_groups,
                prepend_past=config.fcm_prepend_past,
                past_offset=config.fcm_prepend_past_offset or 0,
                mixer=(config.fcm_mix_layers, options) if config.fcm_use_mixer else None,
            )

    def forward(self, x: Tensor, past: Tensor, future: Tensor | None) -> Tensor:
        """x: [batch, channels, tokens, width]; past: the window as it was given; future: known future values of all
        channels, [batch, horizon, channels]. Returns the scaled forecast, [batch, horizon, predicted channels]."""
        config = self.config
        forecast = self.base_forecast_block(self.dropout(x.flatten(start_dim=2))).transpose(1, 2)
        forecast = choose_channels(forecast, config)[:, : config.horizon]
        if not config.enable_forecast_channel_mixing:
            return forecast
        exogenous = None
        past_channels = choose_channels(past, config)
        if config.exogenous:
            if future is None:
                raise ValueError("future_values is missing: the model has exogenous channels")
            exogenous = future[:, : config.horizon, config.exogenous]
            past_channels = torch.cat([past_channels, past[:, :, config.exogenous]], dim=-1)
        return self.fcm_block(forecast, past_channels, exogenous)


class TinyTimeMixerForPrediction(nn.Module):
    def __init__(self, config: TinyTimeMixerConfig):
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        if config.use_decoder:
            self.decoder = Decoder(config)
        self.head = Head(config)
        if config.multi_quantile_head:
            self.multi_quantile_head_block = MultiQuantileHead(
                levels=len(config.quantile_levels),
                hidden=config.mq_hidden,
                kernel_size=config.mq_kernel_size,
                minimum_step=config.mq_eps,
                shifts_median=config.mq_q50_type == "median",
                condition=(config.mq_cond_path, config.mq_cond_mode) if config.mq_use_decoder_pool else None,
                decoder=(config.num_patches, config.decoder_d_model, config.mq_decoder_d_model),
            )

    def forward(
        self,
        past_values: Tensor,
        past_observed_mask: Tensor | None = None,
        freq_token: Tensor | None = None,
        static_categorical_values: Tensor | None = None,
        future_values: Tensor | None = None,
        fft_topk_indices: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """past_values, past_observed_mask: [batch, points, channels]; the last context_length points count, fewer are
        padded with zeros on the left, as observed where no mask is given. freq_token: int64 [batch].
        static_categorical_values: int64 [batch, categories]. future_values: [batch, horizon, channels], read in the
        exogenous channels only. fft_topk_indices replaces the bins that the spectrum tokens would find.

        prediction_outputs [batch, horizon, predicted channels]; quantile_outputs [batch, levels, horizon, predicted
        channels], ascending; loc, scale [batch, 1, predicted channels]; backbone_hidden_state and decoder_hidden_state
        [batch, channels, tokens, width]; fft_topk_indices int64 [batch, channels, bins].
        """
        config = self.config
        past = fit_context(past_values, config.context_length)
        mask = torch.ones_like(past)
        if past_observed_mask is not None:
            mask = fit_context(past_observed_mask, config.context_length)
        scaled, loc, scale = scale_window(past, mask, config.scaling)
        patches = patchify(scaled, config.patch_length, config.patch_stride)
        hidden, bins = self.backbone(patches, scaled, freq_token, fft_topk_indices)
        decoded = self.decoder(hidden, patches, static_categorical_values) if config.use_decoder else hidden
        forecast = self.head(decoded, past, future_values)
        loc, scale = choose_channels(loc, config), choose_channels(scale, config)

        outputs = {}
        if config.multi_quantile_head:
            quantiles = self.multi_quantile_head_block(forecast, decoded)
            forecast = quantiles[:, len(config.quantile_levels) // 2]
            outputs["quantile_outputs"] = quantiles * scale[:, None] + loc[:, None]
        outputs["prediction_outputs"] = forecast * scale + loc
        if bins is not None:
            outputs["fft_topk_indices"] = bins
        return outputs | {
            "loc": loc,
            "scale": scale,
            "backbone_hidden_state": hidden,
            "decoder_hidden_state": decoded,
        }


def fit_context(x: Tensor, length: int) -> Tensor:
    """The last `length` points, with zeros on the left where there are fewer. [batch, points, channels]."""
    if x.shape[1] >= length:
        return x[:, x.shape[1] - length :]
    padding = torch.zeros_like(x[:, :1]).expand(-1, length - x.shape[1], -1)
    return torch.cat([padding, x], dim=1)


def choose_channels(x: Tensor, config: TinyTimeMixerConfig) -> Tensor:
    """The predicted channels of [..., channels]."""
    return x if config.predicted is None else x[..., config.predicted]
