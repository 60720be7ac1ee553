"""The configurations that this repository ships."""

from .ttm import TtmConfig

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
