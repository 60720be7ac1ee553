"""The zero-shot models that this repository ships, one a family: settings, class, and how it is trained."""

from collections.abc import Callable
from dataclasses import dataclass

from .ttm import TinyTimeMixer, TtmConfig
from .zero_shot import ZeroShotForecaster
from .zero_shot_s_mamba import ZeroShotSMamba, ZeroShotSMambaConfig
from .zero_shot_time_moe import ZeroShotTimeMoe, ZeroShotTimeMoeConfig
from .zero_shot_tsmixer import ZeroShotTsMixer, ZeroShotTsMixerConfig

Config = TtmConfig | ZeroShotTsMixerConfig | ZeroShotSMambaConfig | ZeroShotTimeMoeConfig

TTM_BASE = TtmConfig(
    context_length=512,
    prediction_length=96,
    patch_length=32,
    d_model=128,
    decoder_d_model=128,
    gate_mode="glu",
    mask_channel=True,
    seasonality=True,
    quantile_head=True,
    asinh=True,
)


@dataclass(frozen=True)
class Recipe:
    config: Config
    build: Callable[[Config], ZeroShotForecaster]
    learning_rate: float
    batch: int = 96  # windows a step


RECIPES = {
    "ttm": Recipe(TTM_BASE, TinyTimeMixer, 2.5e-3),
    "tsmixer": Recipe(ZeroShotTsMixerConfig(), ZeroShotTsMixer, 2.5e-3),
    "s-mamba": Recipe(ZeroShotSMambaConfig(), ZeroShotSMamba, 1e-3, batch=192),
    "time-moe": Recipe(ZeroShotTimeMoeConfig(), ZeroShotTimeMoe, 2e-3),
}


def recipe_of(family: str) -> Recipe:
    """Raises ValueError for a family that there is none of."""
    if family not in RECIPES:
        raise ValueError(f"family {family!r} is unknown: give one of {', '.join(RECIPES)}")
    return RECIPES[family]


def build(family: str, config: Config) -> ZeroShotForecaster:
    return recipe_of(family).build(config)


def restored_config(family: str, settings: dict) -> Config:
    """The settings that a checkpoint holds."""
    return type(recipe_of(family).config)(**settings)
