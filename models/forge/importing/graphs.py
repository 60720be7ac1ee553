"""The tensors of a model's ONNX graph: names, types and shapes, in which a text is a free dimension."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from ..architectures.patchtsmixer import PatchTsMixer
from ..architectures.s_mamba import SMamba
from ..architectures.time_moe import TimeMoe
from ..architectures.tinytimemixer import TinyTimeMixerForPrediction
from ..architectures.tinytimemixer_config import TinyTimeMixerConfig
from ..architectures.tinytimemixer_decomposed import TinyTimeMixerForDecomposedPrediction
from ..export.onnx_file import Shape, TensorSpec


@dataclass(frozen=True)
class GraphSpec:
    """`forecasts` are the outputs that serving needs, `details` those that only a comparison asks for."""

    inputs: tuple[TensorSpec, ...]
    forecasts: tuple[TensorSpec, ...]
    details: tuple[TensorSpec, ...]
    context: int
    prediction: int
    mixes_channels: bool
    levels: tuple[float, ...] = (0.5,)
    notes: dict[str, int | list[int]] = field(default_factory=dict)  # for the manifest


def describe_graph(model: nn.Module) -> GraphSpec:
    return _DESCRIBE[type(model)](model.config)


def _patchtsmixer(config) -> GraphSpec:
    mixes = config.mode == "mix_channel" or config.cross_channel_reach > 0
    free = not mixes and config.prediction_channel_indices is None
    channels = "channels" if free else config.num_input_channels
    predicted = "channels" if free else len(config.channels)
    window: Shape = ("batch", config.context_length, channels)
    horizon: Shape = ("batch", config.prediction_length, predicted)
    if config.loss == "nll":
        names = [f"prediction_outputs_{index}" for index in range(2 + (config.distribution_output == "student_t"))]
    else:
        names = ["prediction_outputs"]
    statistics = tuple(TensorSpec(name, ("batch", 1, predicted)) for name in ("loc", "scale"))
    hidden = TensorSpec("last_hidden_state", ("batch", channels, config.num_patches, config.d_model))
    return GraphSpec(
        inputs=(TensorSpec("past_values", window), TensorSpec("observed_mask", window)),
        forecasts=(*(TensorSpec(name, horizon) for name in names), *statistics),
        details=(hidden,),
        context=config.context_length,
        prediction=config.prediction_length,
        mixes_channels=mixes,
    )


def _ttm(config: TinyTimeMixerConfig) -> GraphSpec:
    channels, predicted = _ttm_channels(config)
    quantiles = (_ttm_quantiles("quantile_outputs", config),) if config.multi_quantile_head else ()
    bins = config.num_patches, config.context_length // 2 + 1
    spectrum = (TensorSpec("fft_topk_indices", ("batch", channels, min(config.fft_length, bins[1])), "int64"),)
    width = config.decoder_d_model if config.use_decoder else config.d_model
    return _ttm_graph(
        config,
        forecasts=(
            *quantiles,
            *(TensorSpec(name, ("batch", 1, predicted)) for name in ("loc", "scale")),
        ),
        details=(
            TensorSpec("backbone_hidden_state", ("batch", channels, config.num_patches, config.d_model)),
            TensorSpec("decoder_hidden_state", ("batch", channels, config.num_patches, width)),
            *(spectrum if config.fft_length else ()),
        ),
    )


def _ttm_decomposed(config) -> GraphSpec:
    whole, parts = config.whole, ("trend", "residual")
    _, predicted = _ttm_channels(whole)
    inputs = {"trend_input": whole.context_length, "residual_input": config.residual.context_length}
    details = [TensorSpec(name, ("batch", points, predicted)) for name, points in inputs.items()]
    details += [_ttm_points(f"{part}_prediction_outputs", whole) for part in parts]
    forecasts = ()
    if whole.multi_quantile_head:
        forecasts = (_ttm_quantiles("quantile_outputs", whole),)
        details += [_ttm_quantiles(f"{part}_quantile_outputs", whole) for part in parts]
    return _ttm_graph(whole, forecasts, tuple(details))


def _ttm_graph(
    config: TinyTimeMixerConfig, forecasts: tuple[TensorSpec, ...], details: tuple[TensorSpec, ...]
) -> GraphSpec:
    channels, _ = _ttm_channels(config)
    window: Shape = ("batch", config.context_length, channels)
    inputs = [TensorSpec("past_values", window), TensorSpec("past_observed_mask", window)]
    if config.resolution_prefix_tuning:
        inputs.append(TensorSpec("freq_token", ("batch",), "int64", config.frequency_token_vocab_size))
    sizes = config.categorical_vocab_size_list or ()
    if sizes:
        inputs.append(TensorSpec("static_categorical_values", ("batch", len(sizes)), "int64", min(sizes)))
    if config.enable_forecast_channel_mixing and config.exogenous:
        inputs.append(TensorSpec("future_values", ("batch", config.horizon, channels)))
    return GraphSpec(
        inputs=tuple(inputs),
        forecasts=(_ttm_points("prediction_outputs", config), *forecasts),
        details=details,
        context=config.context_length,
        prediction=config.horizon,
        mixes_channels=_ttm_mixes(config),
        levels=config.quantile_levels if config.multi_quantile_head else (0.5,),
    )


def _ttm_points(name: str, config: TinyTimeMixerConfig) -> TensorSpec:
    return TensorSpec(name, ("batch", config.horizon, _ttm_channels(config)[1]))


def _ttm_quantiles(name: str, config: TinyTimeMixerConfig) -> TensorSpec:
    return TensorSpec(name, ("batch", len(config.quantile_levels), config.horizon, _ttm_channels(config)[1]))


def _ttm_mixes(config: TinyTimeMixerConfig) -> bool:
    return config.enable_forecast_channel_mixing or "mix_channel" in (config.mode, config.decoder_mode)


def _ttm_channels(config: TinyTimeMixerConfig) -> tuple[int | str, int | str]:
    """Channels that go in and that come out; free where the model treats each channel alone."""
    if not _ttm_mixes(config) and config.predicted is None:
        return "channels", "channels"
    return config.num_input_channels, len(config.predicted or range(config.num_input_channels))


def _s_mamba(config) -> GraphSpec:
    def points(name: str, length: int, count: str) -> TensorSpec:
        return TensorSpec(name, ("batch", length, count))

    return GraphSpec(
        inputs=(points("x_enc", config.seq_len, "variates"), points("x_mark_enc", config.seq_len, "marks")),
        forecasts=(points("y", config.pred_len, "variates"),),
        details=tuple(
            TensorSpec(name, ("batch", "tokens", config.d_model)) for name in ("layer0_attention_out", "enc_out")
        ),
        context=config.seq_len,
        prediction=config.pred_len,
        mixes_channels=True,
        notes={"maxVariates": config.max_variates},
    )


def _time_moe(config) -> GraphSpec:
    def cache(name: str, points: str) -> TensorSpec:
        heads = ("batch", config.num_hidden_layers, 2, config.key_value_heads, points, config.head_size)
        return TensorSpec(name, heads)

    first, layers = config.horizon_lengths[0], config.num_hidden_layers
    routing = (
        TensorSpec("router_logits_last", ("batch", layers, config.num_experts)),
        TensorSpec("selected_experts_last", ("batch", layers, config.num_experts_per_tok), "int64"),
    )
    return GraphSpec(
        inputs=(
            TensorSpec("input_values", ("batch", "points")),
            TensorSpec("attention_mask", ("batch", "points")),
            TensorSpec("past_mask", ("batch", "past")),
            cache("past_key_values", "past"),
        ),
        forecasts=(
            *(TensorSpec(f"head_{horizon}_last", ("batch", horizon)) for horizon in config.horizon_lengths),
            TensorSpec("present_mask", ("batch", "present")),
            cache("present_key_values", "present"),
        ),
        details=(
            TensorSpec("head_first_all_positions", ("batch", "points", first)),
            TensorSpec("final_norm_last", ("batch", config.hidden_size)),
            *(() if config.use_dense else routing),
        ),
        context=config.max_position_embeddings,
        prediction=max(config.horizon_lengths),
        mixes_channels=False,
        notes={"horizons": list(config.horizon_lengths)},
    )


_DESCRIBE: dict[type, Callable[..., GraphSpec]] = {
    PatchTsMixer: _patchtsmixer,
    TinyTimeMixerForPrediction: _ttm,
    TinyTimeMixerForDecomposedPrediction: _ttm_decomposed,
    SMamba: _s_mamba,
    TimeMoe: _time_moe,
}
