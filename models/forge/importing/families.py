"""An official checkpoint folder to a model."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor, nn

from .checkpoint import fit_tensors, read_config, read_tensors
from .patchtsmixer import build_patchtsmixer
from .s_mamba import build_s_mamba, without_dead_weights
from .time_moe import build_time_moe
from .ttm import build_ttm

BUILDERS: dict[str, Callable[[dict], nn.Module]] = {
    "ttm": build_ttm,
    "patchtsmixer": build_patchtsmixer,
    "tsmixer": build_patchtsmixer,
    "s-mamba": build_s_mamba,
    "time-moe": build_time_moe,
}
MODEL_TYPES = {"tinytimemixer": "ttm", "patchtsmixer": "patchtsmixer", "time_moe": "time-moe"}


def load_checkpoint(folder: Path, family: str) -> nn.Module:
    """The model of an official checkpoint, ready to forecast."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder")
    raw = read_config(folder)
    stated = MODEL_TYPES.get(raw.get("model_type"), family)
    if BUILDERS[stated] is not BUILDERS[family]:
        raise ValueError(f"{folder}: config.json is of the family {stated}, not {family}")
    try:
        model = BUILDERS[family](raw)
    except (ValueError, ZeroDivisionError, RuntimeError) as error:  # the latter two from layers of impossible sizes
        raise ValueError(f"{folder}: {error}") from error
    tensors = _cleaned(family, read_tensors(folder))
    fit_tensors(model, tensors, folder)
    return model.eval()


def _cleaned(family: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return without_dead_weights(tensors) if family == "s-mamba" else tensors
