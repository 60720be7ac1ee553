"""Sizes that the papers and public logs state, and what makes the architectures what they are."""

import pytest
import torch

from forge.architectures.patchtsmixer import PatchTsMixer, PatchTsMixerConfig
from forge.architectures.s_mamba import SMamba, SMambaConfig, doubling_scan
from forge.architectures.time_moe import TimeMoe, TimeMoeConfig, next_horizon
from forge.architectures.tinytimemixer import TinyTimeMixerForPrediction
from forge.architectures.tinytimemixer_config import TinyTimeMixerConfig
from forge.architectures.tinytimemixer_decomposed import robust_trend
from forge.architectures.ttm import TinyTimeMixer, TtmConfig

R1 = {"num_layers": 2, "decoder_num_layers": 2, "adaptive_patching_levels": 3, "prediction_length": 96}
R1_512 = {**R1, "context_length": 512, "patch_length": 64, "patch_stride": 64, "d_model": 192, "decoder_d_model": 128}
PREFIX = {"resolution_prefix_tuning": True, "frequency_token_vocab_size": 8}


def parameters(build) -> int:
    with torch.device("meta"):
        return sum(one.numel() for one in build().parameters())


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 805_280),
        ({"context_length": 1024}, 946_336),
        (PREFIX, 854_972),
        ({"context_length": 1536, "patch_length": 128, "patch_stride": 128, "d_model": 384, "decoder_d_model": 256,
          **PREFIX}, 3_243_996),
    ],
)  # fmt: skip
def test_ttm_has_the_published_sizes(changes, expected):
    assert parameters(lambda: TinyTimeMixerForPrediction(TinyTimeMixerConfig(**R1_512 | changes))) == expected


def test_the_shipped_ttm_without_our_additions_is_the_published_one():
    published = TinyTimeMixerForPrediction(TinyTimeMixerConfig(**R1_512)).eval()
    ours = TinyTimeMixer(TtmConfig()).eval()
    ours.load_state_dict(published.state_dict())
    window, mask = torch.randn(2, 512, 3) * 3 + 5, torch.ones(2, 512, 3)
    with torch.no_grad():
        expected = published(window, mask)["prediction_outputs"]
        assert torch.allclose(ours.forecast_points(window, mask), expected, atol=1e-5)


def test_patchtsmixer_has_the_published_size():
    config = PatchTsMixerConfig(
        context_length=512, prediction_length=96, patch_length=16, patch_stride=16, d_model=48, expansion_factor=3,
        num_input_channels=7,
    )  # fmt: skip
    assert parameters(lambda: PatchTsMixer(config)) == 220_032


@pytest.mark.parametrize(
    ("width", "states", "layers", "horizon", "expected"),
    [
        (256, 2, 2, 96, 1_145_696),
        (128, 2, 2, 192, 314_944),
        (512, 2, 3, 96, 6_631_008),
        (512, 32, 4, 96, 9_176_672),
    ],
)
def test_s_mamba_has_the_published_sizes(width, states, layers, horizon, expected):
    config = SMambaConfig(d_model=width, d_ff=width, d_state=states, e_layers=layers, pred_len=horizon)
    assert parameters(lambda: SMamba(config)) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (TimeMoeConfig(), 113_352_192),
        (TimeMoeConfig(hidden_size=768, intermediate_size=3072), 453_196_800),
        (TimeMoeConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=36, num_attention_heads=16),
         2_416_545_792),
    ],
)  # fmt: skip
def test_time_moe_has_the_published_sizes(config, expected):
    assert parameters(lambda: TimeMoe(config)) == expected


