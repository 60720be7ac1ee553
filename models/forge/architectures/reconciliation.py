"""Heads that reconcile a base forecast: across channels, and with the sums of its patches."""

import torch
from torch import Tensor, nn

from .mixer_layers import Gate, MixerLayer, MixerOptions, MixerStack


class ForecastChannelMixer(nn.Module):
    """Cross-channel reconciliation of PatchTSMixer (§3.4 of its paper), forecast channel mixing of TTM (§4).

    Every step looks at `reach` steps before and after it in all channels, known future channels included:
    y + W gate(flatten(neighbourhood)). Before the first step come the last values of the context where `prepend_past`
    is on (raw values, as in the official code, though the forecast is in scaled space), else zeros; zeros come after
    the last step. `mixer` (layers, options) puts mixer layers over the channels between neighbourhood and gate.
    """

    def __init__(
        self,
        channels: int,
        exogenous: int,
        reach: int,
        gate: str | None,
        gate_groups: int = 8,
        prepend_past: bool = True,
        past_offset: int = 0,
        mixer: tuple[int, MixerOptions] | None = None,
    ):
        super().__init__()
        if reach < 1:
            raise ValueError(f"fcm_context_length is {reach}: give at least 1")
        self.reach, self.prepend_past, self.past_offset = reach, prepend_past, past_offset
        total, span = channels + exogenous, 2 * reach + 1
        features = 2 * span if mixer else span
        self.fcm_embedding = nn.Linear(span, features) if mixer else nn.Identity()
        self.exog_mixer = _channel_mixers(total, features, *mixer) if mixer else nn.Identity()
        width = total * features
        self.fcm_gating_block = nn.Identity() if gate is None else Gate(width, gate, gate_groups)
        self.mlp = nn.Linear(width, channels)

    def forward(self, forecast: Tensor, past: Tensor, future: Tensor | None = None) -> Tensor:
        """forecast: [batch, horizon, channels]; past: [batch, context, channels + exogenous], forecast channels first;
        future: [batch, horizon, exogenous]. Returns the reconciled forecast."""
        horizon = forecast.shape[1]
        steps = forecast if future is None else torch.cat([forecast, future], dim=-1)
        nothing = torch.zeros_like(steps[:, :1]).expand(-1, self.reach, -1)
        end = past.shape[1] - self.past_offset
        before = past[:, end - self.reach : end] if self.prepend_past else nothing
        extended = torch.cat([before, steps, nothing], dim=1)
        spans = torch.stack([extended[:, i : i + horizon] for i in range(2 * self.reach + 1)], dim=-1)
        features = self.exog_mixer(self.fcm_embedding(spans)).flatten(start_dim=2)
        return forecast + self.mlp(self.fcm_gating_block(features))


class HierarchicalPatchHead(nn.Module):
    """Hierarchical reconciliation of PatchTSMixer, in our reading: no public code has it.

    A side head predicts the mean of every patch of the horizon; each is put beside the fine forecast of its patch and
    a linear layer corrects the fine forecast. With a zero layer, as at the start, nothing changes.
    """

    def __init__(self, inputs: int, horizon: int, patch_length: int):
        super().__init__()
        if horizon % patch_length:
            raise ValueError(f"prediction_length {horizon} is not a multiple of hierarchy_patch_length {patch_length}")
        self.patches = horizon // patch_length
        self.patch_forecast_block = nn.Linear(inputs, self.patches)
        self.correction = nn.Linear(patch_length + 1, patch_length)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)

    def forward(self, features: Tensor, forecast: Tensor) -> tuple[Tensor, Tensor]:
        """features: [batch, channels, inputs]; forecast: [batch, channels, horizon].

        Returns the corrected forecast and the patch means, [batch, channels, patches], both for the loss."""
        means = self.patch_forecast_block(features)
        fine = forecast.unflatten(-1, (self.patches, -1))
        correction = self.correction(torch.cat([fine, means[..., None]], dim=-1))
        return forecast + correction.flatten(-2), means


def _channel_mixers(channels: int, features: int, layers: int, options: MixerOptions) -> MixerStack:
    """Mixer layers in which the channels are the patches: [batch, horizon, channels, features]."""
    patches = channels if channels > 1 else None
    return MixerStack([MixerLayer(None, patches, features, options) for _ in range(layers)])
