"""Official TTM checkpoints (granite-tsfm): r1 and r2, r3 direct and r3 decomposed."""

from torch import nn

from ..architectures.tinytimemixer import TinyTimeMixerForPrediction
from ..architectures.tinytimemixer_config import TinyTimeMixerConfig
from ..architectures.tinytimemixer_decomposed import DecomposedConfig, TinyTimeMixerForDecomposedPrediction
from .patchtsmixer import read_norm, read_scaling
from .settings import HOUSEKEEPING, Settings

PREDICTION, DECOMPOSED = "TinyTimeMixerForPrediction", "TinyTimeMixerForDecomposedPrediction"
LOSSES = ("mse", "mae", "pinball", "huber", None)
TRAINING = {
    *("d_model_scale", "decoder_d_model_scale", "distribution_output", "forecast_loss_type", "huber_delta"),
    *("init_embed", "init_linear", "init_processing", "joint_loss_weight", "light_mode", "mask_value"),
    *("num_parallel_samples", "patch_last", "penalize_large_width_ratio", "point_extra_weight", "post_init"),
    *("quantile", "quantile_list", "residual_loss_weight", "trend_loss_weight", "width_penalty_mode"),
    *("mq_use_positional", "trend_head_d_model"),  # stored by the official code and read by nothing in it
}
TREND = (
    *("patch_length", "patch_stride", "d_model", "decoder_d_model", "num_layers", "decoder_num_layers"),
    *("register_tokens", "fft_length", "multi_scale", "adaptive_patching_levels"),
)


def build_ttm(raw: dict) -> nn.Module:
    settings = Settings(raw)
    settings.expect("model_type", "tinytimemixer")
    settings.expect("use_register_context_gating", False)
    settings.expect("masked_context_length", None)
    settings.expect("loss", *LOSSES)
    classes = settings.take("architectures", [PREDICTION])
    if classes not in ([PREDICTION], [DECOMPOSED]):
        raise ValueError(f"config.json: architectures is {classes}, known: [{PREDICTION!r}], [{DECOMPOSED!r}]")
    patches = settings.take("num_patches")
    settings.take("decompose")
    residual_context = settings.take("residual_context_length")
    adds_variances = settings.take("combine_quantiles_via_variance", False)
    trend = {name: settings.take(f"trend_{name}") for name in TREND}
    norm, scaling = read_norm(settings), read_scaling(settings)
    settings.ignore(HOUSEKEEPING | TRAINING)
    levels = settings.take("quantile_levels") or TinyTimeMixerConfig.quantile_levels
    config = settings.build(
        TinyTimeMixerConfig, norm_mlp=norm, scaling=scaling, quantile_levels=tuple(sorted(map(float, levels)))
    )
    settings.done()
    if patches not in (None, config.num_patches):
        raise ValueError(f"config.json: num_patches is {patches}, the other settings make it {config.num_patches}")
    if classes == [PREDICTION]:
        return TinyTimeMixerForPrediction(config)
    changes = {name: value for name, value in trend.items() if value is not None}
    return TinyTimeMixerForDecomposedPrediction(
        DecomposedConfig.derive(config, residual_context, changes, adds_variances)
    )
