"""Adaptive patching of TTM (arXiv 2401.03955, section 3.1): mixer layers that see the same values in finer patches."""

from torch import Tensor, nn

from .mixer_layers import MixerLayer, MixerOptions, MixerStack

SMALLEST_SPLIT = 4  # a level that would leave patches with so few features, or fewer, does not split


class AdaptivePatchingLevel(nn.Module):
    """Mixer layers on patches split in 2^level parts: (P, D) seen as (P 2^level, D / 2^level) by a plain reshape."""

    def __init__(self, level: int, layers: int, channels: int | None, patches: int, width: int, options: MixerOptions):
        super().__init__()
        self.factor = 2**level if width // 2**level > SMALLEST_SPLIT else 1
        if width % self.factor:
            raise ValueError(f"d_model {width} cannot be split in {self.factor} parts")
        self.mixer_layers = nn.ModuleList(
            _layer(channels, patches * self.factor, width // self.factor, options) for _ in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        patches, width = x.shape[2:]
        x = x.flatten(2).unflatten(-1, (patches * self.factor, width // self.factor))
        for layer in self.mixer_layers:
            x = layer(x)
        return x.flatten(2).unflatten(-1, (patches, width))


def mixer_stack(
    levels: int, layers: int, channels: int | None, patches: int, width: int, options: MixerOptions
) -> MixerStack:
    """Levels of adaptive patching, the finest split first; with no levels plain mixer layers."""
    if not levels:
        return MixerStack([_layer(channels, patches, width, options) for _ in range(layers)])
    order = reversed(range(levels))
    return MixerStack([AdaptivePatchingLevel(level, layers, channels, patches, width, options) for level in order])


def _layer(channels: int | None, patches: int, width: int, options: MixerOptions) -> MixerLayer:
    return MixerLayer(channels, patches if patches > 1 else None, width, options)
