"""Mixer layers of PatchTSMixer (arXiv 2306.09364), shared by TTM. Module names follow the official state dicts."""

from torch import Tensor, nn

GATES = ("softmax", "glu")


class Norm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class Mlp(nn.Module):
    def __init__(self, width: int, expansion: int, dropout: float):
        super().__init__()
        self.fc1 = nn.Linear(width, expansion * width)
        self.dropout1 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(expansion * width, width)
        self.dropout2 = nn.Dropout(dropout)
        self.act = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout2(self.fc2(self.dropout1(self.act(self.fc1(x)))))


class Gate(nn.Module):
    """softmax: x * softmax(Wx), the paper's, which shrinks values by about 1/width. glu: a * sigmoid(b), of TTM r3."""

    def __init__(self, width: int, mode: str):
        super().__init__()
        if mode not in GATES:
            raise ValueError(f"gate_mode is {mode!r}: give one of {', '.join(GATES)}")
        self.mode = mode
        self.attn_layer = nn.Linear(width, width if mode == "softmax" else 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.attn_layer(x)
        if self.mode == "softmax":
            return x * weights.softmax(dim=-1)
        value, gate = weights.chunk(2, dim=-1)
        return value * gate.sigmoid()


class PatchMixer(nn.Module):
    """Mixes the patches of one feature. x: [batch, channels, patches, features]."""

    def __init__(self, patches: int, features: int, expansion: int, dropout: float, gate_mode: str, eps: float):
        super().__init__()
        self.norm = Norm(features, eps)
        self.mlp = Mlp(patches, expansion, dropout)
        self.gating_block = Gate(patches, gate_mode)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.gating_block(self.mlp(self.norm(x).transpose(-1, -2)))
        return x + mixed.transpose(-1, -2)


class FeatureMixer(nn.Module):
    """Mixes the features of one patch."""

    def __init__(self, features: int, expansion: int, dropout: float, gate_mode: str, eps: float):
        super().__init__()
        self.norm = Norm(features, eps)
        self.mlp = Mlp(features, expansion, dropout)
        self.gating_block = Gate(features, gate_mode)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gating_block(self.mlp(self.norm(x)))


class MixerLayer(nn.Module):
    """TTM builds the patch mixer only where there is more than one patch (PatchTSMixer always does)."""

    def __init__(self, patches: int, features: int, expansion: int, dropout: float, gate_mode: str, eps: float):
        super().__init__()
        if patches > 1:
            self.patch_mixer = PatchMixer(patches, features, expansion, dropout, gate_mode, eps)
        self.feature_mixer = FeatureMixer(features, expansion, dropout, gate_mode, eps)
        self.mixes_patches = patches > 1

    def forward(self, x: Tensor) -> Tensor:
        if self.mixes_patches:
            x = self.patch_mixer(x)
        return self.feature_mixer(x)
