"""Time-MoE (arXiv 2409.16040, ICLR 2025), with the tensor names of the official checkpoints.

A decoder-only transformer over points: every point of a normalised window is one token, every layer has causal
attention with rotary positions and a mixture of experts, and four heads forecast 1, 8, 32 and 64 points at once. Longer
forecasts are decoded greedily: see `next_horizon`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

HUBER = 2.0  # delta of the loss
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


def next_horizon(remaining: int, horizons: tuple[int, ...]) -> int:
    """Greedy multi-resolution schedule (§3.3): the longest head that does not overshoot, else the shortest."""
    chosen = horizons[0]
    for horizon in horizons:
        if horizon > remaining:
            break
        chosen = horizon
    return chosen


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

    All experts compute all points and the weights of those not chosen are 0: the same numbers as sparse routing, in
    plain operators.
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
        routed = (self._experts(x) * weights.flatten(0, 1).T[..., None]).sum(dim=0).reshape(x.shape)
        return routed + self.shared_expert_gate(x).sigmoid() * self.shared_expert(x), logits

    def _experts(self, x: Tensor) -> Tensor:
        """What every expert makes of every point: [experts, batch * points, width]."""
        gate, up, down = (
            torch.stack([getattr(expert, name).weight.T for expert in self.experts])
            for name in ("gate_proj", "up_proj", "down_proj")
        )
        x = x.flatten(0, 1)[None]
        return (nn.functional.silu(x @ gate) * (x @ up)) @ down


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


class Decoder(nn.Module):
    def __init__(self, config: TimeMoeConfig):
        super().__init__()
        self.config = config
        self.embed_layer = PointEmbedding(config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = RmsNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, seen: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        positions = Positions.of(seen, x.shape[1], self.config)
        x, presents, routers = self.embed_layer(x), [], []
        for index, layer in enumerate(self.layers):
            x, present, logits = layer(x, positions, None if past is None else past[:, index])
            presents.append(present)
            if logits is not None:
                routers.append(logits)
        return self.norm(x), torch.stack(presents, dim=1), routers


class HorizonHead(nn.Module):
    def __init__(self, width: int, horizon: int):
        super().__init__()
        self.out_layer = nn.Linear(width, horizon, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_layer(x)


class TimeMoe(nn.Module):
    def __init__(self, config: TimeMoeConfig):
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        self.lm_heads = nn.ModuleList(HorizonHead(config.hidden_size, one) for one in config.horizon_lengths)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        past_mask: Tensor | None = None,
        past_key_values: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """input_values: normalised, [batch, points]; attention_mask: [batch, points], 0 for padding on the left.
        past_mask [batch, past] and past_key_values [batch, layers, 2, heads, past, head size]: present_mask and
        present_key_values of the call before.

        head_H_last [batch, H] for every head, at the last point; head_first_all_positions [batch, points, first H];
        final_norm_last [batch, width]; router_logits_last [batch, layers, experts] and selected_experts_last [batch,
        layers, chosen], ascending.
        """
        mask = torch.ones_like(input_values) if attention_mask is None else attention_mask.to(input_values.dtype)
        seen = mask if past_mask is None else torch.cat([past_mask, mask], dim=1)
        hidden, present, routers = self.model(input_values, seen, past_key_values)
        last = hidden[:, -1]
        outputs = {
            f"head_{horizon}_last": head(last)
            for horizon, head in zip(self.config.horizon_lengths, self.lm_heads, strict=True)
        }
        outputs |= {"present_key_values": present, "present_mask": seen}
        outputs |= {"head_first_all_positions": self.lm_heads[0](hidden), "final_norm_last": last}
        if routers:
            logits = torch.stack([one[:, -1] for one in routers], dim=1)
            chosen = logits.softmax(dim=-1).topk(self.config.num_experts_per_tok, dim=-1).indices.sort(dim=-1).values
            outputs |= {"router_logits_last": logits, "selected_experts_last": chosen}
        return outputs

    def generate(
        self, input_values: Tensor, horizon: int, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, list[tuple[int, int, int]]]:
        """Forecast [batch, horizon] in the space of the inputs, and for every call: new points, head, cached points."""
        points, parts, calls = input_values, [], []
        mask, past_mask, past, cached, made = attention_mask, None, None, 0, 0
        while made < horizon:
            head = next_horizon(horizon - made, self.config.horizon_lengths)
            calls.append((points.shape[1], head, cached))
            cached += points.shape[1]
            outputs = self(points, mask, past_mask, past)
            past_mask, past, mask = outputs["present_mask"], outputs["present_key_values"], None
            points = outputs[f"head_{head}_last"]
            parts.append(points)
            made += head
        return torch.cat(parts, dim=1)[:, :horizon], calls

    def loss(self, input_values: Tensor, labels: Tensor, loss_masks: Tensor | None = None) -> Tensor:
        """Mean over the heads of Huber losses (Eq. 9) and the balance of the experts (Eq. 10).

        labels: [batch, points], the value after each input; a head at point t forecasts labels t to t + H - 1. Labels
        behind the end are 0, and count where no mask is given, as in the official code.
        """
        beyond = torch.full_like(labels[:, :1], 1.0 if loss_masks is None else 0.0)
        return self.masked_loss(
            input_values, labels, torch.ones_like(labels) if loss_masks is None else loss_masks, beyond
        )

    def masked_loss(self, input_values: Tensor, labels: Tensor, loss_masks: Tensor, beyond: Tensor) -> Tensor:
        """beyond: [batch, 1], how much a label behind the end counts."""
        hidden, _, routers = self.model(input_values, torch.ones_like(input_values), None)
        losses = []
        for horizon, head in zip(self.config.horizon_lengths, self.lm_heads, strict=True):
            target, mask = _ahead(labels, torch.zeros_like(beyond), horizon), _ahead(loss_masks, beyond, horizon)
            error = (head(hidden) - target).abs()
            huber = torch.where(error < HUBER, 0.5 * error * error, HUBER * (error - 0.5 * HUBER))
            losses.append((huber * mask).sum() / mask.sum())
        loss = torch.stack(losses).mean()
        if self.config.apply_aux_loss:
            loss = loss + self.config.router_aux_loss_factor * self._imbalance(routers)
        return loss

    def _imbalance(self, routers: list[Tensor]) -> Tensor:
        """experts * Σ over slots and experts of (share of the points sent) * (mean probability)."""
        probabilities = torch.cat([one.flatten(0, 1) for one in routers]).softmax(dim=-1)
        experts = self.config.num_experts
        chosen = probabilities.topk(self.config.num_experts_per_tok, dim=-1).indices
        share = nn.functional.one_hot(chosen, experts).to(probabilities.dtype).mean(dim=0)
        return experts * (share * probabilities.mean(dim=0)).sum()


def _ahead(x: Tensor, beyond: Tensor, horizon: int) -> Tensor:
    """[batch, points] to [batch, points, horizon]: the values from each point on, `beyond` behind the end."""
    padded = torch.cat([x, beyond.expand(-1, horizon)], dim=1)
    position = torch.arange(x.shape[1], device=x.device)[:, None] + torch.arange(horizon, device=x.device)
    return padded[:, position]
