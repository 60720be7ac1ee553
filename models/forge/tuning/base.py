"""The zero-shot model that a fine-tune starts from: a package, or the folder of its training run."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import nn

from ..architectures.recipes import RECIPES, build, restored_config
from ..architectures.zero_shot import FlipAveraged, Respread, ZeroShotForecaster
from ..export.golden import TOLERANCE
from ..export.verify import sha256, to_array
from ..export.weight_names import read_weights
from ..training.checkpoint import averaged_weights, load_checkpoint


@dataclass(frozen=True)
class Base:
    """`flip`, `spread`: how the package refines the model; `source`: what the manifest of a fine-tune says of it."""

    family: str
    model: ZeroShotForecaster
    flip: bool
    spread: float
    min_context: int
    source: dict

    def refine(self, model: nn.Module) -> nn.Module:
        """The model as it is served."""
        averaged = FlipAveraged(model) if self.flip else model
        return averaged if self.spread == 1 else Respread(averaged, self.spread)


def load_base(folder: Path, head_dropout: float = 0.0) -> Base:
    """`head_dropout` is used while training where the family has one."""
    if (folder / "manifest.json").is_file():
        return _from_package(folder, head_dropout)
    checkpoint = load_checkpoint(folder) if folder.is_dir() else None
    if checkpoint is None:
        raise FileNotFoundError(f"--base {folder} is neither a model package nor the --out folder of a training run")
    family = checkpoint.get("family", "ttm")
    model = _build(family, checkpoint["config"], head_dropout)
    model.load_state_dict(averaged_weights(checkpoint))
    source = {"run": folder.name, "samples": checkpoint["samples"]}
    return Base(family, model.eval(), False, 1.0, model.config.context_length // 2, source)


def _from_package(folder: Path, head_dropout: float) -> Base:
    manifest = json.loads((folder / "manifest.json").read_text())
    family, architecture = manifest["family"], dict(manifest.get("architecture", {}))
    if family not in RECIPES or "spread" not in architecture:
        raise ValueError(f"--base {folder} is no zero-shot package of ours: give ttm/base or a package like it")
    flip, spread = architecture.pop("flipAveraging"), architecture.pop("spread")
    model = _build(family, architecture, head_dropout)
    model.load_state_dict(read_weights(folder / "model.onnx", model), strict=False)
    source = {
        "package": manifest["name"],
        "version": manifest["version"],
        "sha256": sha256(folder / "model.onnx"),
    }
    base = Base(family, model.eval(), flip, spread, manifest["minContext"], source)
    _prove(base, folder)
    return base


def _build(family: str, settings: dict, head_dropout: float) -> ZeroShotForecaster:
    known = {one.name for one in fields(RECIPES[family].config)}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise ValueError(f"the base is made with settings that this version does not know: {', '.join(unknown)}")
    config = restored_config(family, settings)
    if head_dropout and "head_dropout" not in known:
        raise ValueError(f"--head-dropout: the family {family} has none")
    return build(family, replace(config, head_dropout=head_dropout) if head_dropout else config)


def _prove(base: Base, folder: Path) -> None:
    """What was read back answers the golden cases of the package."""
    served = base.refine(base.model).eval()
    for case in json.loads((folder / "golden.json").read_text())["cases"]:
        with torch.inference_mode():
            actual = served(*(torch.from_numpy(to_array(one)) for one in case["inputs"].values())).numpy()
        expected = to_array(next(iter(case["outputs"].values())))
        if (abs(actual - expected) > TOLERANCE["absolute"] + TOLERANCE["relative"] * abs(expected)).any():
            raise ValueError(
                f"--base {folder}: the weights read from model.onnx do not give its golden answer ({case['name']}): "
                "the package was made by another version of the architecture"
            )
