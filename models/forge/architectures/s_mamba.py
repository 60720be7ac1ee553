"""S-Mamba (arXiv 2403.11144, Neurocomputing 2024), with the tensor names of the official code.

Every variate is one token (a linear layer over its window); a bidirectional Mamba block lets the tokens look at each
other in their order, a feed-forward layer works on each alone. No weight depends on the number of variates, so one
graph serves any number of them.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ACTIVATIONS = ("gelu", "relu")
CONV_WIDTH = 2  # d_conv of the official model; its expand is 1
NORM_FLOOR = 1e-5


@dataclass(frozen=True)
class SMambaConfig:
    seq_len: int = 96
    pred_len: int = 96
    d_model: int = 512
    d_ff: int = 512
    d_state: int = 32
    e_layers: int = 2
    dropout: float = 0.1
    activation: str = "gelu"
    use_norm: bool = True
    max_variates: int = 1024  # ours: tokens that an exported graph can take, time marks included

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}: give one of {', '.join(ACTIVATIONS)}")

    @property
    def dt_rank(self) -> int:
        return math.ceil(self.d_model / 16)


def doubling_scan(decay: Tensor, drive: Tensor, rounds: int) -> Tensor:
    """h_t = decay_t * h_(t-1) + drive_t along axis 1, by Hillis-Steele doubling: after round k a position has seen 2^k.

    decay, drive: [batch, tokens, ...], decay in (0, 1), so that nothing can overflow. 2^rounds must reach the number of
    tokens; more rounds change nothing, hence a fixed number of them serves any number of tokens.
    """
    for k in range(rounds):
        drive = decay * _shift(drive, 2**k, 0.0) + drive
        if k + 1 < rounds:
            decay = decay * _shift(decay, 2**k, 1.0)
    return drive


def _shift(x: Tensor, by: int, fill: float) -> Tensor:
    """Moves axis 1 by some positions; the first ones get `fill`."""
    return nn.functional.pad(x, (0, 0) * (x.ndim - 2) + (by, 0), value=fill)[:, : x.shape[1]]


class Mamba(nn.Module):
    """The selective state space block of Gu and Dao (arXiv 2312.00752), version 1, over the token axis."""

    def __init__(self, config: SMambaConfig):
        super().__init__()
        width, states, rank = config.d_model, config.d_state, config.dt_rank
        self.sizes = [rank, states, states]
        self.rounds = _rounds(config.max_variates)
        self.in_proj = nn.Linear(width, 2 * width, bias=False)
        self.conv1d = nn.Conv1d(width, width, CONV_WIDTH, groups=width, padding=CONV_WIDTH - 1)
        self.x_proj = nn.Linear(width, rank + 2 * states, bias=False)
        self.dt_proj = nn.Linear(rank, width)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(width, 1))
        self.D = nn.Parameter(torch.ones(width))
        self.out_proj = nn.Linear(width, width, bias=False)
        self._start_steps(rank)

    @torch.no_grad()
    def _start_steps(self, rank: int) -> None:
        """Step sizes start log-uniform in [0.001, 0.1]: dt_proj.bias is the inverse softplus of them."""
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        low, high = math.log(1e-3), math.log(0.1)
        step = torch.exp(low + (high - low) * torch.rand_like(self.dt_proj.bias)).clamp(min=1e-4)
        self.dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, tokens, d_model] to the same."""
        x, z = self.in_proj(x).chunk(2, dim=-1)
        x = nn.functional.silu(self._causal_conv(x))
        dt, b, c = self.x_proj(x).split(self.sizes, dim=-1)
        step = nn.functional.softplus(self.dt_proj(dt))
        decay = torch.exp(step[..., None] * -torch.exp(self.A_log))  # exp(Δ A), [batch, tokens, width, states]
        drive = (step * x)[..., None] * b[:, :, None, :]  # Δ x B: Euler's step, as in the official code
        states = doubling_scan(decay, drive, self._rounds_for(x))
        y = (states @ c[..., None]).squeeze(-1) + self.D * x
        return self.out_proj(y * nn.functional.silu(z))

    def _causal_conv(self, x: Tensor) -> Tensor:
        """Depthwise, width 2: w0 x_(t-1) + w1 x_t + b."""
        weight = self.conv1d.weight[:, 0]
        return weight[:, 0] * _shift(x, 1, 0.0) + weight[:, 1] * x + self.conv1d.bias

    def _rounds_for(self, x: Tensor) -> int:
        """An exported graph has a fixed number of rounds, since its number of tokens is open."""
        return self.rounds if torch.compiler.is_exporting() else _rounds(x.shape[1])


