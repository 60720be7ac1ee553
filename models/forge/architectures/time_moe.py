"""Time-MoE (arXiv 2409.16040, ICLR 2025), with the tensor names of the official checkpoints.

A decoder-only transformer over points: every point of a normalised window is one token, every layer has causal
attention with rotary positions and a mixture of experts, and four heads forecast 1, 8, 32 and 64 points at once. Longer
forecasts are decoded greedily: see `next_horizon`.
"""

import torch
from torch import Tensor, nn

from .time_moe_layers import DecoderLayer, PointEmbedding, Positions, RmsNorm, TimeMoeConfig

HUBER = 2.0  # delta of the loss


def next_horizon(remaining: int, horizons: tuple[int, ...]) -> int:
    """Greedy multi-resolution schedule (§3.3): the longest head that does not overshoot, else the shortest."""
    chosen = horizons[0]
    for horizon in horizons:
        if horizon > remaining:
            break
        chosen = horizon
    return chosen


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
            loss = loss + self.config.router_aux_loss_factor * imbalance(routers, self.config)
        return loss


def imbalance(routers: list[Tensor], config: TimeMoeConfig) -> Tensor:
    """Eq. 10: experts * Σ over slots and experts of (share of the points sent) * (mean probability).

    routers: of every layer, logits [batch, points, experts].
    """
    probabilities = torch.cat([one.flatten(0, 1) for one in routers]).softmax(dim=-1)
    chosen = probabilities.topk(config.num_experts_per_tok, dim=-1).indices
    share = nn.functional.one_hot(chosen, config.num_experts).to(probabilities.dtype).mean(dim=0)
    return config.num_experts * (share * probabilities.mean(dim=0)).sum()


def _ahead(x: Tensor, beyond: Tensor, horizon: int) -> Tensor:
    """[batch, points] to [batch, points, horizon]: the values from each point on, `beyond` behind the end."""
    padded = torch.cat([x, beyond.expand(-1, horizon)], dim=1)
    position = torch.arange(x.shape[1], device=x.device)[:, None] + torch.arange(horizon, device=x.device)
    return padded[:, position]
