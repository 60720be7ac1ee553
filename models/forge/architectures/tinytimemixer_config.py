"""Settings of TinyTimeMixer, r1 to r3, under the names of its official config.json."""

from dataclasses import dataclass

from .mixer_layers import GATES, MODES, MixerOptions
from .multi_quantile_head import CONDITION_MODES, CONDITION_PATHS, MEDIANS
from .ttm_tokens import scale_lengths
from .windows import patch_count


@dataclass(frozen=True)
class TinyTimeMixerConfig:
    context_length: int = 64
    prediction_length: int = 16
    patch_length: int = 8
    patch_stride: int = 8
    num_input_channels: int = 1
    d_model: int = 16
    expansion_factor: int = 2
    num_layers: int = 3
    dropout: float = 0.2
    mode: str = "common_channel"
    gated_attn: bool = True
    gate_mode: str = "softmax"
    gate_groups: int = 8
    norm_mlp: str = "LayerNorm"
    norm_eps: float = 1e-5
    self_attn: bool = False
    self_attn_heads: int = 1
    use_positional_encoding: bool = False
    positional_encoding_type: str = "sincos"
    scaling: str = "std"
    adaptive_patching_levels: int = 0
    resolution_prefix_tuning: bool = False
    frequency_token_vocab_size: int = 5
    # decoder
    use_decoder: bool = True
    decoder_d_model: int = 8
    decoder_num_layers: int = 8
    decoder_adaptive_patching_levels: int = 0
    decoder_mode: str = "common_channel"
    decoder_raw_residual: bool = False
    categorical_vocab_size_list: tuple[int, ...] | None = None
    # head
    head_dropout: float = 0.2
    prediction_channel_indices: tuple[int, ...] | None = None
    prediction_filter_length: int | None = None
    exogenous_channel_indices: tuple[int, ...] | None = None
    enable_forecast_channel_mixing: bool = False
    fcm_gated_attn: bool = True
    fcm_context_length: int = 1
    fcm_use_mixer: bool = False
    fcm_mix_layers: int = 2
    fcm_prepend_past: bool = True
    fcm_prepend_past_offset: int | None = None
    # r3
    multi_scale: bool = False
    register_tokens: int = 0
    fft_length: int = 0
    use_fft_embedding: bool = True
    get_one_freq_emb: bool = False
    fft_ignore_dc: bool = False
    fft_d_freq_min: int = 4
    fft_d_freq_max: int = 64
    enable_base_norm_always: bool = False
    multi_quantile_head: bool = False
    quantile_levels: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    mq_hidden: int = 8
    mq_kernel_size: int = 3
    mq_eps: float = 1e-6
    mq_use_decoder_pool: bool = False
    mq_cond_path: str = "pool"
    mq_cond_mode: str = "add"
    mq_q50_type: str = "median"
    mq_decoder_d_model: int = 8

    def __post_init__(self):
        for name, known in (
            ("mode", MODES),
            ("decoder_mode", MODES),
            ("gate_mode", GATES),
            ("mq_cond_path", CONDITION_PATHS),
            ("mq_cond_mode", CONDITION_MODES),
            ("mq_q50_type", MEDIANS),
        ):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give one of {', '.join(known)}")
        if self.patch_stride != self.patch_length:
            raise ValueError(f"patch_stride is {self.patch_stride}, it has to be patch_length {self.patch_length}")
        if self.categorical_vocab_size_list and self.decoder_mode != "mix_channel":
            raise ValueError("categorical_vocab_size_list needs decoder_mode mix_channel")
        if not 0 < (self.prediction_filter_length or 1) <= self.prediction_length:
            raise ValueError(f"prediction_filter_length is {self.prediction_filter_length}")
        for name in ("prediction_channel_indices", "exogenous_channel_indices"):
            if any(not 0 <= one < self.num_input_channels for one in getattr(self, name) or ()):
                raise ValueError(f"{name} {list(getattr(self, name))} of {self.num_input_channels} channels")
        below = sum(level < 0.5 for level in self.quantile_levels)
        if 0.5 not in self.quantile_levels or len(self.quantile_levels) != 2 * below + 1:
            raise ValueError(f"quantile_levels {self.quantile_levels} need 0.5 and as many below it as above")

    @property
    def num_patches(self) -> int:
        """Tokens of the encoder: patches and everything that is put before them."""
        spectrum = (1 if self.get_one_freq_emb else self.fft_length) if self.fft_length else 0
        return self._patches + self.resolution_prefix_tuning + self.register_tokens + spectrum

    @property
    def _patches(self) -> int:
        if self.multi_scale:
            lengths = scale_lengths(self.context_length, self.patch_length)
            return sum(length // self.patch_length for length in lengths)
        return patch_count(self.context_length, self.patch_length, self.patch_stride)

    @property
    def horizon(self) -> int:
        return self.prediction_filter_length or self.prediction_length

    @property
    def exogenous(self) -> list[int]:
        return sorted(self.exogenous_channel_indices or ())

    @property
    def predicted(self) -> list[int] | None:
        """The channels that are forecast; None for all of them."""
        if self.prediction_channel_indices is not None:
            return sorted(self.prediction_channel_indices)
        if not self.exogenous:
            return None
        return [channel for channel in range(self.num_input_channels) if channel not in self.exogenous]

    def mixer_options(self, dropout: float, gated: bool = True) -> MixerOptions:
        return MixerOptions(
            expansion_factor=self.expansion_factor,
            dropout=dropout,
            gate=self.gate_mode if gated else None,
            gate_groups=self.gate_groups,
            batch_norm="batch" in self.norm_mlp.lower(),
            norm_eps=self.norm_eps,
            attention_heads=self.self_attn_heads if self.self_attn else 0,
        )
