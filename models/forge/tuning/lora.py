"""LoRA (arXiv 2106.09685): low-rank adapters on linear layers, W + (alpha / r) B A, merged into W before export."""

import re

import torch
from torch import Tensor, nn

ALPHA_A_RANK = 2.0  # alpha = 2 r
# Time-MoE: attention, shared expert, head; the router stays, or points would change experts. Others: all linear layers.
_ADAPTED = {"time-moe": re.compile(r"(self_attn\.[qkvo]_proj|shared_expert\.(gate|up|down)_proj|head\..*)$")}


class LoraLinear(nn.Module):
    """A frozen linear layer and its adapter; B starts at 0, so that the first forward pass is the layer's own."""

    def __init__(self, layer: nn.Linear, rank: int):
        super().__init__()
        self.layer, self.scale = layer, ALPHA_A_RANK
        layer.requires_grad_(False)
        rank = min(rank, layer.in_features, layer.out_features)
        self.a = nn.Parameter(torch.randn(rank, layer.in_features) * layer.in_features**-0.5)
        self.b = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.scale * (x @ self.a.T @ self.b.T)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        self.layer.weight += self.scale * self.b @ self.a
        return self.layer


def add_lora(model: nn.Module, family: str, rank: int, seed: int = 1) -> int:
    """Freezes the model and puts adapters on the linear layers of its family. The number of weights to train."""
    model.requires_grad_(False)
    torch.manual_seed(seed)
    pattern = _ADAPTED.get(family)
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and (pattern is None or pattern.search(name)):
            _replace(model, name, LoraLinear(layer, rank))
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    if not trained:
        raise ValueError(f"--lora: the family {family} has no linear layer to adapt")
    return trained


def merge_lora(model: nn.Module) -> None:
    """Puts the adapters into the layers: the same function, with the modules and weights of before."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, LoraLinear):
            _replace(model, name, layer.merged())


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, module)
