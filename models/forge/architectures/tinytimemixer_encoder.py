"""The encoder of TinyTimeMixer: patches and tokens through the mixer layers of the backbone."""

import torch
from torch import Tensor, nn

from .adaptive_patching import mixer_stack
from .positions import PositionalTable
from .tinytimemixer_config import TinyTimeMixerConfig
from .ttm_tokens import MultiScalePatcher, RegisterTokens, SpectrumTokens, resolution_prefix


class Encoder(nn.Module):
    """Patches and tokens, in the order [spectrum, registers, frequency, patches], through the mixer layers."""

    def __init__(self, config: TinyTimeMixerConfig):
        super().__init__()
        self.config = config
        tokens, width = config.num_patches, config.d_model
        if config.multi_scale:
            self.patcher = MultiScalePatcher(config.context_length, config.patch_length, width)
        else:
            self.patcher = nn.Linear(config.patch_length, width)
        if config.resolution_prefix_tuning:
            self.freq_mod = resolution_prefix(config.frequency_token_vocab_size, config.patch_length, width)
        if config.register_tokens:
            self.add_tokens = RegisterTokens(config.register_tokens, width)
        if config.fft_length:
            self.add_fft_tokens = SpectrumTokens(
                context=config.context_length,
                features=width,
                count=config.fft_length,
                embed=config.use_fft_embedding,
                single=config.get_one_freq_emb,
                ignore_mean=config.fft_ignore_dc,
                width_range=(config.fft_d_freq_min, config.fft_d_freq_max),
            )
        if config.use_positional_encoding:
            self.positional_encoder = PositionalTable(tokens, width, config.positional_encoding_type)
        if config.multi_scale or config.enable_base_norm_always:
            self.base_norm = nn.LayerNorm(tokens * width, eps=config.norm_eps)
        channels = config.num_input_channels if config.mode == "mix_channel" else None
        self.mlp_mixer_encoder = mixer_stack(
            config.adaptive_patching_levels,
            config.num_layers,
            channels,
            tokens,
            width,
            config.mixer_options(config.dropout, config.gated_attn),
        )

    def forward(
        self, patches: Tensor, scaled: Tensor, freq_token: Tensor | None, bins: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the tokens [batch, channels, tokens, d_model] and the bins of the spectrum tokens, if any."""
        config = self.config
        x = self.patcher(patches)
        if config.resolution_prefix_tuning:
            if freq_token is None:
                raise ValueError("freq_token is missing: the model has resolution prefix tuning")
            prefix = self.freq_mod(freq_token)[:, None, None].expand(-1, x.shape[1], -1, -1)
            x = torch.cat([prefix, x], dim=2)
        if config.register_tokens:
            x = self.add_tokens(x)
        if config.fft_length:
            x, bins = self.add_fft_tokens(x, scaled, bins)
        if config.use_positional_encoding:
            x = self.positional_encoder(x)
        if config.multi_scale or config.enable_base_norm_always:
            x = self.base_norm(x.flatten(2)).unflatten(-1, x.shape[2:])
        return self.mlp_mixer_encoder(x), bins


class Backbone(nn.Module):
    def __init__(self, config: TinyTimeMixerConfig):
        super().__init__()
        self.encoder = Encoder(config)

    def forward(self, patches: Tensor, scaled: Tensor, freq_token: Tensor | None, bins: Tensor | None):
        return self.encoder(patches, scaled, freq_token, bins)
