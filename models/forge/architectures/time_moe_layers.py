"""Settings and layers of Time-MoE (arXiv 2409.16040, section 3.2): see time_moe.py for the model."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

MASKED = -1e9  # added to the logit of a key that may not be seen; finite, so that a row of padding stays finite


@dataclass(frozen=True)
class TimeMoeConfig:
    """The defaults are those of the published 50M model."""

    hidden_size: int = 384
    intermediate_size: int = 1536
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    num_key_value_heads: int | None = None
    num_experts: int = 8
    num_experts_per_tok: int = 2
    horizon_lengths: tuple[int, ...] = (1, 8, 32, 64)
    max_position_embeddings: int = 4096
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6
    attention_dropout: float = 0.0
    use_dense: bool = False
    apply_aux_loss: bool = True
    router_aux_loss_factor: float = 0.02

    def __post_init__(self):
        if self.hidden_size % self.num_attention_heads or self.head_size % 2:
            raise ValueError(
                f"hidden_size {self.hidden_size} does not give {self.num_attention_heads} heads of an even size"
            )
        if self.num_attention_heads % self.key_value_heads:
            raise ValueError(f"num_attention_heads is no multiple of num_key_value_heads {self.key_value_heads}")
        if not 0 < self.num_experts_per_tok <= self.num_experts:
            raise ValueError(f"num_experts_per_tok is {self.num_experts_per_tok} of {self.num_experts} experts")
        if self.use_dense and self.apply_aux_loss:
            raise ValueError("use_dense has no router: set apply_aux_loss to false")
        if not self.horizon_lengths or min(self.horizon_lengths) < 1:
            raise ValueError(f"horizon_lengths is {list(self.horizon_lengths)}")

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.num_attention_heads

    @property
    def key_value_heads(self) -> int:
        return self.num_key_value_heads or self.num_attention_heads


class RmsNorm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * (x.pow(2).mean(dim=-1, keepdim=True) + self.eps).rsqrt())


class SwiGlu(nn.Module):
    """W_down(silu(W_gate x) * W_up x): one expert, the shared expert, or the feed-forward layer of a dense model."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))


class PointEmbedding(nn.Module):
    """Eq. 1: silu(W x) * V x of every point, [batch, points] to [batch, points, width]."""

    def __init__(self, width: int):
        super().__init__()
        self.gate_layer, self.emb_layer = nn.Linear(1, width, bias=False), nn.Linear(1, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x[..., None]
        return nn.functional.silu(self.gate_layer(x)) * self.emb_layer(x)


@dataclass(frozen=True)
class Positions:
    """What all layers of a call share: the rotation of its points, and which keys each of them may see.

    cosine, sine: [batch, 1, points, head size]; mask: [batch, 1, points, past + points], added to the logits.
    """

    cosine: Tensor
    sine: Tensor
    mask: Tensor

    @classmethod
    def of(cls, seen: Tensor, points: int, config: TimeMoeConfig) -> "Positions":
        """seen: float [batch, past + points], 0 for padding. A position counts the seen points before it."""
        total = seen.shape[1]
        position = (seen.cumsum(dim=1) - 1).clamp(min=0)[:, total - points :]
        half = torch.arange(0, config.head_size, 2, device=seen.device) / config.head_size
        angle = position[:, None, :, None] * (1.0 / config.rope_theta**half)
        angle = torch.cat([angle, angle], dim=-1)
        key = torch.arange(total, device=seen.device)
        future = key[None, :] > key[total - points :, None]
        hidden = future[None, None] | (seen < 0.5)[:, None, None]
        return cls(angle.cos(), angle.sin(), hidden * MASKED)

    def rotate(self, x: Tensor) -> Tensor:
        """Rotary embedding of the first and second half of a head: [batch, heads, points, head size]."""
        first, second = x.chunk(2, dim=-1)
        return x * self.cosine + torch.cat([-second, first], dim=-1) * self.sine


class Attention(nn.Module):
    def __init__(self, config: TimeMoeConfig):
        super().__init__()
        self.config = config
        width, keys = config.hidden_size, config.key_value_heads * config.head_size
        self.q_proj, self.o_proj = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.k_proj, self.v_proj = nn.Linear(width, keys), nn.Linear(width, keys)

    def forward(self, x: Tensor, positions: Positions, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """past: keys and values [batch, 2, heads, past, head size]; returned with those of x behind."""
        query, key, value = (self._split(project(x)) for project in (self.q_proj, self.k_proj, self.v_proj))
        present = torch.stack([positions.rotate(key), value], dim=1)
        if past is not None:
            present = torch.cat([past, present], dim=3)
        key, value = (self._for_all_heads(one) for one in present.unbind(1))
        logits = positions.rotate(query) @ key.transpose(-1, -2) * self.config.head_size**-0.5
        weights = nn.functional.dropout(
            (logits + positions.mask).softmax(dim=-1), self.config.attention_dropout, self.training
        )
        return self.o_proj((weights @ value).transpose(1, 2).flatten(2)), present

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.config.head_size)).transpose(1, 2)

    def _for_all_heads(self, x: Tensor) -> Tensor:
        """Grouped-query attention: several heads look at the same keys and values."""
        group = self.config.num_attention_heads // self.config.key_value_heads
        return x if group == 1 else x.repeat_interleave(group, dim=1)


