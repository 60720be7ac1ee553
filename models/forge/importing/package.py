"""An official checkpoint to a model package: model.onnx, golden.json, manifest.json, README.md."""

import json
import shutil
from dataclasses import asdict, is_dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor, nn

from ..architectures.time_moe import TimeMoe
from ..export.onnx_file import OPSET, TensorSpec, export_tensors
from ..export.verify import sha256
from .families import load_checkpoint
from .graphs import GraphSpec, describe_graph
from .package_golden import golden_answers

UNKNOWN_LICENCE = "see the source of the checkpoint"


class NamedTensors(nn.Module):
    """A model that takes and returns dictionaries, as one that takes and returns tuples."""

    def __init__(self, model: nn.Module, graph: GraphSpec, outputs: list[str]):
        super().__init__()
        self.model, self.inputs, self.outputs = model, [one.name for one in graph.inputs], outputs

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        results = self.model(**dict(zip(self.inputs, tensors, strict=True)))
        return tuple(results[name] for name in self.outputs)


class TimeMoeLoss(nn.Module):
    def __init__(self, model: TimeMoe):
        super().__init__()
        self.model = model

    def forward(self, *tensors: Tensor) -> tuple[Tensor]:
        return (self.model.masked_loss(*tensors)[None],)


def import_package(
    source: Path,
    family: str,
    name: str,
    folder: Path,
    details: bool = False,
    licence: str | None = None,
    version: str = "1.0.0",
) -> nn.Module:
    """`details` adds the hidden states to the outputs, and for Time-MoE the loss as a second graph.

    Returns the model in PyTorch.
    """
    _refuse_other(folder)
    model = load_checkpoint(source, family)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".import-", dir=folder.parent) as draft:  # no half package when something fails
        made = Path(draft) / folder.name
        made.mkdir()
        _write(model, source.resolve().name, name, made, details, licence or UNKNOWN_LICENCE, version)
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    return model


def _refuse_other(folder: Path) -> None:
    """An import replaces an earlier import, never a package that was trained, nor a folder of something else."""
    manifest = folder / "manifest.json"
    if (
        folder.exists()
        and any(folder.iterdir())
        and not (manifest.exists() and "importedFrom" in json.loads(manifest.read_text()))
    ):
        raise ValueError(f"{folder} holds something else than an imported package: give another --name or --out")


def _write(model: nn.Module, source: str, name: str, folder: Path, details: bool, licence: str, version: str) -> None:
    graph = describe_graph(model)
    outputs = (*graph.forecasts, *graph.details) if details else graph.forecasts
    names = [one.name for one in outputs]
    export_tensors(NamedTensors(model, graph, names), graph.inputs, names, folder / "model.onnx")
    if details and isinstance(model, TimeMoe):
        _export_loss(model, folder / "loss.onnx")
    (folder / "golden.json").write_text(json.dumps(golden_answers(model, graph, outputs), separators=(",", ":")) + "\n")
    manifest = _manifest(model, graph, outputs, folder, name, version, licence) | {"importedFrom": source}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    (folder / "README.md").write_text(_card(manifest, type(model).__name__))


def _export_loss(model: TimeMoe, path: Path) -> None:
    points = [TensorSpec(name, ("batch", "points")) for name in ("input_values", "labels", "loss_masks")]
    export_tensors(TimeMoeLoss(model), [*points, TensorSpec("beyond", ("batch", 1))], ["loss"], path)


def _manifest(
    model: nn.Module,
    graph: GraphSpec,
    outputs: tuple[TensorSpec, ...],
    folder: Path,
    name: str,
    version: str,
    licence: str,
) -> dict:
    files = [one for one in ("model.onnx", "golden.json", "loss.onnx") if (folder / one).exists()]
    return {
        "schemaVersion": 1,
        "name": name,
        "family": name.split("/")[0],
        "version": version,
        "contextLength": graph.context,
        "predictionLength": graph.prediction,
        "channelPolicy": "mixing" if graph.mixes_channels else "independent",
        "levels": list(graph.levels),
        "minContext": graph.context,  # nobody measured it with less
        "inputs": [_stated(one) for one in graph.inputs],
        "outputs": [_stated(one) for one in outputs],
        "opset": OPSET,
        "files": {one: _file(folder / one) for one in files},
        "parameters": sum(one.numel() for one in model.parameters()),
        "licence": licence,
        "architecture": {"class": type(model).__name__} | _settings(model) | graph.notes,
        "training": {"data": ["an imported checkpoint: its source knows"]},
    }


def _stated(spec: TensorSpec) -> dict:
    return {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}


def _file(path: Path) -> dict:
    return {"sha256": sha256(path), "bytes": path.stat().st_size}


def _settings(model: nn.Module) -> dict:
    return asdict(model.config) if is_dataclass(model.config) else {}


def _card(manifest: dict, model: str) -> str:
    def table(tensors: list[dict]) -> str:
        return "\n".join(
            f"| `{one['name']}` | {one['dtype']} | {', '.join(map(str, one['shape']))} |" for one in tensors
        )

    return f"""# {manifest["name"]}

{model}, imported by `npm run forge -- import` from the official checkpoint `{manifest["importedFrom"]}`. Nothing of
ours is added: with the same inputs it answers with the numbers of the original code.

{manifest["parameters"]:,} parameters, context {manifest["contextLength"]}, {manifest["predictionLength"]} steps a run,
levels {", ".join(map(str, manifest["levels"]))}.

Licence: {manifest["licence"]}. Training data: the source of the checkpoint knows. Not measured here.

| tensor in | type | shape |
| --- | --- | --- |
{table(manifest["inputs"])}

| tensor out | type | shape |
| --- | --- | --- |
{table(manifest["outputs"])}

A shape's name is a free dimension. `golden.json` holds inputs and what PyTorch answers; they are checked when the
package is loaded.
"""
