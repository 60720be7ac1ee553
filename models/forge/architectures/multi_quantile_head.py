"""The quantile head of TTM r3: quantiles around a point forecast that cannot cross by construction."""

import torch
from torch import Tensor, nn

CONDITION_PATHS = ("pool", "flatten")
CONDITION_MODES = ("add", "concat")
MEDIANS = ("median", "mean")


class MultiQuantileHead(nn.Module):
    """Scaled forecast -> convolution -> instance norm over the horizon -> steps down and up from the median.

    The decoder's state may condition it: `pool` takes the mean of its patches, `flatten` a projection of all of them.
    `levels` are ascending, as many below 0.5 as above it.
    """

    def __init__(
        self,
        levels: int,
        hidden: int,
        kernel_size: int,
        minimum_step: float,
        shifts_median: bool,
        condition: tuple[str, str] | None = None,
        decoder: tuple[int, int, int] = (0, 0, 0),
    ):
        """condition: path and mode; decoder: its patches, their width, and the width of a patch's projection."""
        super().__init__()
        self.side, self.minimum_step, self.shifts_median = levels // 2, minimum_step, shifts_median
        self.condition = condition
        self.dw = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2)
        self.inorm = nn.InstanceNorm1d(1, affine=True)
        self.pw1 = nn.Conv1d(1, hidden, 1)
        self.pw2 = nn.Conv1d(2 * hidden if condition and condition[1] == "concat" else hidden, levels, 1)
        patches, width, projected = decoder
        if condition and condition[0] == "pool":
            self.dec_proj = nn.Linear(width, hidden)
        elif condition:
            self.dec_tok_proj = nn.Linear(width, projected)
            self.dec_flat_to_hidden = nn.Linear(patches * projected, hidden)

    def forward(self, forecast: Tensor, decoded: Tensor) -> Tensor:
        """forecast: scaled, [batch, horizon, channels]; decoded: [batch, channels, patches, width].

        Returns scaled quantiles, ascending, [batch, levels, horizon, channels].
        """
        point = forecast.transpose(1, 2)
        x = self.inorm(self.dw(point.reshape(-1, 1, point.shape[-1])))
        x = nn.functional.gelu(self.pw1(x))
        if self.condition:
            condition = self._condition(decoded).flatten(0, 1)[..., None]
            x = x + condition if self.condition[1] == "add" else torch.cat([x, condition.expand_as(x)], dim=1)
        steps = self.pw2(x).unflatten(0, (-1, point.shape[1]))  # [batch, channels, levels, horizon]

        median = point[:, :, None]
        if self.shifts_median:
            median = median + steps[:, :, :1]
        down, up = (nn.functional.softplus(one) + self.minimum_step for one in steps[:, :, 1:].chunk(2, dim=2))
        below, above = median - down.cumsum(dim=2), median + up.cumsum(dim=2)
        return torch.cat([below.flip(2), median, above], dim=2).permute(0, 2, 3, 1)

    def _condition(self, decoded: Tensor) -> Tensor:
        """[batch, channels, hidden]."""
        if self.condition[0] == "pool":
            return self.dec_proj(decoded.mean(dim=2))
        return self.dec_flat_to_hidden(self.dec_tok_proj(decoded).flatten(start_dim=2))