class MixtureOfExperts(nn.Module):
    """Eq. 5-7: the chosen experts, weighed by their router probabilities as they are (they do not sum to 1), and the
    shared expert behind a sigmoid gate.

    In PyTorch all experts compute all points and the weights of those not chosen are 0; an exported graph gathers the
    points of each expert: the same numbers.
    """

    def __init__(self, config: TimeMoeConfig):
        super().__init__()
        width, self.chosen = config.hidden_size, config.num_experts_per_tok
        self.gate = nn.Linear(width, config.num_experts, bias=False)
        hidden = config.intermediate_size // config.num_experts_per_tok
        self.experts = nn.ModuleList(SwiGlu(width, hidden) for _ in range(config.num_experts))
        self.shared_expert = SwiGlu(width, config.intermediate_size)
        self.shared_expert_gate = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, points, width] to the same, and router logits [batch, points, experts]."""
        logits = self.gate(x)
        probabilities = logits.softmax(dim=-1)
        top, experts = probabilities.topk(self.chosen, dim=-1)
        weights = torch.zeros_like(probabilities).scatter(-1, experts, top)
        put_together = self._gathered if torch.compiler.is_exporting() else self._dense
        routed = put_together(x.flatten(0, 1), weights.flatten(0, 1)).reshape(x.shape)
        return routed + self.shared_expert_gate(x).sigmoid() * self.shared_expert(x), logits

    def _dense(self, x: Tensor, weights: Tensor) -> Tensor:
        """Every expert computes every point: [points, width] and [points, experts] to [points, width]."""
        gate, up, down = (
            torch.stack([getattr(expert, name).weight.T for expert in self.experts])
            for name in ("gate_proj", "up_proj", "down_proj")
        )
        said = (nn.functional.silu(x[None] @ gate) * (x[None] @ up)) @ down
        return (said * weights.T[..., None]).sum(dim=0)

    def _gathered(self, x: Tensor, weights: Tensor) -> Tensor:
        """The same from the points that chose each expert, in less than half the time (experiments/time-moe-50m)."""
        routed = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            own = weights[:, index]
            places = own.nonzero().squeeze(-1)
            routed = routed.index_put((places,), expert(x[places]) * own[places, None], accumulate=True)
        return routed


class DecoderLayer(nn.Module):
    def __init__(self, config: TimeMoeConfig):
        super().__init__()
        width = config.hidden_size
        self.self_attn = Attention(config)
        self.ffn_layer = SwiGlu(width, config.intermediate_size) if config.use_dense else MixtureOfExperts(config)
        self.input_layernorm = RmsNorm(width, config.rms_norm_eps)
        self.post_attention_layernorm = RmsNorm(width, config.rms_norm_eps)

    def forward(self, x: Tensor, positions: Positions, past: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        attended, present = self.self_attn(self.input_layernorm(x), positions, past)
        x = x + attended
        y = self.ffn_layer(self.post_attention_layernorm(x))
        y, logits = y if isinstance(y, tuple) else (y, None)
        return x + y, present, logits
