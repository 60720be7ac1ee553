"""Fine-tunes: weights read back from a package, adapters, soups, and the command."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from forge.architectures.recipes import RECIPES, TTM_BASE, build
from forge.architectures.time_moe import TimeMoe
from forge.architectures.time_moe_layers import TimeMoeConfig
from forge.architectures.zero_shot import FlipAveraged, Respread
from forge.architectures.zero_shot_s_mamba import ZeroShotSMambaConfig
from forge.architectures.zero_shot_time_moe import ZeroShotTimeMoeConfig
from forge.architectures.zero_shot_tsmixer import ZeroShotTsMixerConfig
from forge.cli import main
from forge.export.golden import golden_cases
from forge.export.graph import export_graph
from forge.export.verify import verify_package
from forge.export.weight_names import keep_unnamed, read_weights
from forge.tuning.base import load_base
from forge.tuning.lora import LoraLinear, add_lora, merge_lora
from forge.tuning.soup import between, greedy_soup, mean_weights, wise
from forge.tuning.tune import choose_trained

SMALL = {
    "ttm": dataclasses.replace(TTM_BASE, d_model=32, decoder_d_model=32, num_layers=1, decoder_num_layers=1),
    "tsmixer": ZeroShotTsMixerConfig(d_model=32, num_layers=1),
    "s-mamba": ZeroShotSMambaConfig(d_model=32, d_ff=32, d_state=2, e_layers=1),
    "time-moe": ZeroShotTimeMoeConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2),
}


def a_model(family: str) -> torch.nn.Module:
    torch.manual_seed(1)
    model = build(family, SMALL[family]).eval()
    with torch.no_grad():
        for one in model.parameters():
            one.add_(torch.randn_like(one) * 0.05)
    return model


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """models/ with one untrained zero-shot package."""
    models = tmp_path_factory.mktemp("models")
    folder = models / "ttm" / "base"
    folder.mkdir(parents=True)
    model = a_model("ttm")
    served = Respread(FlipAveraged(model), 0.9)
    export_graph(served, folder / "model.onnx", 512, 4)
    (folder / "golden.json").write_text(json.dumps(golden_cases(served, 512)))
    manifest = {
        "name": "ttm/base", "family": "ttm", "version": "1.0.0", "contextLength": 512, "predictionLength": 96,
        "minContext": 16, "architecture": SMALL["ttm"].to_dict() | {"flipAveraging": True, "spread": 0.9},
        "inputs": [{"name": one} for one in ("past_values", "past_observed_mask", "season_candidates")],
        "outputs": [{"name": "quantiles"}],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return models


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    rng, t = np.random.default_rng(4), np.arange(1400)
    values = 10 + np.sin(2 * np.pi * t / 24) + 0.2 * rng.standard_normal(1400)
    times = np.datetime64("2024-01-01T00:00:00") + t * np.timedelta64(1, "h")
    path = tmp_path_factory.mktemp("csv") / "boiler.csv"
    path.write_text("\n".join(["time,load", *(f"{a}Z,{b}" for a, b in zip(times, values, strict=True))]) + "\n")
    return path


def forge_finetune(csv, packages, folder, *options) -> int:
    places = ["--out", str(folder / "package"), "--work", str(folder / "work"), "--models", str(packages)]
    sizes = ["--split", "0.6,0.2,0.2", "--fraction", "0.2", "--epochs", "2"]
    return main(
        ["finetune", "--base", "ttm/base", "--csv", str(csv), "--name", "ttm/boiler", *places, *sizes, *options]
    )


@pytest.mark.parametrize("family", SMALL)
def test_all_weights_come_back_from_a_graph(tmp_path, family):
    model = a_model(family)
    export_graph(Respread(model, 0.9), tmp_path / "model.onnx", 512, 4, model.multivariate)
    beside = keep_unnamed(tmp_path / "model.onnx", model)
    assert bool(beside) == (family == "s-mamba")
    weights = read_weights(tmp_path / "model.onnx", model)
    for name, value in model.named_parameters():
        torch.testing.assert_close(weights[name], value.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("family", RECIPES)
def test_every_shipped_package_can_be_the_base_of_a_fine_tune(family):
    base = load_base(Path(__file__).parents[2] / family / "base")
    assert base.source["package"] == f"{family}/base"


def test_a_graph_of_other_weights_is_refused(packages):
    with pytest.raises(ValueError, match="does not hold"):
        read_weights(packages / "ttm" / "base" / "model.onnx", a_model("tsmixer"))


@pytest.mark.parametrize(
    "options", [["--learning-rates", "1e-3,1e-2"], ["--lora", "4", "--seeds", "1,2", "--soup", "uniform"]]
)
def test_a_fine_tune_is_made_proven_and_compared_with_its_base(csv, packages, tmp_path, options):
    assert forge_finetune(csv, packages, tmp_path, *options, "--register-worse") == 0
    manifest = json.loads((tmp_path / "package" / "manifest.json").read_text())
    assert [one.name for one in verify_package(tmp_path / "package") if not one.passed] == []
    assert set(manifest["metrics"]["scores"]) == {"ttm/boiler", "ttm/base", "seasonal-naive"}
    assert manifest["metrics"]["validation"] <= manifest["metrics"]["validationOfBase"]
    assert manifest["training"]["base"]["package"] == "ttm/base"
    assert len(manifest["training"]["fineTunes"]) == 2
    kept = read_weights(tmp_path / "package" / "model.onnx", a_model("ttm"))
    frozen = [name for name in kept if name.startswith("backbone")]
    if "--lora" not in options:
        for name in frozen:
            assert torch.equal(kept[name], a_model("ttm").get_parameter(name).detach())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--base", "ttm/none"], "neither a model package nor"),
        (["--fraction", "0"], "--fraction 0.0"),
        (["--name", "tsmixer/boiler"], "the base is of the family ttm"),
        (["--lora", "0"], "--lora 0"),
    ],
)
def test_a_wrong_option_is_named(csv, packages, tmp_path, capsys, options, message):
    assert forge_finetune(csv, packages, tmp_path, *options) == 1
    assert message in capsys.readouterr().err


def test_a_damaged_base_is_found_out_by_its_golden_answers(csv, packages, tmp_path, capsys):
    models = tmp_path / "models" / "ttm" / "base"
    models.mkdir(parents=True)
    for one in (packages / "ttm" / "base").iterdir():
        (models / one.name).write_bytes(one.read_bytes())
    manifest = json.loads((models / "manifest.json").read_text())
    manifest["architecture"]["spread"] = 0.5
    (models / "manifest.json").write_text(json.dumps(manifest))
    assert forge_finetune(csv, tmp_path / "models", tmp_path) == 1
    assert "do not give its golden answer" in capsys.readouterr().err


def test_adapters_start_as_nothing_and_merge_exactly():
    layer = torch.nn.Linear(8, 6)
    adapted = LoraLinear(layer, 2)
    x = torch.randn(5, 8)
    torch.testing.assert_close(adapted(x), layer(x))
    with torch.no_grad():
        adapted.b.normal_()
    before = adapted(x).detach()
    torch.testing.assert_close(adapted.merged()(x), before)


def test_time_moe_adapts_attention_and_shared_expert_and_never_the_router():
    config = TimeMoeConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    model = TimeMoe(config)
    names = set(model.state_dict())
    trained = add_lora(model, "time-moe", 4)
    adapted = {name for name, one in model.named_modules() if isinstance(one, LoraLinear)}
    assert {name.rsplit(".", 1)[1] for name in adapted} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    assert not any("experts" in name or name.endswith("ffn_layer.gate") for name in adapted)
    assert trained == sum(one.numel() for one in model.parameters() if one.requires_grad)
    merge_lora(model)
    assert set(model.state_dict()) == names


def test_without_adapters_decoder_and_head_are_tuned():
    model = a_model("ttm")
    choose_trained(model, "ttm", None, 1)
    trained = {name.split(".")[0] for name, one in model.named_parameters() if one.requires_grad}
    assert trained == {"decoder", "head"}


def test_soups_and_the_mixture_with_the_base():
    def error(weights):
        return abs(float(weights["w"]) - 3)

    tuned = [{"w": torch.tensor(one)} for one in (5.0, 2.0, 40.0)]
    assert float(mean_weights(tuned)["w"]) == pytest.approx(47 / 3)
    soup, chosen = greedy_soup(tuned, error)
    assert (float(soup["w"]), chosen) == (3.5, [0, 1])
    base = {"w": torch.tensor(0.0)}
    _, share, errors = wise(base, {"w": torch.tensor(6.0)}, error)
    assert share == 0.5
    assert errors[0.0] == 3
    assert float(between(base, tuned[0], 0.2)["w"]) == 1
    _, share, _ = wise(base, {"w": torch.tensor(-6.0)}, error)
    assert share == 0  # a fine-tune that only harms leaves the base
