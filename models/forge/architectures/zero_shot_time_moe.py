"""Our zero-shot Time-MoE: the decoder layers of Time-MoE (arXiv 2409.16040) over patches instead of points.

Ours: a token is a patch with our computed inputs (512 points are 16 tokens, not 512, which is what makes it cheap), and
the future is asked for by tokens that hold copies of earlier cycles. The paper's are the gated embedding, rotary
positions, causal attention, RMSNorm, the shared expert and the top 2 of 8 experts with their balance loss.
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from .quantile_head import NaiveMixHead
from .time_moe import imbalance
from .time_moe_layers import DecoderLayer, Positions, RmsNorm, TimeMoeConfig
from .zero_shot import INPUT_CHANNELS, ZeroShotForecaster, as_patches


@dataclass(frozen=True)
class ZeroShotTimeMoeConfig:
    context_length: int = 512
    prediction_length: int = 96
    patch_length: int = 32
    hidden_size: int = 128
    intermediate_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_experts: int = 8
    num_experts_per_tok: int = 2
    router_aux_loss_factor: float = 0.02

    @property
    def decoder(self) -> TimeMoeConfig:
        return TimeMoeConfig(
            hidden_size=self.hidden_size,
            intermediate_size=self.intermediate_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            num_experts=self.num_experts,
            num_experts_per_tok=self.num_experts_per_tok,
            router_aux_loss_factor=self.router_aux_loss_factor,
        )

    def to_dict(self) -> dict:
        return asdict(self)


class PatchEmbedding(nn.Module):
    """Eq. 1 on a patch: silu(W x) * V x."""

    def __init__(self, points: int, width: int):
        super().__init__()
        self.gate_layer, self.emb_layer = nn.Linear(points, width), nn.Linear(points, width)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(self.gate_layer(x)) * self.emb_layer(x)


class ZeroShotTimeMoe(ZeroShotForecaster):
    def __init__(self, config: ZeroShotTimeMoeConfig):
        super().__init__(config.context_length, config.prediction_length)
        self.config = config
        decoder = config.decoder
        self.future_patches = config.prediction_length // config.patch_length
        self.embed_layer = PatchEmbedding(config.patch_length * INPUT_CHANNELS, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(decoder) for _ in range(config.num_hidden_layers))
        self.norm = RmsNorm(config.hidden_size, decoder.rms_norm_eps)
        self.head = NaiveMixHead(config.hidden_size, config.patch_length)

    def quantiles_of(self, channels: Tensor, naive: Tensor) -> Tensor:
        x = self.embed_layer(as_patches(channels, self.config.patch_length))
        positions = Positions.of(self._seen(channels), x.shape[1], self.config.decoder)
        routers = []
        for layer in self.layers:
            x, _, logits = layer(x, positions, None)
            routers.append(logits)
        if self.training:
            self.auxiliary_loss = self.config.router_aux_loss_factor * imbalance(routers, self.config.decoder)
        return self.head(self.norm(x)[:, -self.future_patches :], naive)

    def _seen(self, channels: Tensor) -> Tensor:
        """[batch, tokens]: 1 where a patch of the context has an observed point, and for every patch of the future."""
        length = self.config.patch_length
        mask = channels[:, 1].reshape(channels.shape[0], channels.shape[2] // length, length).amax(dim=2)
        future = torch.ones_like(mask[:, -self.future_patches :])
        return torch.cat([mask[:, : -self.future_patches], future], dim=1)
