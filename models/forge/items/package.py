"""A model of one item to a package, measured, and registered where it is worth it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from ..architectures.quantile_head import LEVELS
from ..data.frequency import MAX_CANDIDATES
from ..export.graph import INPUTS, OUTPUT, ByPosition
from ..export.onnx_file import OPSET, TensorSpec, export_tensors
from ..export.verify import sha256, verify_package
from ..export.weight_names import keep_unnamed
from .compare import Comparison, compare, table
from .split import ItemWindows
from .table import ItemTable

ITEM_LICENCE = "that of the item's data"


def write_package(
    folder: Path, model: nn.Module, golden: dict, manifest: dict, trained: nn.Module | None = None
) -> None:
    """Graph, golden answers and manifest; `manifest` says everything but tensors, files and the number of weights.

    `trained`: the model inside `model` whose weights are kept for further fine-tuning.
    """
    channels = manifest.get("channels")
    context, prediction = manifest["contextLength"], manifest["predictionLength"]
    rows = (len(channels),) if manifest["channelPolicy"] == "aligned" else ()
    values, mask, seasons = INPUTS
    inputs = [
        TensorSpec(values, ("batch", *rows, context)),
        TensorSpec(mask, ("batch", *rows, context)),
        TensorSpec(seasons, ("batch", MAX_CANDIDATES), "int64"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    export_tensors(ByPosition(model), inputs, [OUTPUT], folder / "model.onnx")
    beside = keep_unnamed(folder / "model.onnx", trained) if trained is not None else []
    (folder / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    output = TensorSpec(OUTPUT, ("batch", *rows, prediction, len(LEVELS)))
    manifest = manifest | {
        "inputs": [_stated(one) for one in inputs],
        "outputs": [_stated(output)],
        "opset": OPSET,
        "files": {
            file: {"sha256": sha256(folder / file), "bytes": (folder / file).stat().st_size}
            for file in ("model.onnx", "golden.json", *beside)
        },
        "parameters": sum(one.numel() for one in model.parameters()),
    }
    write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: dict) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def register(
    folder: Path,
    make: Callable[[Path], None],
    card: Callable[[dict, Comparison], str],
    windows: ItemWindows,
    table_of_item: ItemTable,
    packages: list[Path],
    register_worse: bool,
    report: Callable[[str], None],
) -> bool:
    """Makes the package, proves it, measures it on the test part and moves it to `folder`.

    False, and nothing is left behind, when something that is there already forecasts the item better and
    `register_worse` is not given. An earlier package of an item is replaced, any other refused.
    """
    refuse_other(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".item-", dir=folder.parent) as draft:
        made = Path(draft) / folder.name
        make(made)
        failed = [f"{one.name}: {one.detail}" for one in verify_package(made) if not one.passed]
        if failed:
            raise ValueError(f"the exported package does not answer like the model: {'; '.join(failed)}")
        manifest = json.loads((made / "manifest.json").read_text())
        others = [one for one in packages if one.resolve() != folder.resolve()]
        comparison = compare(manifest["name"], made, windows, table_of_item.step.candidates(), others)
        for line in (*table(comparison), *(f"not compared with {one}" for one in comparison.left_out)):
            report(line)
        if comparison.better and not register_worse:
            report(
                f"not registered: {comparison.better[0]} forecasts item {table_of_item.item} better on the test part "
                "(WQL). Use that one, train with other settings, or give --register-worse"
            )
            return False
        manifest["metrics"] = {
            "part": "test part of the item, standardised by the training part",
            "origins": comparison.windows,
            "steps": comparison.steps,
            "scores": {
                name: {key: round(value, 4) for key, value in one.items()} for name, one in comparison.scores.items()
            },
        } | manifest.get("metrics", {})
        write_manifest(made, manifest)
        (made / "README.md").write_text(card(manifest, comparison))
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)
    report(f"registered as {manifest['name']} in {folder}")
    return True


def refuse_other(folder: Path) -> None:
    """A package of an item replaces an earlier one of an item, never a zero-shot package or something else."""
    manifest = folder / "manifest.json"
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not manifest.exists() or "item" not in json.loads(manifest.read_text()).get("training", {}):
        raise ValueError(f"{folder} holds something else than a package of an item: give another --name or --out")


def _stated(spec: TensorSpec) -> dict:
    return {"name": spec.name, "dtype": spec.dtype, "shape": list(spec.shape)}
