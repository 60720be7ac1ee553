"""One training run inside a budget of minutes: pinball loss, AdamW, a schedule over the time used, averaged weights."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from ..architectures.quantile_head import LEVELS
from ..architectures.recipes import Config, build
from ..architectures.zero_shot import univariate
from ..data.corpus import Series
from ..data.pool import SyntheticPool
from ..data.variates import VariateSampler
from ..data.windows import WindowSampler
from ..evaluation.held_out import held_out_windows, score
from .checkpoint import MovingAverage, load_checkpoint, save_checkpoint
from .loss import pinball_loss


@dataclass(frozen=True)
class TrainingPlan:
    minutes: float
    seed: int = 1
    batch: int = 96
    learning_rate: float = 2.5e-3
    final_rate: float = 0.01  # of the learning rate, at the end of the cosine
    warm_up: float = 0.02  # of the run
    weight_decay: float = 0.01
    average_decay: float = 0.998
    real_share: float = 0.3
    clip: float = 1.0
    save_seconds: float = 60.0
    score_seconds: float = 300.0


def rate_at(progress: float, plan: TrainingPlan) -> float:
    if progress < plan.warm_up:
        return plan.learning_rate * (progress + 1e-3) / (plan.warm_up + 1e-3)
    bend = 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - plan.warm_up) / (1 - plan.warm_up))))
    return plan.learning_rate * (plan.final_rate + (1 - plan.final_rate) * bend)


class Trainer:
    def __init__(
        self,
        family: str,
        config: Config,
        plan: TrainingPlan,
        pool: SyntheticPool,
        series: list[Series],
        folder: Path,
        device: str,
        report: Callable[[str], None],
    ):
        torch.manual_seed(plan.seed)
        self.family, self.config, self.plan = family, config, plan
        self.folder, self.device, self.report = folder, device, report
        self.model = build(family, config).to(device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=plan.learning_rate, betas=(0.9, 0.95), weight_decay=plan.weight_decay
        )
        self.average = MovingAverage(self.model, plan.average_decay)
        self.rng = np.random.default_rng(plan.seed)
        training = [one for one in series if not one.held_out]
        windows = WindowSampler(
            pool, training, config.context_length, config.prediction_length, plan.real_share, self.rng
        )
        self.sampler = VariateSampler(windows, self.rng) if self.model.multivariate else windows
        self.held_out = held_out_windows(series, config.context_length, config.prediction_length)
        self.levels = torch.tensor(LEVELS, device=device)
        self.step, self.samples, self.elapsed, self.scores = 0, 0, 0.0, []
        self._resume()

    def run(self) -> dict:
        """Trains until the budget is used; returns the summary that is also in `run.json`."""
        budget = self.plan.minutes * 60
        started = time.monotonic() - self.elapsed
        saved = scored = told = self.elapsed
        loss_sum, loss_count = 0.0, 0
        while self.elapsed < budget:
            loss_sum, loss_count = loss_sum + self._learn(self.elapsed / budget), loss_count + 1
            self.elapsed = time.monotonic() - started
            if self.elapsed - told > 15:
                self._tell(loss_sum / loss_count, budget)
                told, loss_sum, loss_count = self.elapsed, 0.0, 0
            if self.elapsed - saved > self.plan.save_seconds:
                self._save()
                saved = self.elapsed
            if self.elapsed - scored > self.plan.score_seconds:
                self._score()
                scored = self.elapsed
        self._score()
        self._save()
        return self._summarise()

    def _learn(self, progress: float) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(progress, self.plan)
        batch = self.sampler.batch(self.plan.batch)
        past, mask, candidates, future, future_mask = (
            torch.from_numpy(one).to(self.device)
            for one in (batch.past, batch.past_mask, batch.candidates, batch.future, batch.future_mask)
        )
        with torch.autocast(device_type=self.device, dtype=torch.bfloat16):
            quantiles = self.model.transformed_quantiles(past, mask, candidates)
        target = future.asinh() if self.model.asinh else future
        loss = pinball_loss(quantiles, target, future_mask, self.levels)
        self.optimiser.zero_grad(set_to_none=True)
        (loss + self.model.auxiliary_loss).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
        self.optimiser.step()
        self.step += 1
        self.samples += self.plan.batch
        self.average.update(self.model, self.step)
        return loss.item()

    def _tell(self, loss: float, budget: float) -> None:
        left = max(0.0, budget - self.elapsed)
        pace = self.samples / max(self.elapsed, 1e-9)
        self.report(
            f"step {self.step}, {self.samples / 1e6:.2f} M samples, {pace:.0f}/s, loss {loss:.4f}, "
            f"{int(left // 60)} min {int(left % 60):02d} s left"
        )

    def _score(self) -> None:
        twin = build(self.family, self.config)
        twin.load_state_dict({name: value.cpu() for name, value in self.average.weights.items()})
        ratios = score(univariate(twin).eval(), self.held_out)
        self.scores.append({"samples": self.samples, "minutes": round(self.elapsed / 60, 1), **ratios})
        detail = ", ".join(f"{name} {value:.3f}" for name, value in ratios.items() if name != "all")
        self.report(f"held out, relative to seasonal naive: {ratios['all']:.4f} ({detail})")

    def _save(self) -> None:
        state = {
            "family": self.family,
            "config": self.config.to_dict(),
            "plan": asdict(self.plan),
            "model": self.model.state_dict(),
            "average": self.average.weights,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "samples": self.samples,
            "elapsed": self.elapsed,
            "scores": self.scores,
            "rng": self.rng.bit_generator.state,
        }
        save_checkpoint(self.folder, state)

    def _resume(self) -> None:
        state = load_checkpoint(self.folder)
        if state is None:
            return
        if (state.get("family", "ttm"), state["config"]) != (self.family, self.config.to_dict()):
            raise ValueError(f"{self.folder} holds a run of another architecture: give a new --out or remove it")
        self.model.load_state_dict(state["model"])
        self.average.weights = {name: value.to(self.device) for name, value in state["average"].items()}
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.samples = state["step"], state["samples"]
        self.elapsed, self.scores = state["elapsed"], state["scores"]
        self.rng.bit_generator.state = state["rng"]
        self.report(f"going on from step {self.step}, {self.elapsed / 60:.1f} minutes used")

    def _summarise(self) -> dict:
        summary = {
            "samples": self.samples,
            "minutes": round(self.elapsed / 60, 1),
            "seed": self.plan.seed,
            "family": self.family,
            "parameters": sum(one.numel() for one in self.model.parameters()),
            "plan": asdict(self.plan),
            "config": self.config.to_dict(),
            "scores": self.scores,
        }
        (self.folder / "run.json").write_text(json.dumps(summary, indent=2) + "\n")
        return summary
