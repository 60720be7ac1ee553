"""A small untrained model goes the whole way to a package, and the proof catches damage."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from forge.architectures.recipes import TTM_BASE
from forge.architectures.ttm import LEVELS, FlipAveraged, Respread, TinyTimeMixer
from forge.data.windows import standardise
from forge.evaluation.held_out import HeldOut, coverage
from forge.export.golden import golden_cases
from forge.export.graph import export_graph
from forge.export.package import choose_spread
from forge.export.verify import open_session, sha256, to_array, verify_package

SMALL = dataclasses.replace(TTM_BASE, d_model=32, decoder_d_model=32, num_layers=1, decoder_num_layers=1)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("package")
    model = FlipAveraged(TinyTimeMixer(SMALL)).eval()
    with torch.no_grad():
        for one in model.parameters():
            one.add_(torch.randn_like(one) * 0.05)
    export_graph(model, folder / "model.onnx", 512, 4)
    (folder / "golden.json").write_text(json.dumps(golden_cases(model, 512)))
    tensors = {
        "past_values": ("float32", [512]),
        "past_observed_mask": ("float32", [512]),
        "season_candidates": ("int64", [4]),
    }
    manifest = {
        "contextLength": 512,
        "inputs": [
            {"name": name, "dtype": dtype, "shape": ["batch", *shape]} for name, (dtype, shape) in tensors.items()
        ],
        "outputs": [{"name": "quantiles", "dtype": "float32", "shape": ["batch", 96, 13]}],
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
    session = open_session(package)
    for batch in (1, 2, 65):
        inputs = {
            "past_values": np.zeros((batch, 512), np.float32),
            "past_observed_mask": np.zeros((batch, 512), np.float32),
            "season_candidates": np.zeros((batch, 4), np.int64),
        }
        assert session.run(None, inputs)[0].shape == (batch, 96, 13)


def test_golden_inputs_are_standardised(package):
    golden = json.loads((package / "golden.json").read_text())
    for case in golden["cases"]:
        past, mask = to_array(case["inputs"]["past_values"]), to_array(case["inputs"]["past_observed_mask"])
        for row, seen in zip(past, mask > 0, strict=True):
            assert abs(row[seen].mean()) < 1e-3
            assert row[seen].std() == pytest.approx(0 if case["name"] == "constant" else 1, abs=1e-3)


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
