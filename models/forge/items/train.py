"""One item's model: its history to weights."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..training.dropout import use_byte_dropout
from .fit import FitPlan, FitResult, fit
from .models import CHANNELS_TOGETHER, ItemModel, ItemModelSettings
from .split import ItemWindows, item_windows
from .table import ItemTable
from .task import PointTask


@dataclass(frozen=True)
class TrainedItem:
    model: ItemModel
    windows: ItemWindows
    table: ItemTable
    result: FitResult
    test_error: float  # of the point forecast on the test part, in the loss and the space of training


def train_item(
    table: ItemTable,
    parts: tuple[float, float, float],
    settings: ItemModelSettings,
    plan: FitPlan,
    loss: str,
    folder: Path,
    device: str,
    report: Callable[[str], None],
) -> TrainedItem:
    """Trains on the first part of the item's history, stops by the second, measures on the third.

    An aligned model needs all channels at every step: its table is cut to the time that they share.
    """
    if settings.channel_policy == CHANNELS_TOGETHER:
        table = table.common_range()
    windows = item_windows(table, parts, settings.context, settings.prediction).to(device)
    report(
        f"item {table.item}: {len(table.channels)} channels, {len(table.values)} steps of {table.step}; "
        f"{len(windows.train)} training, {len(windows.validation)} validation and {len(windows.test)} test windows"
    )
    torch.manual_seed(plan.seed)
    model = ItemModel(settings).to(device)
    use_byte_dropout(model)
    task = PointTask(windows, loss)
    identity = settings.to_dict() | {"loss": loss, "split": list(parts), "data": fingerprint(table)}
    result = fit(model, task, plan, folder, identity, report)
    error = task.error_on(model, windows.test)
    report(f"best epoch {result.best_epoch + 1}: {loss} {result.best:.5f} on validation, {error:.5f} on test")
    return TrainedItem(model.cpu(), windows.to("cpu"), table, result, error)


def fingerprint(table: ItemTable) -> str:
    """Tells one history from another."""
    digest = hashlib.sha256(",".join([table.item, *table.channels, str(table.step)]).encode())
    digest.update(table.values.tobytes())
    return digest.hexdigest()[:16]
