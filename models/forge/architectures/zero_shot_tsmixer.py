"""Our zero-shot TSMixer: the mixer layers of PatchTSMixer (arXiv 2306.09364) between our inputs and our head."""

from dataclasses import asdict, dataclass

from torch import Tensor, nn

from .mixer_layers import MixerLayer, MixerOptions, MixerStack
from .quantile_head import NaiveMixHead
from .zero_shot import INPUT_CHANNELS, ZeroShotForecaster, as_patches


@dataclass(frozen=True)
class ZeroShotTsMixerConfig:
    context_length: int = 512
    prediction_length: int = 96
    patch_length: int = 32
    d_model: int = 128
    num_layers: int = 6
    expansion_factor: int = 2
    dropout: float = 0.0
    gate_mode: str = "glu"  # softmax is the paper's
    norm_eps: float = 1e-5

    def to_dict(self) -> dict:
        return asdict(self)


class ZeroShotTsMixer(ZeroShotForecaster):
    """Common channel: every series alone. Patches of the future, filled with copies of earlier cycles, stand behind
    those of the context and are mixed with them."""

    def __init__(self, config: ZeroShotTsMixerConfig):
        super().__init__(config.context_length, config.prediction_length)
        self.config = config
        options = MixerOptions(config.expansion_factor, config.dropout, gate=config.gate_mode, norm_eps=config.norm_eps)
        self.future_patches = config.prediction_length // config.patch_length
        patches = config.context_length // config.patch_length + self.future_patches
        self.patcher = nn.Linear(config.patch_length * INPUT_CHANNELS, config.d_model)
        self.mlp_mixer_encoder = MixerStack(
            [MixerLayer(None, patches, config.d_model, options) for _ in range(config.num_layers)]
        )
        self.head = NaiveMixHead(config.d_model, config.patch_length, config.norm_eps)

    def quantiles_of(self, channels: Tensor, naive: Tensor) -> Tensor:
        features = self.mlp_mixer_encoder(self.patcher(as_patches(channels, self.config.patch_length))[:, None])
        return self.head(features[:, 0, -self.future_patches :], naive)
