"""Reads an official checkpoint folder and fits its tensors to a model. What does not fit is refused with its name."""

import json
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

WEIGHTS = ("model.safetensors", "checkpoint.pth")
NAMED = 5  # of a long list of wrong tensors


def read_config(folder: Path) -> dict:
    path = folder / "config.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder} is no checkpoint folder: it has no config.json")
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is truncated or no JSON: {error}") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path} holds {type(config).__name__}, not an object of settings")
    return config


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder; floating-point ones as float32."""
    path = next((folder / name for name in WEIGHTS if (folder / name).exists()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} has no weights: give one of {', '.join(WEIGHTS)}")
    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is truncated or damaged: {error}") from error
    if not isinstance(tensors, dict) or not all(isinstance(one, Tensor) for one in tensors.values()):
        raise ValueError(f"{path} holds no state dict: names and tensors, nothing else")
    return {name: one.float() if one.is_floating_point() else one for name, one in tensors.items()}


def fit_tensors(model: nn.Module, tensors: dict[str, Tensor], source: Path) -> None:
    expected = model.state_dict()
    missing = [f"{name} {list(one.shape)}" for name, one in expected.items() if name not in tensors]
    extra = [f"{name} {list(one.shape)}" for name, one in tensors.items() if name not in expected]
    shapes = [
        f"{name} is {list(tensors[name].shape)}, the config makes it {list(one.shape)}"
        for name, one in expected.items()
        if name in tensors and tensors[name].shape != one.shape
    ]
    broken = [name for name, one in tensors.items() if one.is_floating_point() and not one.isfinite().all()]
    for problem, names in (
        ("missing tensor", missing),
        ("extra tensor", extra),
        ("misshapen tensor", shapes),
        ("NaN or infinity in tensor", broken),
    ):
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            raise ValueError(f"{source}: {problem} {'; '.join(names[:NAMED])}{more}")
    model.load_state_dict(tensors)
