"""The papers' models on one item: trained, exported, measured, and registered where that is worth it."""

import json

import numpy as np
import pytest
import torch

from forge.cli import main
from forge.export.verify import verify_package
from forge.items.fit import FitPlan, rate_at
from forge.items.forecaster import ItemForecaster, error_offsets
from forge.items.models import ItemModel, ItemModelSettings
from forge.items.split import item_windows
from forge.items.step import Step
from forge.items.table import ItemTable
from forge.items.train import train_item
from forge.training.dropout import ByteDropout, use_byte_dropout

STEPS = 700


def an_item(gaps: bool = False) -> ItemTable:
    rng = np.random.default_rng(4)
    t = np.arange(STEPS)[:, None]
    values = 10 + np.sin(2 * np.pi * t / 24 + np.array([0, 1])) + 0.2 * rng.standard_normal((STEPS, 2))
    if gaps:
        values[rng.random((STEPS, 2)) < 0.1] = np.nan
    return ItemTable("boiler", ("a", "b"), Step(3600), 0.0, values)


def settings(family: str, mode: str = "common_channel") -> ItemModelSettings:
    return ItemModelSettings(family, 48, 24, 2, 16, 1, 0.1, patch=8, mode=mode, d_ff=16)


def plan(epochs: int, **changes) -> FitPlan:
    return FitPlan(
        **({"learning_rate": 3e-3, "schedule": "constant", "batch": 32, "patience": 9} | changes), epochs=epochs
    )


def train(table, family, epochs, folder, **changes):
    told = []
    trained = train_item(
        table, (0.7, 0.1, 0.2), settings(family), plan(epochs, **changes), "mse", folder, "cpu", told.append
    )
    return trained, told


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    table = an_item(gaps=True)
    times = np.datetime64("2024-01-01T00:00:00") + np.arange(STEPS) * np.timedelta64(1, "h")
    rows = [
        f"{time}Z,{','.join('' if np.isnan(one) else repr(float(one)) for one in row)}"
        for time, row in zip(times, table.values, strict=True)
    ]
    path = tmp_path_factory.mktemp("csv") / "boiler.csv"
    path.write_text("\n".join(["time,a,b", *rows]) + "\n")
    return path


def forge_train(csv, folder, family, *options) -> int:
    sizes = ["--context", "48", "--prediction", "24", "--d-model", "16", "--layers", "1", "--learning-rate", "3e-3"]
    places = ["--out", str(folder / "package"), "--work", str(folder / "work"), "--models", str(folder / "models")]
    return main(["train", "--csv", str(csv), "--family", family, *sizes, *places, *options])


@pytest.mark.parametrize(("family", "mode"), [("tsmixer", "mix_channel"), ("s-mamba", "common_channel")])
def test_an_aligned_package_is_made_proven_and_measured(csv, tmp_path, family, mode):
    options = ["--mode", mode, "--name", f"{family}/boiler", "--epochs", "4", "--register-worse"]
    assert forge_train(csv, tmp_path, family, *options) == 0
    folder = tmp_path / "package"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["channelPolicy"], manifest["channels"]) == ("aligned", ["a", "b"])
    assert [one["shape"] for one in manifest["inputs"]] == [["batch", 2, 48], ["batch", 2, 48], ["batch", 4]]
    assert manifest["outputs"][0]["shape"] == ["batch", 2, 24, 13]
    assert [one.name for one in verify_package(folder) if not one.passed] == []
    assert set(manifest["metrics"]["scores"]) == {f"{family}/boiler", "seasonal-naive"}
    assert "boiler" in (folder / "README.md").read_text()


def test_a_worse_package_is_refused_unless_told(csv, tmp_path, capsys):
    options = ["--name", "tsmixer/boiler", "--epochs", "1", "--learning-rate", "1e-9"]
    assert forge_train(csv, tmp_path, "tsmixer", *options) == 1
    assert "not registered: seasonal-naive forecasts item boiler better" in capsys.readouterr().out
    assert not (tmp_path / "package").exists()
    assert forge_train(csv, tmp_path, "tsmixer", *options, "--register-worse") == 0
    manifest = json.loads((tmp_path / "package" / "manifest.json").read_text())
    assert manifest["channelPolicy"] == "independent"
    assert "channels" not in manifest
    assert manifest["inputs"][0]["shape"] == ["batch", 48]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "ttm/boiler"], "give family/name"),
        (["--name", "tsmixer/boiler", "--channels", "a,z"], "has no channel z"),
        (["--name", "tsmixer/boiler", "--dropout", "1.5"], "--dropout 1.5"),
        (["--name", "tsmixer/boiler", "--batch", "0"], "--batch 0"),
        (["--name", "tsmixer/boiler", "--freq", "hourly"], "'hourly' is no spacing"),
        (["--name", "tsmixer/boiler", "--prediction", "500"], "give smaller ones or another --split"),
    ],
)
def test_a_wrong_option_is_named(csv, tmp_path, capsys, options, message):
    assert forge_train(csv, tmp_path, "tsmixer", *options) == 1
    assert message in capsys.readouterr().err


