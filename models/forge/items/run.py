"""What `forge train` of one item does, from its options to a registered package."""

import argparse
import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from ..architectures.quantile_head import LEVELS
from .card import item_card
from .command import FAMILIES, MODELS
from .csv_source import read_csv
from .fit import FitPlan
from .forecaster import ItemForecaster, error_offsets
from .golden import item_golden
from .models import CHANNELS_TOGETHER, ItemModelSettings
from .package import ITEM_LICENCE, refuse_other, register, write_package
from .postgres_source import read_postgres
from .split import parse_split
from .step import Step
from .table import ItemTable
from .train import TrainedItem, train_item

_NAME = re.compile(r"[a-z0-9][\w.-]*")  # what serving takes for a package
WORK = MODELS / "forge" / ".work" / "items"


def train_command(options: argparse.Namespace, report: Callable[[str], None]) -> bool:
    """False when the result is worse than what there is and so not registered."""
    check_numbers(options)
    folder = package_folder(options, FAMILIES)
    parts = parse_split(options.split)
    table = read_item(options)
    device = prepare(options)
    settings = ItemModelSettings(
        family=options.family,
        context=options.context,
        prediction=options.prediction,
        channels=len(table.channels),
        d_model=options.d_model,
        layers=options.layers,
        dropout=options.dropout,
        patch=options.patch,
        expansion=options.expansion,
        head_dropout=options.head_dropout,
        mode=options.mode,
        d_ff=options.d_ff,
        d_state=options.d_state,
    )
    plan = FitPlan(
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        batch=options.batch,
        epochs=options.epochs,
        patience=options.patience,
        min_gain=options.min_gain,
        weight_decay=options.weight_decay,
        seed=options.seed,
        precision=options.precision,
    )
    trained = train_item(table, parts, settings, plan, options.loss, work_folder(options), device, report)
    return register(
        folder,
        lambda draft: _make(draft, trained, plan, options),
        item_card,
        trained.windows,
        trained.table,
        packages_below(options.models),
        options.register_worse,
        report,
    )


def _make(folder: Path, trained: TrainedItem, plan: FitPlan, options: argparse.Namespace) -> None:
    settings, table, result = trained.model.settings, trained.table, trained.result
    forecaster = ItemForecaster(trained.model, error_offsets(trained.model, trained.windows)).eval()
    aligned = settings.channel_policy == CHANNELS_TOGETHER
    manifest = {
        "schemaVersion": 1,
        "name": options.name,
        "family": options.family,
        "version": options.version,
        "contextLength": settings.context,
        "predictionLength": settings.prediction,
        "channelPolicy": settings.channel_policy,
        **({"channels": list(table.channels)} if aligned else {}),
        "levels": list(LEVELS),
        "minContext": settings.context // 2,  # emptier windows were not learnt from
        "licence": ITEM_LICENCE,
        "architecture": settings.to_dict(),
        "training": describe_history(table, trained.windows)
        | {
            "bestEpoch": result.best_epoch + 1,
            "epochs": len(result.history),
            "samples": result.samples,
            "minutes": round(result.seconds / 60, 1),
            "seed": plan.seed,
            "recipe": asdict(plan) | {"loss": options.loss},
        },
        "metrics": {"validation": round(result.best, 5), "test": round(trained.test_error, 5), "of": options.loss},
    }
    golden = item_golden(forecaster, trained.windows, table.step.candidates())
    write_package(folder, forecaster, golden, manifest)


def describe_history(table: ItemTable, windows) -> dict:
    return {
        "data": [f"the history of item {table.item}"],
        "item": table.item,
        "channels": list(table.channels),
        "freq": str(table.step),
        "steps": len(table.values),
        "windows": {
            "train": len(windows.train), "validation": len(windows.validation), "test": len(windows.test),
        },
    }  # fmt: skip


def read_item(options: argparse.Namespace) -> ItemTable:
    if (options.csv is None) == (options.from_postgres is None):
        raise ValueError("give either --csv FILE or --from-postgres URL --item ITEM")
    step = Step.parse(options.freq) if options.freq else None
    if options.csv is not None:
        item = options.item or options.csv.name.split(".")[0]
        return read_csv(options.csv, item, options.time_column, step).choose(options.channels)
    if not options.item:
        raise ValueError("--from-postgres needs --item: the item_id whose observations are read")
    return read_postgres(options.from_postgres, options.item, step).choose(options.channels)


def package_folder(options: argparse.Namespace, families: tuple[str, ...]) -> Path:
    family, _, own = options.name.partition("/")
    if family not in families or not _NAME.fullmatch(own):
        raise ValueError(
            f"--name {options.name}: give family/name with the family {' or '.join(families)} and a name of small "
            "letters, digits and dashes"
        )
    if getattr(options, "family", family) != family:
        raise ValueError(f"--name {options.name} does not begin with --family {options.family}/")
    folder = options.out or options.models / options.name
    refuse_other(folder)
    return folder


def work_folder(options: argparse.Namespace) -> Path:
    return options.work or WORK / options.name


def packages_below(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/*/manifest.json"))


def prepare(options: argparse.Namespace) -> str:
    """Threads, a quiet exporter, and the device to train on."""
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    for name in ("torch.onnx", "torch.onnx._internal.exporter._registration"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch sees no GPU; give --device cpu")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return found if options.device == "auto" else options.device


def check_numbers(options: argparse.Namespace) -> None:
    """Names the first option whose number cannot be used."""
    whole = (
        "context",
        "prediction",
        "d_model",
        "layers",
        "patch",
        "expansion",
        "d_ff",
        "d_state",
        "batch",
        "epochs",
        "lora",
    )
    for key in (*whole, "patience", "threads", "learning_rate"):
        value = getattr(options, key, None)
        if value is not None and not value > 0:
            raise ValueError(f"--{key.replace('_', '-')} {value}: give a number above 0")
    for key in ("dropout", "head_dropout"):
        value = getattr(options, key, None)
        if value is not None and not 0 <= value < 1:
            raise ValueError(f"--{key.replace('_', '-')} {value}: give a share from 0 to below 1")
