"""The papers' models that one item is trained with, behind one call."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from torch import Tensor, nn

from ..architectures.patchtsmixer import PatchTsMixer, PatchTsMixerConfig
from ..architectures.s_mamba import SMamba, SMambaConfig

CHANNELS_ALONE, CHANNELS_TOGETHER = "independent", "aligned"


@dataclass(frozen=True)
class ItemModelSettings:
    """Hyper-parameters of a family; those of another family are not looked at."""

    family: str
    context: int
    prediction: int
    channels: int
    d_model: int
    layers: int
    dropout: float
    # tsmixer
    patch: int = 8
    expansion: int = 3
    head_dropout: float = 0.7
    mode: str = "common_channel"
    # s-mamba
    d_ff: int = 256
    d_state: int = 2

    def to_dict(self) -> dict:
        return asdict(self)

    @property
    def channel_policy(self) -> str:
        """`independent`: weights that know no channel; `aligned`: all channels in their order."""
        alone = self.family == "tsmixer" and self.mode == "common_channel"
        return CHANNELS_ALONE if alone else CHANNELS_TOGETHER


class ItemModel(nn.Module):
    """The point forecast of one of the papers' models: [batch, context, channels] to [batch, prediction, channels]."""

    def __init__(self, settings: ItemModelSettings):
        super().__init__()
        self.settings = settings
        self.core, self.output = _BUILD[settings.family](settings)

    def forward(self, past: Tensor) -> Tensor:
        return self.core(past)[self.output]


def _tsmixer(settings: ItemModelSettings) -> tuple[nn.Module, str]:
    config = PatchTsMixerConfig(
        context_length=settings.context,
        prediction_length=settings.prediction,
        patch_length=settings.patch,
        patch_stride=settings.patch,
        num_input_channels=settings.channels if settings.mode == "mix_channel" else 1,
        d_model=settings.d_model,
        expansion_factor=settings.expansion,
        num_layers=settings.layers,
        dropout=settings.dropout,
        head_dropout=settings.head_dropout,
        mode=settings.mode,
    )
    return PatchTsMixer(config), "prediction_outputs"


def _s_mamba(settings: ItemModelSettings) -> tuple[nn.Module, str]:
    config = SMambaConfig(
        seq_len=settings.context,
        pred_len=settings.prediction,
        d_model=settings.d_model,
        d_ff=settings.d_ff,
        d_state=settings.d_state,
        e_layers=settings.layers,
        dropout=settings.dropout,
        max_variates=settings.channels,
    )
    return SMamba(config), "y"


_BUILD: dict[str, Callable[[ItemModelSettings], tuple[nn.Module, str]]] = {"tsmixer": _tsmixer, "s-mamba": _s_mamba}
