"""Checkpoint folders become packages whose graphs answer like PyTorch; what does not fit is refused by its name."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from forge.architectures.s_mamba import SMamba, SMambaConfig
from forge.architectures.time_moe import TimeMoe, TimeMoeConfig
from forge.export.verify import verify_package
from forge.importing.command import FAMILIES
from forge.importing.families import BUILDERS, load_checkpoint
from forge.importing.golden import check_cases
from forge.importing.package import import_package

PATCHTSMIXER = {
    "model_type": "patchtsmixer",
    "architectures": ["PatchTSMixerForPrediction"],
    "context_length": 24,
    "prediction_length": 6,
    "patch_length": 4,
    "patch_stride": 4,
    "num_input_channels": 2,
    "d_model": 8,
    "num_layers": 1,
}
TTM = {
    "model_type": "tinytimemixer",
    "architectures": ["TinyTimeMixerForPrediction"],
    "context_length": 24,
    "prediction_length": 6,
    "patch_length": 4,
    "patch_stride": 4,
    "num_input_channels": 2,
    "d_model": 8,
    "num_layers": 1,
    "decoder_d_model": 4,
    "decoder_num_layers": 1,
    "multi_quantile_head": True,
    "fft_length": 2,
    "resolution_prefix_tuning": True,
}
S_MAMBA = {"model": "S_Mamba", "seq_len": 12, "pred_len": 4, "d_model": 8, "d_ff": 8, "d_state": 2, "e_layers": 1}
TIME_MOE = {
    "model_type": "time_moe",
    "hidden_size": 8,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "horizon_lengths": [1, 4],
    "max_position_embeddings": 64,
}
CONFIGS = {"patchtsmixer": PATCHTSMIXER, "ttm": TTM, "s-mamba": S_MAMBA, "time-moe": TIME_MOE}


@pytest.fixture
def checkpoint(tmp_path):
    """Writes a checkpoint with random weights; `change` may damage its tensors."""

    def write(family, config=None, change=lambda tensors: None):
        torch.manual_seed(1)
        folder = tmp_path / "checkpoint"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(CONFIGS[family] | (config or {})))
        tensors = BUILDERS[family](CONFIGS[family]).state_dict()
        tensors = {name: one.clone() for name, one in tensors.items()}
        change(tensors)
        save_file(tensors, folder / "model.safetensors")
        return folder

    return write


def test_the_command_offers_every_family():
    assert set(FAMILIES) == set(BUILDERS)


@pytest.mark.parametrize("family", CONFIGS)
def test_a_package_answers_like_pytorch(family, checkpoint, tmp_path):
    folder = tmp_path / "package"
    import_package(checkpoint(family), family, f"{family}/small", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    golden = json.loads((folder / "golden.json").read_text())
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = [one["name"] for one in manifest["outputs"]]
    assert [check.name for check in verify_package(folder) if not check.passed] == []
    assert [one.name for one in session.get_inputs()] == [one["name"] for one in manifest["inputs"]]
    for case in golden["cases"]:
        actual = session.run(names, {name: array(one) for name, one in case["inputs"].items()})
        for name, value in zip(names, actual, strict=True):
            np.testing.assert_allclose(value, array(case["outputs"][name]), atol=1e-4, rtol=1e-3)
    assert "small" in (folder / "README.md").read_text()


def array(tensor: dict) -> np.ndarray:
    return np.array(tensor["data"], dtype=tensor["dtype"]).reshape(tensor["dims"])


def test_batch_and_variates_are_free_and_marks_may_be_none(checkpoint, tmp_path):
    model = import_package(checkpoint("s-mamba"), "s-mamba", "s-mamba/small", tmp_path / "package")
    session = onnxruntime.InferenceSession(tmp_path / "package/model.onnx", providers=["CPUExecutionProvider"])
    for rows, variates, marks in ((1, 1, 0), (2, 9, 0), (5, 40, 4)):
        values, times = torch.randn(rows, 12, variates), torch.randn(rows, 12, marks)
        (actual,) = session.run(["y"], {"x_enc": values.numpy(), "x_mark_enc": times.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(actual, model(values, times)["y"].numpy(), atol=1e-5)


def test_dead_weights_of_s_mamba_are_left_out(checkpoint):
    def add(tensors):
        tensors["encoder.attn_layers.0.man2.D"] = torch.ones(11)
        tensors["encoder.attn_layers.0.a.query_projection.bias"] = torch.ones(11)

    assert load_checkpoint(checkpoint("s-mamba", change=add), "s-mamba")


def test_a_state_dict_of_torch_is_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(S_MAMBA))
    torch.save(SMamba(SMambaConfig(seq_len=12, pred_len=4, d_model=8, d_ff=8, d_state=2, e_layers=1)).state_dict(),
               tmp_path / "checkpoint.pth")  # fmt: skip
    assert load_checkpoint(tmp_path, "s-mamba")


def test_half_precision_is_widened(checkpoint):
    def halve(tensors):
        for name in tensors:
            tensors[name] = tensors[name].bfloat16()

    model = load_checkpoint(checkpoint("time-moe", change=halve), "time-moe")
    assert model.lm_heads[0].out_layer.weight.dtype == torch.float32


NAME = "model.encoder.patcher.bias"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(NAME), f"missing tensor {NAME} [8]"),
        (lambda tensors: tensors.update(surplus=torch.zeros(3)), "extra tensor surplus [3]"),
        (lambda tensors: tensors.update({NAME: torch.zeros(9)}), f"misshapen tensor {NAME} is [9]"),
        (lambda tensors: tensors[NAME].fill_(float("nan")), f"NaN or infinity in tensor {NAME}"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(checkpoint, change, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[").replace("]", r"\]")):
        load_checkpoint(checkpoint("patchtsmixer", change=change), "patchtsmixer")


@pytest.mark.parametrize(
    ("family", "config", "message"),
    [
        ("patchtsmixer", {"mode": "flatten"}, "mode is 'flatten'"),
        ("patchtsmixer", {"scaling": "minmax"}, "scaling is 'minmax'"),
        ("patchtsmixer", {"norm_mlp": "RMSNorm"}, "norm_mlp is 'RMSNorm'"),
        ("patchtsmixer", {"loss": "nll", "distribution_output": "cauchy"}, "distribution_output is 'cauchy'"),
        ("patchtsmixer", {"d_model": "eight"}, "d_model is 'eight', not a whole number"),
        ("patchtsmixer", {"num_patches": 7}, "num_patches is 7, the other settings make it 6"),
        ("patchtsmixer", {"wavelets": True}, "unknown setting wavelets = True"),
        ("patchtsmixer", {"model_type": "patchtst"}, "model_type is 'patchtst'"),
        ("patchtsmixer", {"prediction_channel_indices": [0, 2]}, "prediction_channel_indices"),
        ("patchtsmixer", {"patch_stride": 0}, "division"),
        ("ttm", {"gate_mode": "relu"}, "gate_mode is 'relu'"),
        ("ttm", {"patch_stride": 2}, "patch_stride is 2"),
        ("ttm", {"architectures": ["TinyTimeMixerForMaskedPrediction"]}, "architectures is"),
        ("ttm", {"quantile_levels": [0.1, 0.5]}, "quantile_levels"),
        ("s-mamba", {"activation": "tanh"}, "activation is 'tanh'"),
        ("s-mamba", {"model": "iTransformer"}, "model is 'iTransformer'"),
        ("time-moe", {"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ("time-moe", {"use_dense": True}, "use_dense"),
        ("time-moe", {"num_experts_per_tok": 9}, "num_experts_per_tok is 9 of 8"),
    ],
)
def test_an_unknown_setting_is_named(checkpoint, family, config, message):
    with pytest.raises(ValueError, match=message):
        load_checkpoint(checkpoint(family, config), family)


def test_a_checkpoint_of_another_family_is_named(checkpoint):
    with pytest.raises(ValueError, match="of the family patchtsmixer, not ttm"):
        load_checkpoint(checkpoint("patchtsmixer"), "ttm")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_truncated_file_is_named(checkpoint, name):
    folder = checkpoint("patchtsmixer")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=f"{name} is truncated"):
        load_checkpoint(folder, "patchtsmixer")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_missing_file_is_named(checkpoint, name):
    folder = checkpoint("patchtsmixer")
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name.split(".")[0]):
        load_checkpoint(folder, "patchtsmixer")


def test_a_golden_case_that_cannot_be_imported_is_a_line_with_its_error(checkpoint, tmp_path):
    case = tmp_path / "cases/patchtsmixer/broken"
    case.mkdir(parents=True)
    folder = checkpoint("patchtsmixer", change=lambda tensors: tensors.pop(NAME))
    for one in folder.iterdir():
        (case / one.name).write_bytes(one.read_bytes())
    (case / "golden.json").write_text('{"scenarios": {}}')
    (line,) = check_cases(tmp_path / "cases", tmp_path / "out")
    assert NAME in json.loads(line)["error"]


def test_an_import_replaces_an_import_and_nothing_else(checkpoint, tmp_path):
    source, folder = checkpoint("patchtsmixer"), tmp_path / "package"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"name": "ttm/trained"}')
    with pytest.raises(ValueError, match="something else than an imported package"):
        import_package(source, "patchtsmixer", "patchtsmixer/small", folder)
    (folder / "manifest.json").write_text('{"importedFrom": "earlier"}')
    import_package(source, "patchtsmixer", "patchtsmixer/small", folder)
    assert {one.name for one in folder.iterdir()} == {"manifest.json", "model.onnx", "golden.json", "README.md"}
    assert not list(tmp_path.glob(".import-*"))


def test_the_loss_graph_counts_labels_as_the_model_does(tmp_path, checkpoint):
    model = import_package(checkpoint("time-moe"), "time-moe", "time-moe/small", tmp_path / "p", details=True)
    assert isinstance(model, TimeMoe)
    assert model.config == TimeMoeConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, horizon_lengths=(1, 4),
        max_position_embeddings=64,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(tmp_path / "p/loss.onnx", providers=["CPUExecutionProvider"])
    values, labels, mask = torch.randn(3, 11), torch.randn(3, 11), (torch.rand(3, 11) > 0.3).float()
    for masks, beyond in ((mask, 0.0), (None, 1.0)):
        feeds = {"input_values": values, "labels": labels, "loss_masks": torch.ones(3, 11) if masks is None else masks}
        feeds["beyond"] = torch.full((3, 1), beyond)
        (actual,) = session.run(["loss"], {name: one.numpy() for name, one in feeds.items()})
        with torch.no_grad():
            assert actual.item() == pytest.approx(model.loss(values, labels, masks).item(), rel=1e-4)
