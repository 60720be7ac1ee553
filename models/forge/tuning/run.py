"""What `forge finetune` does, from its options to a registered package."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ..architectures.quantile_head import LEVELS
from ..architectures.recipes import RECIPES
from ..export.golden import golden_cases
from ..items.fit import FitPlan
from ..items.package import ITEM_LICENCE, register, write_package
from ..items.run import (
    check_numbers,
    describe_history,
    package_folder,
    packages_below,
    prepare,
    read_item,
    work_folder,
)
from ..items.split import ItemWindows, item_windows, parse_split
from ..items.table import ItemTable
from ..items.train import fingerprint
from .base import Base, load_base
from .card import tuned_card
from .command import base_folder
from .task import QuantileTask
from .tune import Tuned, finetune


def finetune_command(options: argparse.Namespace, report: Callable[[str], None]) -> bool:
    """False when the result is worse than what there is and so not registered."""
    check_numbers(options)
    if not 0 < options.fraction <= 1:
        raise ValueError(f"--fraction {options.fraction}: give a share above 0, up to 1")
    folder = package_folder(options, tuple(RECIPES))
    parts = parse_split(options.split)
    table = read_item(options)
    device = prepare(options)
    base = load_base(base_folder(options.base, options.models), options.head_dropout)
    if base.family != options.name.split("/")[0]:
        raise ValueError(
            f"--name {options.name}: the base is of the family {base.family}, so begin with {base.family}/"
        )
    base.model.to(device)
    if base.model.multivariate:
        table = table.common_range()
    windows = windows_for(base, table, parts).to(device)
    task = QuantileTask(windows, table.step.candidates(), base.model.multivariate, base.spread, options.fraction)
    report(
        f"item {table.item}: {len(table.channels)} channels, {len(table.values)} steps of {table.step}; {task.windows} "
        f"of {len(windows.train)} training windows, {len(windows.validation)} validation, {len(windows.test)} test"
    )
    plans = [
        FitPlan(
            learning_rate=rate,
            schedule=options.schedule,
            batch=options.batch,
            epochs=options.epochs,
            patience=options.patience,
            weight_decay=options.weight_decay,
            clip=1.0,
            seed=seed,
            precision=options.precision,
        )
        for rate in options.learning_rates
        for seed in options.seeds or [options.seed]
    ]
    identity = {
        "base": base.source, "lora": options.lora, "fraction": options.fraction, "head dropout": options.head_dropout,
        "split": list(parts), "data": fingerprint(table),
    }  # fmt: skip
    tuned = finetune(base, task, plans, options.lora, options.soup, work_folder(options), identity, report)
    tuned.model.cpu()
    return register(
        folder,
        lambda draft: _make(draft, base, tuned, table, windows, plans, options),
        tuned_card,
        windows.to("cpu"),
        table,
        packages_below(options.models),
        options.register_worse,
        report,
    )


def windows_for(base: Base, table: ItemTable, parts: tuple[float, float, float]) -> ItemWindows:
    config = base.model.config
    return item_windows(table, parts, config.context_length, config.prediction_length)


def _make(
    folder: Path,
    base: Base,
    tuned: Tuned,
    table: ItemTable,
    windows: ItemWindows,
    plans: list[FitPlan],
    options: argparse.Namespace,
) -> None:
    config, multivariate = base.model.config, base.model.multivariate
    served = base.refine(tuned.model).eval()
    manifest = {
        "schemaVersion": 1,
        "name": options.name,
        "family": base.family,
        "version": options.version,
        "contextLength": config.context_length,
        "predictionLength": config.prediction_length,
        "channelPolicy": "aligned" if multivariate else "independent",
        "levels": list(LEVELS),
        "minContext": base.min_context,
        "licence": ITEM_LICENCE,
        "architecture": config.to_dict() | {"flipAveraging": base.flip, "spread": base.spread},
        "training": describe_history(table, windows)
        | {
            "base": base.source,
            "fraction": options.fraction,
            "lora": options.lora,
            "weightsTrained": tuned.weights_trained,
            "fineTunes": tuned.runs,
            "soup": {"kind": options.soup, "of": tuned.soup},
            "shareOfFineTune": tuned.share,
            "recipe": {key: value for key, value in asdict(plans[0]).items() if key not in ("learning_rate", "seed")},
        },
        "metrics": {"validation": round(tuned.error, 5), "validationOfBase": round(tuned.base_error, 5)},
    }
    golden = golden_cases(served, config.context_length, multivariate)
    write_package(folder, served, golden, manifest, tuned.model)