def test_reconciliation_heads_start_from_the_base_forecast():
    torch.manual_seed(1)
    plain = PatchTsMixerConfig(num_input_channels=3, context_length=32, prediction_length=16)
    heads = PatchTsMixerConfig(
        num_input_channels=3, context_length=32, prediction_length=16, cross_channel_reach=1, hierarchy_patch_length=4
    )
    base, reconciled = PatchTsMixer(plain).eval(), PatchTsMixer(heads).eval()
    reconciled.load_state_dict(base.state_dict(), strict=False)
    torch.nn.init.zeros_(reconciled.head.cross_channel_head.mlp.weight)
    torch.nn.init.zeros_(reconciled.head.cross_channel_head.mlp.bias)
    window = torch.randn(2, 32, 3)
    with torch.no_grad():
        outputs = reconciled(window)
        assert torch.allclose(outputs["prediction_outputs"], base(window)["prediction_outputs"], atol=1e-5)
    assert outputs["patch_means"].shape == (2, 4, 3)


@pytest.mark.parametrize("tokens", [1, 2, 7, 33])
def test_the_doubling_scan_is_the_recurrence(tokens):
    torch.manual_seed(1)
    decay, drive = torch.rand(2, tokens, 3, 4), torch.randn(2, tokens, 3, 4)
    state, states = torch.zeros(2, 3, 4), []
    for token in range(tokens):
        state = decay[:, token] * state + drive[:, token]
        states.append(state)
    for rounds in (6, 9):
        assert torch.allclose(doubling_scan(decay, drive, rounds), torch.stack(states, dim=1), atol=1e-5)


def test_s_mamba_takes_any_number_of_variates():
    model = SMamba(SMambaConfig(seq_len=24, pred_len=8, d_model=16, d_ff=16, d_state=2, e_layers=1)).eval()
    for variates in (1, 3, 70):
        assert model(torch.randn(2, 24, variates))["y"].shape == (2, 8, variates)


@pytest.mark.parametrize(
    ("horizon", "heads"),
    [(96, [64, 32]), (192, [64] * 3), (336, [64] * 5 + [8, 8]), (25, [8, 8, 8, 1]), (1, [1])],
)
def test_the_greedy_schedule(horizon, heads):
    chosen = []
    while sum(chosen) < horizon:
        chosen.append(next_horizon(horizon - sum(chosen), (1, 8, 32, 64)))
    assert chosen == heads


def test_a_schedule_without_a_head_of_one_overshoots_and_is_cut():
    model = TimeMoe(small_time_moe(horizon_lengths=(4, 8))).eval()
    forecast, calls = model.generate(torch.randn(2, 10), 9)
    assert [head for _, head, _ in calls] == [8, 4]
    assert forecast.shape == (2, 9)


def test_points_on_a_cache_are_points_at_once():
    torch.manual_seed(1)
    model = TimeMoe(small_time_moe()).eval()
    values = torch.randn(2, 12)
    with torch.no_grad():
        whole = model(values)
        first = model(values[:, :7])
        second = model(values[:, 7:], None, first["present_mask"], first["present_key_values"])
    assert torch.allclose(whole["head_8_last"], second["head_8_last"], atol=1e-6)
    assert torch.allclose(whole["present_key_values"], second["present_key_values"], atol=1e-6)


def test_a_dense_time_moe_and_shared_keys_work():
    config = small_time_moe(use_dense=True, apply_aux_loss=False, num_key_value_heads=1)
    model = TimeMoe(config).eval()
    assert "router_logits_last" not in model(torch.randn(2, 5))
    assert model.loss(torch.randn(2, 5), torch.randn(2, 5)).isfinite()


def test_a_trend_keeps_the_mean_and_is_smoother_than_the_series():
    torch.manual_seed(1)
    series = torch.randn(2, 72, 3).cumsum(dim=1)
    trend = robust_trend(series)
    assert torch.allclose(trend.mean(dim=1), series.mean(dim=1), atol=1e-5)
    assert trend.diff(dim=1).abs().mean() < 0.5 * series.diff(dim=1).abs().mean()
    constant = torch.full((1, 72, 1), 3.25)
    assert torch.allclose(robust_trend(constant), constant, atol=1e-6)


def small_time_moe(**changes) -> TimeMoeConfig:
    return TimeMoeConfig(
        **{"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2} | changes
    )
