"""A small untrained model goes the whole way to a package, and the proof catches damage."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from forge.architectures.quantile_head import LEVELS
from forge.architectures.recipes import TTM_BASE, build
from forge.architectures.zero_shot import FlipAveraged, Respread
from forge.architectures.zero_shot_s_mamba import ZeroShotSMambaConfig
from forge.architectures.zero_shot_time_moe import ZeroShotTimeMoeConfig
from forge.architectures.zero_shot_tsmixer import ZeroShotTsMixerConfig
from forge.data.windows import standardise
from forge.evaluation.held_out import HeldOut, coverage
from forge.export.golden import golden_cases
from forge.export.graph import INPUTS, export_graph
from forge.export.package import choose_spread
from forge.export.verify import open_session, package_forecast, sha256, to_array, verify_package

SMALL = {
    "ttm": dataclasses.replace(TTM_BASE, d_model=32, decoder_d_model=32, num_layers=1, decoder_num_layers=1),
    "tsmixer": ZeroShotTsMixerConfig(d_model=32, num_layers=1),
    "s-mamba": ZeroShotSMambaConfig(d_model=32, d_ff=32, e_layers=1, max_variates=16),
    "time-moe": ZeroShotTimeMoeConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=1),
}


@pytest.fixture(scope="module", params=list(SMALL))
def package(tmp_path_factory, request):
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("package")
    trained = build(request.param, SMALL[request.param])
    model, multivariate = FlipAveraged(trained).eval(), trained.multivariate
    with torch.no_grad():
        for one in model.parameters():
            one.add_(torch.randn_like(one) * 0.05)
    export_graph(model, folder / "model.onnx", 512, 4, multivariate)
    (folder / "golden.json").write_text(json.dumps(golden_cases(model, 512, multivariate)))
    variates = ["variates"] if multivariate else []
    tensors = {
        "past_values": ("float32", [*variates, 512]),
        "past_observed_mask": ("float32", [*variates, 512]),
        "season_candidates": ("int64", [4]),
    }
    manifest = {
        "contextLength": 512,
        "inputs": [
            {"name": name, "dtype": dtype, "shape": ["batch", *shape]} for name, (dtype, shape) in tensors.items()
        ],
        "outputs": [{"name": "quantiles", "dtype": "float32", "shape": ["batch", *variates, 96, 13]}],
        "files": {
            name: {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size}
            for name in ("model.onnx", "golden.json")
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_every_check_passes(package):
    checks = list(verify_package(package))
    assert [check.name for check in checks if not check.passed] == []
    assert {"signature", "batch invariance", "quantiles never cross"} <= {check.name for check in checks}


def test_a_changed_file_is_found(package, tmp_path):
    for one in package.iterdir():
        (tmp_path / one.name).write_bytes(one.read_bytes())
    golden = json.loads((tmp_path / "golden.json").read_text())
    golden["cases"][0]["outputs"]["quantiles"]["data"][5] += 0.01
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    failed = [check.name for check in verify_package(tmp_path) if not check.passed]
    assert failed == ["sha256 golden.json", f"golden: {golden['cases'][0]['name']}"]


def test_the_graph_takes_any_batch(package):
    forecast = package_forecast(package)
    for batch in (1, 2, 65):
        empty = np.zeros((batch, 512), np.float32)
        assert forecast(empty, empty, np.zeros((batch, 4), np.int64)).shape == (batch, 96, 13)


def test_an_item_may_have_any_number_of_channels_up_to_the_most(package):
    session = open_session(package)
    if len(session.get_inputs()[0].shape) == 2:
        return
    rng = np.random.default_rng(2)
    past, mask = rng.standard_normal((2, 16, 512)).astype(np.float32), np.ones((2, 16, 512), np.float32)
    for variates in (1, 3, 16):
        inputs = (past[:, :variates], mask[:, :variates], np.zeros((2, 4), np.int64))
        (quantiles,) = session.run(None, dict(zip(INPUTS, inputs, strict=True)))
        assert quantiles.shape == (2, variates, 96, 13)
    others = np.abs(
        quantiles - session.run(None, dict(zip(INPUTS, (past[::-1], mask, inputs[2]), strict=True)))[0][::-1]
    )
    assert others.max() < 1e-4  # items know nothing of each other
    past[:, 3] += 1
    moved = session.run(None, dict(zip(INPUTS, (past, mask, inputs[2]), strict=True)))[0]
    assert np.abs(moved - quantiles)[:, 0].max() > 0  # channels do


def test_golden_inputs_are_standardised(package):
    golden = json.loads((package / "golden.json").read_text())
    for case in golden["cases"]:
        past, mask = to_array(case["inputs"]["past_values"]), to_array(case["inputs"]["past_observed_mask"])
        for row, seen in zip(past.reshape(-1, 512), mask.reshape(-1, 512) > 0, strict=True):
            assert abs(row[seen].mean()) < 1e-3
            assert row[seen].std() == pytest.approx(0 if not row.any() else 1, abs=1e-3)


class Normal(torch.nn.Module):
    """Forecasts the standard normal distribution, its spread off by a factor."""

    def __init__(self, factor: float):
        super().__init__()
        self.quantiles = factor * torch.distributions.Normal(0.0, 1.0).icdf(torch.tensor(LEVELS))

    def forward(self, past_values, past_observed_mask, season_candidates):
        return self.quantiles.expand(len(past_values), 96, len(LEVELS))


def normal_targets() -> HeldOut:
    rng = np.random.default_rng(3)
    values = rng.standard_normal((400, 512 + 96)).astype(np.float32)
    windows = standardise(values, np.zeros((400, 4), dtype=np.int64), 512)
    return HeldOut(["noise"] * 400, windows, np.zeros((400, 96), dtype=np.float32))


def test_respread_moves_quantiles_and_leaves_the_median():
    narrow = Respread(Normal(1.0), 0.5)(torch.zeros(2, 512), torch.ones(2, 512), torch.zeros(2, 4))
    assert torch.allclose(narrow, Normal(0.5)(torch.zeros(2, 512), None, None), atol=1e-6)


def test_coverage_counts_what_falls_inside():
    assert coverage(Normal(1.0), normal_targets(), 0.8) == pytest.approx(0.8, abs=0.01)
    assert coverage(Normal(1.0), normal_targets(), 0.95) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(("factor", "spread"), [(1.0, 1.0), (1.1, 0.9), (1.05, 0.95), (0.8, 1.0)])
def test_the_spread_is_narrowed_only_while_intervals_cover_what_they_say(factor, spread):
    assert choose_spread(Normal(factor), normal_targets()) == spread
