"""What TTM puts before its mixer layers: patches of several scales, and tokens of frequency, spectrum and registers."""

import math

import torch
from torch import Tensor, nn


class MultiScalePatcher(nn.Module):
    """TTM r3: patches of the window averaged over 1, 2, 4, … points, coarsest first, each scale with its projection.

    A remainder at the tail is dropped by the averaging, one at the head by the cut into patches.
    """

    def __init__(self, context: int, patch_length: int, features: int):
        super().__init__()
        self.patch_length = patch_length
        scales = len(scale_lengths(context, patch_length))
        self.projectors = nn.ModuleList(nn.Linear(patch_length, features) for _ in range(scales))

    def forward(self, patches: Tensor) -> Tensor:
        """[batch, channels, patches, patch_length] to [batch, channels, patches of all scales, features]."""
        x = patches.flatten(-2)
        scales = []
        for level, length in enumerate(scale_lengths(x.shape[-1], self.patch_length)):
            averaged = x[..., : length * 2**level].unflatten(-1, (length, 2**level)).mean(dim=-1)
            count = length // self.patch_length
            whole = averaged[..., length - count * self.patch_length :]
            scales.append(self.projectors[level](whole.unflatten(-1, (count, self.patch_length))))
        return torch.cat(scales[::-1], dim=2)


def scale_lengths(context: int, patch_length: int) -> list[int]:
    """Points of every scale that holds a patch, finest first."""
    lengths = [context // 2**level for level in range(context.bit_length())]
    return [length for length in lengths if length >= patch_length]


class RegisterTokens(nn.Module):
    """TTM r3: learned tokens, the same for every series."""

    def __init__(self, count: int, features: int):
        super().__init__()
        self.patch_tokens = nn.Parameter(torch.randn(count, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.patch_tokens.expand(*x.shape[:2], -1, -1), x], dim=2)


def resolution_prefix(vocabulary: int, patch_length: int, features: int) -> nn.Sequential:
    """Resolution prefix tuning: the id of a frequency [batch] to a token [batch, features]."""
    middle = (patch_length + features) // 2
    return nn.Sequential(
        nn.Embedding(vocabulary, patch_length),
        nn.Linear(patch_length, middle),
        nn.GELU(),
        nn.Linear(middle, features),
    )


class SpectrumTokens(nn.Module):
    """TTM r3: tokens of the strongest bins of the window's spectrum, strongest first.

    A token is the embedding of its bin, or an MLP of bin / bins. `single` concatenates them and projects to one token.
    Equal bins are taken in their order, so that a constant window gets the same tokens everywhere. The spectrum comes
    from products with Fourier tables: plain operators in every runtime.
    """

    def __init__(
        self,
        context: int,
        features: int,
        count: int,
        embed: bool,
        single: bool,
        ignore_mean: bool,
        width_range: tuple[int, int],
    ):
        super().__init__()
        self.context, self.bins, self.ignore_mean = context, context // 2 + 1, ignore_mean
        self.count = min(count, self.bins)
        low, high = width_range
        width = max(low, min(high, max(1, features // self.count))) if single else features
        self.freq_embedding = nn.Embedding(self.bins, width) if embed else None
        if not embed:
            self.freq_index_mlp = nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width))
        self.freq_concat_proj = nn.Linear(self.count * width, features) if single else None
        angle = 2 * math.pi / context * torch.outer(torch.arange(context), torch.arange(self.bins)).double()
        self.register_buffer("cosine", angle.cos().float(), persistent=False)
        self.register_buffer("sine", angle.sin().float(), persistent=False)

    def forward(self, x: Tensor, scaled: Tensor, bins: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x: tokens [batch, channels, tokens, features]; scaled: [batch, context, channels]; bins: given instead of
        found, [batch, channels, count]. Returns the tokens with the new ones in front, and the bins."""
        if bins is None:
            bins = self.strongest_bins(scaled[:, : self.context].transpose(1, 2))
        if self.freq_embedding is not None:
            tokens = self.freq_embedding(bins)
        else:
            tokens = self.freq_index_mlp((bins.float() / self.bins)[..., None])
        if self.freq_concat_proj is not None:
            tokens = self.freq_concat_proj(tokens.flatten(-2))[:, :, None]
        return torch.cat([tokens, x], dim=2), bins

    def strongest_bins(self, series: Tensor) -> Tensor:
        """[batch, channels, context] to int64 [batch, channels, count]."""
        power = (series @ self.cosine) ** 2 + (series @ self.sine) ** 2
        if self.ignore_mean:
            power = torch.cat([torch.zeros_like(power[..., :1]), power[..., 1:]], dim=-1)
        if torch.compiler.is_exporting():  # TopK of ONNX takes equals in their order, that of PyTorch does not
            return power.topk(self.count, dim=-1).indices
        return power.sort(dim=-1, descending=True, stable=True).indices[..., : self.count]
