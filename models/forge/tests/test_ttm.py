import dataclasses

import pytest
import torch

from forge.architectures.recipes import TTM_BASE
from forge.architectures.ttm import TinyTimeMixer, TtmConfig
from forge.architectures.zero_shot import FlipAveraged

R1_512 = TtmConfig()


def parameters(module: torch.nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


def test_without_our_additions_it_has_the_published_parameters():
    model = TinyTimeMixer(R1_512)
    assert parameters(model) == 805_280
    assert parameters(model.decoder) + parameters(model.head) == 289_696


@pytest.mark.parametrize(
    ("changes", "total", "decoder_and_head"),
    [
        ({"context_length": 1024}, 946_336, 389_984),
        ({"context_length": 1024, "patch_length": 128, "d_model": 384, "decoder_d_model": 256}, 2_964_960, 955_424),
        ({"context_length": 1536, "patch_length": 128, "d_model": 384, "decoder_d_model": 256}, 3_081_120, 1_054_560),
    ],
)
def test_the_other_published_sizes(changes, total, decoder_and_head):
    model = TinyTimeMixer(dataclasses.replace(R1_512, **changes))
    assert parameters(model) == total
    assert parameters(model.decoder) + parameters(model.head) == decoder_and_head


def test_without_our_additions_the_state_dict_is_the_official_one():
    shapes = {
        name: tuple(value.shape) for name, value in TinyTimeMixer(TtmConfig(context_length=1024)).state_dict().items()
    }
    assert shapes["backbone.encoder.patcher.weight"] == (192, 64)
    assert shapes["backbone.encoder.mlp_mixer_encoder.mixers.0.mixer_layers.1.patch_mixer.mlp.fc1.weight"] == (128, 64)
    assert shapes["backbone.encoder.mlp_mixer_encoder.mixers.2.mixer_layers.0.feature_mixer.norm.norm.weight"] == (192,)
    assert shapes["decoder.adapter.weight"] == (128, 192)
    assert shapes["decoder.decoder_block.mixers.1.feature_mixer.gating_block.attn_layer.weight"] == (128, 128)
    assert shapes["head.base_forecast_block.weight"] == (96, 2048)
    assert not [name for name in shapes if "season" in name or "mix_block" in name]


def test_the_paper_model_follows_the_scale_of_its_input():
    model = TinyTimeMixer(R1_512).eval()
    x, mask = torch.randn(2, 512, 3), torch.ones(2, 512, 3)
    with torch.no_grad():
        assert torch.allclose(
            model.forecast_points(100 * x + 7, mask), 100 * model.forecast_points(x, mask) + 7, atol=0.05
        )


@pytest.fixture(scope="module")
def ours():
    torch.manual_seed(0)
    return TinyTimeMixer(TTM_BASE).eval()


def rough_inputs(batch: int):
    generator = torch.Generator().manual_seed(5)
    mask = (torch.rand(batch, 512, generator=generator) > 0.2).float()
    return (
        torch.randn(batch, 512, generator=generator).cumsum(1) / 10 * mask,
        mask,
        torch.tensor([[24, 168, 0, 0]] * batch),
    )


def test_quantiles_ascend(ours):
    with torch.no_grad():
        assert (ours(*rough_inputs(16)).diff(dim=-1) > 0).all()


def test_values_under_a_zero_mask_change_nothing(ours):
    past, mask, candidates = rough_inputs(4)
    with torch.no_grad():
        assert torch.equal(ours(past, mask, candidates), ours(past + 1000 * (1 - mask), mask, candidates))


def test_an_empty_window_gives_numbers(ours):
    empty = torch.zeros(1, 512)
    with torch.no_grad():
        assert torch.isfinite(ours(empty, empty, torch.zeros(1, 4, dtype=torch.int64))).all()


def test_flip_averaging_mirrors_with_its_input(ours):
    past, mask, candidates = rough_inputs(3)
    averaged = FlipAveraged(ours)
    with torch.no_grad():
        upright, mirrored = averaged(past, mask, candidates), averaged(-past, mask, candidates)
    assert torch.allclose(upright, -mirrored.flip(-1), atol=1e-5)


def test_wrong_configurations_say_what_to_change():
    with pytest.raises(ValueError, match="not a multiple of patch_length 48"):
        TinyTimeMixer(TtmConfig(patch_length=48))
    with pytest.raises(ValueError, match="softmax, sigmoid, glu"):
        TinyTimeMixer(TtmConfig(gate_mode="relu"))