def _rounds(tokens: int) -> int:
    return max(math.ceil(math.log2(tokens)), 1)


class EncoderLayer(nn.Module):
    """x + M(x) + flip(M'(flip(x))), norm, feed-forward with its own residual, norm. The convolutions have width 1."""

    def __init__(self, config: SMambaConfig):
        super().__init__()
        width = config.d_model
        self.attention, self.attention_r = Mamba(config), Mamba(config)
        self.conv1, self.conv2 = nn.Conv1d(width, config.d_ff, 1), nn.Conv1d(config.d_ff, width, 1)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.activation = nn.GELU() if config.activation == "gelu" else nn.ReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the new tokens and what the forward direction of Mamba added."""
        onward = self.attention(x)
        x = self.norm1(x + onward + self.attention_r(x.flip(1)).flip(1))
        y = self.dropout(self.activation(_pointwise(self.conv1, x)))
        return self.norm2(x + self.dropout(_pointwise(self.conv2, y))), onward


def _pointwise(conv: nn.Conv1d, x: Tensor) -> Tensor:
    return nn.functional.linear(x, conv.weight[:, :, 0], conv.bias)


class Encoder(nn.Module):
    def __init__(self, config: SMambaConfig):
        super().__init__()
        self.attn_layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.e_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = None
        for layer in self.attn_layers:
            x, onward = layer(x)
            first = onward if first is None else first
        return self.norm(x), first


class InvertedEmbedding(nn.Module):
    """A window of every variate, and of every time mark, to a token: [batch, points, V] to [batch, V, d_model]."""

    def __init__(self, config: SMambaConfig):
        super().__init__()
        self.value_embedding = nn.Linear(config.seq_len, config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, marks: Tensor | None) -> Tensor:
        series = x if marks is None else torch.cat([x, marks], dim=2)
        return self.dropout(self.value_embedding(series.transpose(1, 2)))


class SMamba(nn.Module):
    def __init__(self, config: SMambaConfig):
        super().__init__()
        self.config = config
        self.enc_embedding = InvertedEmbedding(config)
        self.encoder = Encoder(config)
        self.projector = nn.Linear(config.d_model, config.pred_len)

    def forward(self, x_enc: Tensor, x_mark_enc: Tensor | None = None) -> dict[str, Tensor]:
        """x_enc: [batch, seq_len, variates], without gaps; x_mark_enc: [batch, seq_len, marks], never normalised.

        y [batch, pred_len, variates]; layer0_attention_out and enc_out [batch, variates + marks, d_model]. The order of
        the variates matters: keep the one of training.
        """
        if x_enc.shape[1] != self.config.seq_len:
            raise ValueError(f"x_enc has {x_enc.shape[1]} points, the model reads {self.config.seq_len}")
        x = x_enc
        if self.config.use_norm:
            mean = x.mean(dim=1, keepdim=True)
            x = x - mean
            scale = (x.var(dim=1, keepdim=True, unbiased=False) + NORM_FLOOR).sqrt()
            x = x / scale
        tokens, first = self.encoder(self.enc_embedding(x, x_mark_enc))
        y = self.projector(tokens).transpose(1, 2)[:, :, : x.shape[2]]
        if self.config.use_norm:
            y = y * scale + mean
        return {"y": y, "layer0_attention_out": first, "enc_out": tokens}
