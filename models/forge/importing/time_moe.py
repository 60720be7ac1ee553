"""Official Time-MoE checkpoints (TimeMoeForPrediction), mixture of experts or dense."""

from ..architectures.time_moe import TimeMoe, TimeMoeConfig
from .settings import HOUSEKEEPING, Settings


def build_time_moe(raw: dict) -> TimeMoe:
    settings = Settings(raw)
    settings.expect("model_type", "time_moe")
    settings.expect("architectures", ["TimeMoeForPrediction"], None)
    settings.expect("hidden_act", "silu")
    settings.expect("input_size", 1)
    settings.expect("rope_scaling", None)
    settings.ignore(HOUSEKEEPING)
    config = settings.build(TimeMoeConfig)
    settings.done()
    return TimeMoe(config)
