"""The head of our zero-shot models (ours): a learned mix of naive forecasts, and quantiles around it."""

import torch
from torch import Tensor, nn

LEVELS = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
NAIVE_FORECASTS = 5  # last value, two lag copies, mean of cycles, window mean
MIN_GAP = 1e-4  # between neighbouring quantiles in asinh space: rounding can never cross them


class NaiveMixHead(nn.Module):
    """The median is a convex mix of naive forecasts plus an offset, read from the token of each future step.

    The other quantiles go up and down from it by positive gaps, so that they cannot cross.
    """

    def __init__(self, width: int, steps_per_token: int, norm_eps: float = 1e-5):
        super().__init__()
        self.outputs = NAIVE_FORECASTS + len(LEVELS)
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.mix_block = nn.Linear(width, steps_per_token * self.outputs)
        nn.init.normal_(self.mix_block.weight, std=0.002)
        nn.init.zeros_(self.mix_block.bias)
        with torch.no_grad():  # neighbouring quantiles start about a tenth of a standard deviation apart
            self.mix_block.bias.view(steps_per_token, self.outputs)[:, NAIVE_FORECASTS + 1 :] = -2.2

    def forward(self, future: Tensor, naive: Tensor) -> Tensor:
        """future: [batch, tokens, width]; naive: [batch, prediction, naive forecasts], prediction being tokens times
        steps a token. Quantiles [batch, prediction, levels]."""
        out = self.mix_block(self.norm(future)).float().reshape(-1, naive.shape[1], self.outputs)
        weights = out[..., :NAIVE_FORECASTS].softmax(dim=-1)
        median = (weights * naive).sum(dim=-1) + out[..., NAIVE_FORECASTS]
        gaps = _softplus(out[..., NAIVE_FORECASTS + 1 :]) + MIN_GAP
        half = len(LEVELS) // 2
        below, above = [median], [median]
        for step in range(half):
            below.append(below[-1] - gaps[..., step])
            above.append(above[-1] + gaps[..., half + step])
        return torch.stack(below[:0:-1] + above, dim=-1)


def _softplus(x: Tensor) -> Tensor:
    """Spelled out, because not every ONNX Runtime provider has the operator."""
    return x.relu() + torch.log1p(torch.exp(-x.abs()))
