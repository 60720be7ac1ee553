"""Our zero-shot S-Mamba: the encoder of S-Mamba (arXiv 2403.11144) over the channels of an item.

The paper's are the token a variate, embedded by one linear layer over its window, and the bidirectional Mamba layers
that let the variates look at each other. Ours: the window carries the mask and copies of earlier cycles, of past and
future, and the head mixes naive forecasts and gives quantiles.
"""

from dataclasses import asdict, dataclass

from torch import Tensor, nn

from .quantile_head import LEVELS, NaiveMixHead
from .s_mamba import Encoder, SMambaConfig
from .zero_shot import INPUT_CHANNELS, ZeroShotForecaster


@dataclass(frozen=True)
class ZeroShotSMambaConfig:
    context_length: int = 512
    prediction_length: int = 96
    d_model: int = 192
    d_ff: int = 384
    d_state: int = 8
    e_layers: int = 4
    dropout: float = 0.0
    max_variates: int = 128

    @property
    def encoder(self) -> SMambaConfig:
        return SMambaConfig(
            d_model=self.d_model,
            d_ff=self.d_ff,
            d_state=self.d_state,
            e_layers=self.e_layers,
            dropout=self.dropout,
            max_variates=self.max_variates,
        )

    def to_dict(self) -> dict:
        return asdict(self)


class ZeroShotSMamba(ZeroShotForecaster):
    multivariate = True

    def __init__(self, config: ZeroShotSMambaConfig):
        super().__init__(config.context_length, config.prediction_length)
        self.config = config
        points = INPUT_CHANNELS * (config.context_length + config.prediction_length)
        self.value_embedding = nn.Linear(points, config.d_model)
        self.encoder = Encoder(config.encoder)
        self.head = NaiveMixHead(config.d_model, config.prediction_length)

    def transformed_quantiles(
        self, past_values: Tensor, past_observed_mask: Tensor, season_candidates: Tensor
    ) -> Tensor:
        """[batch, variates, context], the same, [batch, 4] to [batch, variates, prediction, levels]."""
        variates = past_values.shape[1]
        candidates = season_candidates[:, None].expand(-1, variates, -1)
        channels, naive = self.computed_inputs(
            (past_values * past_observed_mask).asinh().flatten(0, 1),
            past_observed_mask.flatten(0, 1),
            candidates.flatten(0, 1),
        )
        tokens = self.value_embedding(channels.flatten(1)).reshape(-1, variates, self.config.d_model)
        features, _ = self.encoder(tokens)
        quantiles = self.head(features.flatten(0, 1)[:, None], naive)
        return quantiles.reshape(-1, variates, self.config.prediction_length, len(LEVELS))
