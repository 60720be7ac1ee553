"""Official PatchTSMixer checkpoints (transformers, PatchTSMixerForPrediction)."""

from ..architectures.patchtsmixer import PatchTsMixer, PatchTsMixerConfig
from .settings import HOUSEKEEPING, Settings

TRAINING = {
    "channel_consistent_masking",
    "head_aggregation",
    "mask_type",
    "mask_value",
    "masked_loss",
    "num_forecast_mask_patches",
    "num_parallel_samples",
    "num_targets",
    "output_range",
    "patch_last",
    "post_init",
    "random_mask_ratio",
    "unmasked_channel_indices",
}


def build_patchtsmixer(raw: dict) -> PatchTsMixer:
    settings = Settings(raw)
    settings.expect("model_type", "patchtsmixer")
    settings.expect("architectures", ["PatchTSMixerForPrediction"], None)
    scaling = read_scaling(settings)
    norm = read_norm(settings)
    loss = settings.take("loss", "mse")
    if loss not in ("mse", "nll"):
        raise ValueError(f"config.json: loss is {loss!r}, known: 'mse', 'nll'")
    patches = settings.take("num_patches")
    settings.ignore(HOUSEKEEPING | TRAINING)
    config = settings.build(PatchTsMixerConfig, scaling=scaling, norm_mlp=norm, loss=loss)
    settings.done()
    if patches not in (None, config.num_patches):
        raise ValueError(f"config.json: num_patches is {patches}, the other settings make it {config.num_patches}")
    return PatchTsMixer(config)


def read_scaling(settings: Settings) -> str:
    """true is std, false and null are none, as in the official code."""
    settings.expect("scaling_dim", 1)
    settings.expect("keepdim", True)
    value = settings.take("scaling", "std")
    names = {True: "std", False: "none", None: "none", "none": "none", "std": "std", "mean": "mean"}
    if not isinstance(value, bool | str | None) or value not in names:
        raise ValueError(f"config.json: scaling is {value!r}, known: 'std', 'mean', true, false, null")
    return names[value]


def read_norm(settings: Settings) -> str:
    value = settings.take("norm_mlp", "LayerNorm")
    if value not in ("LayerNorm", "BatchNorm"):
        raise ValueError(f"config.json: norm_mlp is {value!r}, known: 'LayerNorm', 'BatchNorm'")
    return value