def test_a_package_of_something_else_is_not_replaced(csv, tmp_path, capsys):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "manifest.json").write_text("{}")
    assert forge_train(csv, tmp_path, "tsmixer", "--name", "tsmixer/boiler") == 1
    assert "holds something else" in capsys.readouterr().err


@pytest.mark.parametrize("family", ["tsmixer", "s-mamba"])
def test_a_run_that_was_stopped_ends_with_the_same_numbers(tmp_path, family):
    whole, _ = train(an_item(), family, 3, tmp_path / "whole", schedule="halving")

    class StoppedError(Exception):
        pass

    def stop_in_the_second_epoch(text: str) -> None:
        if text.startswith("epoch 2:"):
            raise StoppedError

    with pytest.raises(StoppedError):
        train_item(
            an_item(), (0.7, 0.1, 0.2), settings(family), plan(3, schedule="halving"), "mse", tmp_path / "parts", "cpu",
            stop_in_the_second_epoch,
        )  # fmt: skip
    resumed, told = train(an_item(), family, 3, tmp_path / "parts", schedule="halving")
    assert "going on after epoch 1" in told
    assert resumed.result.history == whole.result.history
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, rtol=0, atol=0)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train(an_item(), "tsmixer", 1, tmp_path)
    with pytest.raises(ValueError, match="another learning_rate: give another --work"):
        train(an_item(), "tsmixer", 1, tmp_path, learning_rate=1e-3)


def test_it_stops_without_progress_and_keeps_the_best_epoch(tmp_path):
    trained, _ = train(an_item(), "tsmixer", 50, tmp_path, learning_rate=0.05, patience=2)
    history = trained.result.history
    assert len(history) < 50
    assert trained.result.best_epoch == int(np.argmin(history)) < len(history) - 1


@pytest.mark.parametrize(("family", "mode"), [("tsmixer", "common_channel"), ("s-mamba", "common_channel")])
def test_the_median_is_the_papers_forecast_however_the_caller_scales(family, mode):
    torch.manual_seed(2)
    table = an_item()
    windows = item_windows(table, (0.7, 0.1, 0.2), 48, 24)
    model = ItemModel(settings(family, mode)).eval()
    served = ItemForecaster(model, error_offsets(model, windows)).eval()
    past, _, _, _ = windows.rows(torch.tensor([600]))
    together = family == "s-mamba"

    def forecast(x: torch.Tensor) -> torch.Tensor:
        rows = x.transpose(1, 2) if together else x.transpose(1, 2)[0]
        seasons = torch.zeros(len(rows), 4, dtype=torch.int64)
        quantiles = served(rows, torch.ones_like(rows), seasons)
        return quantiles[0] if together else quantiles

    with torch.no_grad():
        points, quantiles = model(past)[0].T, forecast(past)
        torch.testing.assert_close(quantiles[..., 6], points)
        torch.testing.assert_close(quantiles.flip(-1) - points[..., None], points[..., None] - quantiles)
        mean, scale = past.mean(dim=1, keepdim=True), past.std(dim=1, keepdim=True, unbiased=False)
        scaled = forecast((past - mean) / scale)
        back = scaled * scale.squeeze()[:, None, None] + mean.squeeze()[:, None, None]
    torch.testing.assert_close(back, quantiles, atol=2e-4, rtol=1e-4)  # up to the 1e-5 in the papers' deviation


def test_intervals_cover_what_they_say_on_the_validation_part():
    torch.manual_seed(2)
    windows = item_windows(an_item(), (0.5, 0.3, 0.2), 48, 24)
    model = ItemModel(settings("s-mamba")).eval()
    served = ItemForecaster(model, error_offsets(model, windows)).eval()
    past, mask, future, _ = windows.rows(windows.validation.origins())
    with torch.no_grad():
        quantiles = served(past.transpose(1, 2), mask.transpose(1, 2), torch.zeros(len(past), 4, dtype=torch.int64))
    actual = future.transpose(1, 2)
    inside = (actual >= quantiles[..., 2]) & (actual <= quantiles[..., 10])
    assert 0.8 <= inside.float().mean() < 0.83


def test_schedules():
    halving, cosine, linear = (plan(10, schedule=one) for one in ("halving", "cosine", "linear"))
    assert rate_at(halving, 2, 0.5) == pytest.approx(3e-3 / 4)
    assert rate_at(cosine, 5, 0) == pytest.approx(1.5e-3)
    assert rate_at(linear, 9, 0.5) == pytest.approx(3e-3 * 0.05)


def test_byte_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5))
    use_byte_dropout(model)
    assert isinstance(model[1], ByteDropout)
    x = torch.ones(100, 1001)
    y = model[1](x)
    assert abs(float((y == 0).float().mean()) - 0.5) < 0.01
    assert abs(float(y.mean()) - 1) < 0.02
    assert torch.equal(model.eval()[1](x), x)
