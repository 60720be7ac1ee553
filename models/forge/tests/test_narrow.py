"""Packages with narrower weights: what is packed, and what it costs."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from forge.architectures.recipes import RECIPES
from forge.export.narrow import narrow_package, narrow_weights

MODELS = Path(__file__).parents[2]


def answers(model: onnx.ModelProto, multivariate: bool) -> np.ndarray:
    rng = np.random.default_rng(3)
    wave = np.sin(2 * np.pi * np.arange(512) / 24) + 0.2 * rng.standard_normal((4, 512))
    past = ((wave - wave.mean(axis=1, keepdims=True)) / wave.std(axis=1, keepdims=True)).astype(np.float32)
    past = past[:, None] if multivariate else past
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    seasons = np.tile(np.array([24, 0, 0, 0]), (4, 1))
    return session.run(None, dict(zip(["past_values", "past_observed_mask", "season_candidates"],
                                      [past, np.ones_like(past), seasons], strict=True)))[0]  # fmt: skip


def weights_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


@pytest.mark.parametrize("family", RECIPES)
def test_a_narrower_package_answers_nearly_the_same(family):
    path, multivariate = MODELS / family / "base" / "model.onnx", family == "s-mamba"
    exact, differs, sizes = answers(onnx.load(path), multivariate), {}, {}
    for bits in (8, 16):
        model = onnx.load(path)
        _, packed = narrow_weights(model, bits)
        assert packed > 400_000
        onnx.checker.check_model(model)
        differs[bits] = float(np.abs(answers(model, multivariate) - exact).max())
        sizes[bits] = model.ByteSize()
    assert differs[16] < 0.002 < differs[8] < 0.05
    assert sizes[8] < sizes[16] < path.stat().st_size


@pytest.mark.parametrize("bits", [8, 16])
def test_heads_norms_routers_and_tables_stay_what_they_are(bits):
    model = onnx.load(MODELS / "time-moe" / "base" / "model.onnx")
    before = weights_of(model)
    narrow_weights(model, bits)
    after = weights_of(model)
    kept = [name for name in before if any(part in name for part in ("head", "norm", "season_finder", ".gate.weight"))]
    assert len(kept) > 10
    for name in kept:
        np.testing.assert_array_equal(after[name], before[name])
    experts = [name for name in before if ".experts." in name]
    assert len(experts) == 4 * 8 * 3
    assert not [name for name in experts if name in after]


def test_int8_rounds_to_half_a_step_of_each_output():
    model = onnx.load(MODELS / "tsmixer" / "base" / "model.onnx")
    before = weights_of(model)
    narrow_weights(model, 8)
    after = weights_of(model)
    name = next(name for name in before if name.endswith("feature_mixer.mlp.fc1.weight.T"))
    scale = after[f"{name}.scale"]
    np.testing.assert_allclose(scale[0], np.abs(before[name]).max(axis=0) / 127, rtol=1e-6)
    assert (np.abs(after[f"{name}.int8"] * scale - before[name]) <= scale / 2 * 1.001).all()


def test_what_fails_leaves_nothing_behind(tmp_path):
    with pytest.raises(FileNotFoundError):
        narrow_package(MODELS / "ttm" / "none", tmp_path / "package", 8, tmp_path, print)
    assert not (tmp_path / "package").exists()
