"""Training in epochs with early stopping on the validation part, progress with time left, and going on after a stop."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from ..training.checkpoint import load_checkpoint, save_checkpoint

SCHEDULES = ("constant", "halving", "linear", "cosine")
TELL_SECONDS = 15.0


class Task(Protocol):
    """What is learnt: a loss of chosen training windows, and a number to make small on the validation part."""

    windows: int

    def loss(self, model: nn.Module, windows: Tensor) -> Tensor: ...

    def validate(self, model: nn.Module) -> float: ...


@dataclass(frozen=True)
class FitPlan:
    learning_rate: float
    schedule: str
    batch: int
    epochs: int
    patience: int
    min_gain: float = 0.0  # an epoch has to be this much better to count as progress
    weight_decay: float = 0.0
    clip: float = 0.0  # norm of the gradient; 0: not clipped
    seed: int = 1
    precision: str = "float32"


@dataclass
class FitResult:
    """`history`: validation error after every epoch; the model holds the weights of `best_epoch`."""

    best_epoch: int
    best: float
    history: list[float] = field(default_factory=list)
    seconds: float = 0.0
    samples: int = 0


def rate_at(plan: FitPlan, epoch: int, share: float) -> float:
    """Learning rate at a share (0 to 1) of an epoch counted from 0. halving: by epochs, S-Mamba's `type1`."""
    done = (epoch + share) / plan.epochs
    factor = {
        "constant": 1.0,
        "halving": 0.5**epoch,
        "linear": 1 - done,
        "cosine": 0.5 * (1 + math.cos(math.pi * done)),
    }[plan.schedule]
    return plan.learning_rate * factor


def fit(
    model: nn.Module, task: Task, plan: FitPlan, folder: Path, identity: dict, report: Callable[[str], None]
) -> FitResult:
    """Trains what requires a gradient and leaves the weights of the best epoch in the model.

    `folder` holds the checkpoint after every epoch; a run that was stopped goes on with the same numbers as one that
    was not. `identity` says what is trained on what: a checkpoint of something else is refused.
    """
    trained = [one for one in model.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True)
    identity = identity | asdict(plan)
    result, best = FitResult(best_epoch=-1, best=math.inf), {}
    state = load_checkpoint(folder)
    if state is not None:
        if state["identity"] != identity:
            changed = sorted(key for key in identity if state["identity"].get(key) != identity[key])
            raise ValueError(
                f"{folder} holds a run with another {', '.join(changed)}: give another --work, or remove that folder"
            )
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        result, best = state["result"], state["best"]
        report(f"going on after epoch {len(result.history)}")
    folder.mkdir(parents=True, exist_ok=True)

    while not _finished(result, plan):
        started = time.monotonic()
        epoch = len(result.history)
        loss = _epoch(model, task, plan, optimiser, epoch, report)
        error = task.validate(model.eval())
        result.history.append(error)
        result.seconds += time.monotonic() - started
        result.samples += task.windows
        note = ""
        if not math.isfinite(error):
            raise ValueError(f"training diverged in epoch {epoch + 1}: give a smaller --learning-rate")
        if error < result.best:
            result.best, result.best_epoch, note = error, epoch, ", the best so far"
            best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
        report(f"epoch {epoch + 1}: training loss {loss:.5f}, validation {error:.5f}{note}")
        save_checkpoint(
            folder,
            {
                "identity": identity,
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "result": result,
                "best": best,
            },
        )
    model.load_state_dict(best)
    model.eval()
    return result


def _finished(result: FitResult, plan: FitPlan) -> bool:
    """After all epochs, or when the last `patience` of them brought less than `min_gain` each over the best before."""
    if len(result.history) >= plan.epochs:
        return True
    reference, without = math.inf, 0
    for error in result.history:
        gained = reference - error > plan.min_gain
        without = 0 if gained else without + 1
        reference = min(reference, error)
    return without >= plan.patience


def _epoch(
    model: nn.Module,
    task: Task,
    plan: FitPlan,
    optimiser: torch.optim.Optimizer,
    epoch: int,
    report: Callable[[str], None],
) -> float:
    torch.manual_seed(1_000_003 * plan.seed + epoch)  # the same epoch whether or not the run was stopped before it
    order = torch.randperm(task.windows)
    batches = order.split(plan.batch)
    device = next(model.parameters()).device
    model.train()
    total, started = 0.0, time.monotonic()
    told = started
    for step, windows in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(plan, epoch, step / len(batches))
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=plan.precision == "bfloat16"):
            loss = task.loss(model, windows.to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if plan.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        optimiser.step()
        total += loss.item()
        now = time.monotonic()
        if now - told > TELL_SECONDS:
            told = now
            left = (now - started) / (step + 1) * ((plan.epochs - epoch) * len(batches) - step - 1)
            report(
                f"epoch {epoch + 1} of at most {plan.epochs}, step {step + 1} of {len(batches)}, loss "
                f"{total / (step + 1):.5f}, at most {_minutes(left)} left"
            )
    return total / len(batches)


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
