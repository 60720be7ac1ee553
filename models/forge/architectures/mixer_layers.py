"""The mixer layer of PatchTSMixer (arXiv 2306.09364) and TTM (arXiv 2401.03955) with every option of the official code.

Hidden states are [batch, channels, patches, features]. Module names follow the official state dicts, so that their
checkpoints load by name.
"""

from dataclasses import dataclass

from torch import Tensor, nn

GATES = ("softmax", "sigmoid", "glu", "group_sigmoid")
MODES = ("common_channel", "mix_channel")


@dataclass(frozen=True)
class MixerOptions:
    """What the layers of one stack share. `gate` None: no gated attention; `attention_heads` 0: no self-attention."""

    expansion_factor: int = 2
    dropout: float = 0.0
    gate: str | None = "softmax"
    gate_groups: int = 8
    batch_norm: bool = False
    norm_eps: float = 1e-5
    attention_heads: int = 0


class BatchNormOverFeatures(nn.Module):
    """Batch normalisation of every feature over batch, channels and patches."""

    def __init__(self, features: int, eps: float):
        super().__init__()
        self.batchnorm = nn.BatchNorm1d(features, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        return self.batchnorm(x.flatten(0, 1).transpose(1, 2)).transpose(1, 2).reshape(x.shape)


class Norm(nn.Module):
    def __init__(self, features: int, options: MixerOptions):
        super().__init__()
        normalise = BatchNormOverFeatures if options.batch_norm else nn.LayerNorm
        self.norm = normalise(features, eps=options.norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class Mlp(nn.Module):
    """Linear, exact GELU, linear on the last axis, which keeps its width."""

    def __init__(self, width: int, options: MixerOptions):
        super().__init__()
        self.fc1 = nn.Linear(width, options.expansion_factor * width)
        self.dropout1 = nn.Dropout(options.dropout)
        self.fc2 = nn.Linear(options.expansion_factor * width, width)
        self.dropout2 = nn.Dropout(options.dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout2(self.fc2(self.dropout1(nn.functional.gelu(self.fc1(x)))))


class Gate(nn.Module):
    """Gated attention on the last axis.

    softmax: x * softmax(Wx), the paper's, which shrinks values by about 1 / width on purpose. sigmoid: x * sigmoid(Wx).
    group_sigmoid: one sigmoid for a group of neighbours, of the mean of their logits. glu: a * sigmoid(b), [a, b] = Wx.
    """

    def __init__(self, width: int, mode: str, groups: int = 8):
        super().__init__()
        if mode not in GATES:
            raise ValueError(f"gate_mode is {mode!r}: give one of {', '.join(GATES)}")
        self.mode = mode
        self.groups = next(count for count in range(min(max(groups, 1), width), 0, -1) if width % count == 0)
        self.attn_layer = nn.Linear(width, 2 * width if mode == "glu" else width)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.attn_layer(x)
        if self.mode == "glu":
            value, gate = logits.chunk(2, dim=-1)
            return value * gate.sigmoid()
        if self.mode == "softmax":
            return x * logits.softmax(dim=-1)
        if self.mode == "sigmoid":
            return x * logits.sigmoid()
        gate = logits.unflatten(-1, (self.groups, -1)).mean(dim=-1, keepdim=True).sigmoid()
        return (x.unflatten(-1, (self.groups, -1)) * gate).flatten(-2)


class SelfAttention(nn.Module):
    """Multi-head attention of the patches of one channel to each other."""

    def __init__(self, features: int, heads: int):
        super().__init__()
        if features % heads:
            raise ValueError(f"d_model {features} is not a multiple of self_attn_heads {heads}")
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(features, features), nn.Linear(features, features)
        self.v_proj, self.out_proj = nn.Linear(features, features), nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self._split(project(x)) for project in (self.q_proj, self.k_proj, self.v_proj))
        weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(dim=-1)
        return self.out_proj((weights @ value).transpose(2, 3).flatten(-2))

    def _split(self, x: Tensor) -> Tensor:
        """[batch, channels, patches, features] to [batch, channels, heads, patches, features of a head]."""
        return x.unflatten(-1, (self.heads, -1)).transpose(2, 3)


class ChannelMixer(nn.Module):
    """Mixes the channels at one feature of one patch. Here, and only here, the gate comes before the MLP."""

    def __init__(self, channels: int, features: int, options: MixerOptions):
        super().__init__()
        self.norm = Norm(features, options)
        self.mlp = Mlp(channels, options)
        self.gating_block = _gate(channels, options)

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mlp(self.gating_block(self.norm(x).transpose(1, 3)))
        return x + mixed.transpose(1, 3)


class PatchMixer(nn.Module):
    """Mixes the patches of one feature."""

    def __init__(self, patches: int, features: int, options: MixerOptions):
        super().__init__()
        self.norm = Norm(features, options)
        self.mlp = Mlp(patches, options)
        self.gating_block = _gate(patches, options)
        self.attends = options.attention_heads > 0
        if self.attends:
            self.self_attn_layer = SelfAttention(features, options.attention_heads)
            self.norm_attn = Norm(features, options)

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        mixed = self.gating_block(self.mlp(normed.transpose(2, 3))).transpose(2, 3)
        if self.attends:
            mixed = self.norm_attn(mixed + self.self_attn_layer(normed))
        return x + mixed


class FeatureMixer(nn.Module):
    """Mixes the features of one patch."""

    def __init__(self, features: int, options: MixerOptions):
        super().__init__()
        self.norm = Norm(features, options)
        self.mlp = Mlp(features, options)
        self.gating_block = _gate(features, options)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gating_block(self.mlp(self.norm(x)))


class MixerLayer(nn.Module):
    """Channel mixer (where `channels` is given), patch mixer, feature mixer.

    PatchTSMixer always has a patch mixer; TTM only where there is more than one patch (`patches` None: without).
    """

    def __init__(self, channels: int | None, patches: int | None, features: int, options: MixerOptions):
        super().__init__()
        self.channel_feature_mixer = ChannelMixer(channels, features, options) if channels else nn.Identity()
        self.patch_mixer = PatchMixer(patches, features, options) if patches else nn.Identity()
        self.feature_mixer = FeatureMixer(features, options)

    def forward(self, x: Tensor) -> Tensor:
        return self.feature_mixer(self.patch_mixer(self.channel_feature_mixer(x)))


class MixerStack(nn.Module):
    """Layers, or blocks of them, one after the other."""

    def __init__(self, mixers: list[nn.Module]):
        super().__init__()
        self.mixers = nn.ModuleList(mixers)

    def forward(self, x: Tensor) -> Tensor:
        for mixer in self.mixers:
            x = mixer(x)
        return x


def _gate(width: int, options: MixerOptions) -> nn.Module:
    return nn.Identity() if options.gate is None else Gate(width, options.gate, options.gate_groups)
