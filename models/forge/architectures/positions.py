"""Positional encodings of PatchTSMixer and TTM."""

import math

import torch
from torch import Tensor, nn

POSITIONS = ("sincos", "random")


class PositionalTable(nn.Module):
    """A table added to all channels. sincos is fixed, random is learned. [patches, features]."""

    def __init__(self, patches: int, features: int, kind: str):
        super().__init__()
        if kind not in POSITIONS:
            raise ValueError(f"positional_encoding_type is {kind!r}: give one of {', '.join(POSITIONS)}")
        table = torch.randn(patches, features) if kind == "random" else sincos_table(patches, features)
        self.position_enc = nn.Parameter(table, requires_grad=kind == "random")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.position_enc


def sincos_table(patches: int, features: int) -> Tensor:
    """Sines and cosines of Vaswani et al., centred by their common mean, divided by ten of their deviations."""
    position = torch.arange(patches)[:, None]
    frequency = torch.exp(torch.arange(0, features, 2) * -(math.log(10_000.0) / features))
    table = torch.zeros(patches, features)
    table[:, 0::2] = torch.sin(position * frequency)
    table[:, 1::2] = torch.cos(position * frequency)
    table = table - table.mean()
    return table / (table.std() * 10)
