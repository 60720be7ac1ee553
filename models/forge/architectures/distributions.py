"""Parameters of a distribution for every step, as the nll loss of PatchTSMixer trains them."""

import torch
from torch import Tensor, nn

PARAMETERS = {
    "student_t": ("df", "loc", "scale"),
    "normal": ("loc", "scale"),
    "negative_binomial": ("total_count", "logits"),
}
POSITIVE = ("df", "scale", "total_count")


class DistributionProjection(nn.Module):
    """One linear layer a parameter; what must be positive goes through squareplus, df stays above 2.

    [..., inputs] to a tuple of [..., horizon], in scaled space and in the order of PARAMETERS.
    """

    def __init__(self, inputs: int, horizon: int, distribution: str):
        super().__init__()
        if distribution not in PARAMETERS:
            raise ValueError(f"distribution_output is {distribution!r}: give one of {', '.join(PARAMETERS)}")
        self.names = PARAMETERS[distribution]
        self.proj = nn.ModuleList(nn.Linear(inputs, horizon) for _ in self.names)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(_to_domain(name, layer(x)) for name, layer in zip(self.names, self.proj, strict=True))


def _to_domain(name: str, x: Tensor) -> Tensor:
    if name not in POSITIVE:
        return x
    x = (x + (x * x + 4.0).sqrt()) / 2  # squareplus
    if name == "scale":
        return x.clamp(min=torch.finfo(x.dtype).eps)
    return x + 2.0 if name == "df" else x
