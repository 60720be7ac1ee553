"""Fine-tunes of one base: what is trained, and how several become one."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from ..items.fit import FitPlan, fit
from .base import Base
from .lora import add_lora, merge_lora
from .soup import Weights, greedy_soup, mean_weights, wise
from .task import QuantileTask

# What is tuned of a family without adapters: after the backbone. Others: the head.
TUNED = {"ttm": ("decoder", "head")}


@dataclass(frozen=True)
class Tuned:
    """`share` of the fine-tune in its mixture with the base; `soup`: which of `runs` were averaged."""

    model: nn.Module
    weights_trained: int
    runs: list[dict]
    soup: list[int]
    share: float
    base_error: float
    error: float


def finetune(
    base: Base,
    task: QuantileTask,
    plans: list[FitPlan],
    rank: int | None,
    soup: str,
    folder: Path,
    identity: dict,
    report: Callable[[str], None],
) -> Tuned:
    """One fine-tune a plan, averaged, and mixed with the base as far as the validation part gains by it."""
    scratch = copy.deepcopy(base.model)

    def validate(weights: Weights) -> float:
        scratch.load_state_dict(weights, strict=False)
        return task.validate(scratch.eval())

    original = _weights(base.model)
    base_error = validate(original)
    report(f"base: validation {base_error:.5f}")
    runs, tuned, count = [], [], 0
    for plan in plans:
        report(f"learning rate {plan.learning_rate:g}, seed {plan.seed}")
        model = copy.deepcopy(base.model)
        count = choose_trained(model, base.family, rank, plan.seed)
        work = folder / f"{plan.learning_rate:g}-{plan.seed}"
        result = fit(model, task, replace(plan), work, identity, report)
        merge_lora(model)
        tuned.append(_weights(model))
        runs.append(
            {
                "learningRate": plan.learning_rate,
                "seed": plan.seed,
                "bestEpoch": result.best_epoch + 1,
                "epochs": len(result.history),
                "validation": round(result.best, 5),
            }
        )
    if soup == "greedy":
        mixed, chosen = greedy_soup(tuned, validate)
    else:
        mixed, chosen = mean_weights(tuned), list(range(len(tuned)))
    if len(tuned) > 1:
        report(f"{soup} soup of {len(chosen)} of {len(tuned)} fine-tunes: validation {validate(mixed):.5f}")
    final, share, errors = wise(original, mixed, validate)
    report(f"{share:.0%} fine-tune and {1 - share:.0%} base: validation {errors[share]:.5f}")
    model = copy.deepcopy(base.model)
    model.load_state_dict(final, strict=False)
    return Tuned(model.eval(), count, runs, chosen, share, base_error, errors[share])


def choose_trained(model: nn.Module, family: str, rank: int | None, seed: int) -> int:
    """Leaves a gradient to what is tuned: adapters, or decoder and head. The number of weights."""
    if rank is not None:
        return add_lora(model, family, rank, seed)
    model.requires_grad_(False)
    for name in TUNED.get(family, ("head",)):
        model.get_submodule(name).requires_grad_(True)
    return sum(one.numel() for one in model.parameters() if one.requires_grad)


def _weights(model: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in model.named_parameters()}
