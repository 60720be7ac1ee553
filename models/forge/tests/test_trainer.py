import dataclasses
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from forge.architectures.recipes import TTM_BASE, recipe_of
from forge.architectures.zero_shot_s_mamba import ZeroShotSMambaConfig
from forge.architectures.zero_shot_time_moe import ZeroShotTimeMoeConfig
from forge.architectures.zero_shot_tsmixer import ZeroShotTsMixerConfig
from forge.data.corpus import Series
from forge.data.pool import generate_pool
from forge.training import trainer
from forge.training.trainer import Trainer, TrainingPlan, rate_at

SMALL = dataclasses.replace(TTM_BASE, d_model=32, decoder_d_model=32, num_layers=1, decoder_num_layers=1)


def a_series(held_out: bool) -> Series:
    values = np.sin(np.arange(700) * 2 * np.pi / 24).astype(np.float32)
    return Series("sine@1", "sine", values, (24, 168, 0, 0), held_out)


def a_trainer(folder, minutes: float, config=SMALL, family="ttm") -> tuple[Trainer, list[str]]:
    told: list[str] = []
    plan = TrainingPlan(minutes=minutes, batch=8)
    series = [a_series(False), a_series(True)]
    return Trainer(family, config, plan, generate_pool(1, 1e-4), series, folder, "cpu", told.append), told


@pytest.fixture
def tenth_of_a_second_a_step(monkeypatch):
    """A clock that moves with each look, so that no test depends on how busy the machine is."""
    ticks = itertools.count()
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: next(ticks) / 10))


@pytest.mark.usefixtures("tenth_of_a_second_a_step")
def test_a_run_stops_at_its_budget_and_goes_on_when_given_more(tmp_path):
    first = a_trainer(tmp_path, 0.02)[0].run()
    assert first["samples"] == pytest.approx(12 * 8, abs=8)
    assert first["scores"][-1]["all"] > 0

    again, told = a_trainer(tmp_path, 0.04)
    assert again.samples == first["samples"]
    assert "going on from step" in told[0]
    assert again.run()["samples"] == pytest.approx(24 * 8, abs=16)


@pytest.mark.usefixtures("tenth_of_a_second_a_step")
@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("tsmixer", ZeroShotTsMixerConfig(d_model=32, num_layers=1)),
        ("s-mamba", ZeroShotSMambaConfig(d_model=32, d_ff=32, e_layers=1)),
        ("time-moe", ZeroShotTimeMoeConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=1)),
    ],
)
def test_every_family_learns(tmp_path, family, config):
    run, _ = a_trainer(tmp_path, 0.05, config, family)
    before = [one.detach().clone() for one in run.model.parameters()]
    run.run()
    assert all(torch.isfinite(one).all() for one in run.model.parameters())
    moved = [not torch.equal(one, other) for one, other in zip(before, run.model.parameters(), strict=True)]
    assert all(moved)


def test_an_unknown_family_is_refused_by_name():
    with pytest.raises(ValueError, match="'lstm' is unknown: give one of ttm, tsmixer, s-mamba, time-moe"):
        recipe_of("lstm")


def test_a_folder_of_another_architecture_is_refused(tmp_path):
    a_trainer(tmp_path, 0.01)[0].run()
    with pytest.raises(ValueError, match="another architecture"):
        a_trainer(tmp_path, 0.01, dataclasses.replace(SMALL, d_model=64))


def test_the_rate_warms_up_and_ends_low():
    plan = TrainingPlan(minutes=1)
    rates = [rate_at(progress, plan) for progress in (0, 0.02, 0.5, 1)]
    assert rates[0] < rates[1] == pytest.approx(plan.learning_rate)
    assert rates[3] == pytest.approx(plan.learning_rate * plan.final_rate)
