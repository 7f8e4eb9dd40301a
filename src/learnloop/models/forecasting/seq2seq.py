"""An LSTM reads the past, another writes the future, and looks back at every step of the past with attention."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.recurrent import cells
from learnloop.nn.attention_rnn import Attention, AttentionName

_PLACE = 8
"""Numbers that stand for how far ahead a step is."""


class Seq2SeqForecaster(nn.Module):
    """m_s = lstm([z_s, seen_s, time_s]), q_k = lstm'([p_k, time_k]) from m's last state, c_k = attention(q_k, m),
    y_k = W [q_k, c_k] + b.

    z [batch, lookback, variables], seen [batch, lookback], time [batch, lookback + horizon, features]
    -> y [batch, horizon, targets, quantiles]; p_k is learnt, for k steps ahead

    Encoder and decoder: Sutskever, Vinyals and Le 2014; the additive score of attention: Bahdanau, Cho and Bengio
    2015. The decoder gets what is known ahead and not its own forecasts, so that all steps are computed in one call;
    attention therefore follows the cell, as in Luong et al. 2015, instead of going into it. Queries and states are
    projected to a smaller width before they are compared: horizon x lookback such vectors are needed.
    """

    def __init__(
        self, spec: WindowSpec, hidden: int, layers: int, dropout: float, kind: AttentionName, width: int
    ) -> None:
        super().__init__()
        self.lookback = spec.lookback
        self.shape = (spec.targets, len(spec.quantiles))
        self.encoder = cells("lstm", spec.variables + 1 + spec.features, hidden, layers, dropout)
        self.decoder = cells("lstm", _PLACE + spec.features, hidden, layers, dropout)
        self.place = nn.Parameter(torch.randn(spec.horizon, _PLACE) * 0.5)
        self.attention = None if kind == "none" else Attention(kind, width)
        self.query = None if kind == "none" else nn.Linear(hidden, width)
        self.memory = None if kind == "none" else nn.Linear(hidden, width)
        self.output = nn.Linear(hidden + (0 if kind == "none" else width), spec.targets * len(spec.quantiles))

    def forward(self, z: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        ahead = time[:, self.lookback :]  # [batch, horizon, features]
        states, end = self.encoder(torch.cat([z, seen.unsqueeze(2), time[:, : self.lookback]], 2))
        places = self.place.expand(len(z), -1, -1)  # [batch, horizon, place]
        found = self.decoder(torch.cat([places, ahead], 2), end)[0]  # [batch, horizon, hidden]
        if self.attention is not None and self.query is not None and self.memory is not None:
            memory = self.memory(states)  # [batch, lookback, width]
            looked = self.attention(self.query(found), self.attention.key(memory), memory, seen > 0)[0]
            found = torch.cat([found, looked], 2)  # [batch, horizon, hidden + width]
        return self.output(found).unflatten(2, self.shape)  # [batch, horizon, targets, quantiles]


class Seq2SeqForecastConfig(ForecastConfig):
    """m = lstm(past), q_k = lstm'(known ahead), y_k = W [q_k, sum over s of a_ks m_s].

    Sutskever et al. 2014, attention: Bahdanau et al. 2015.
    """

    title: ClassVar[str] = "Seq2seq: an LSTM reads the past, another writes the future, with attention"
    source: ClassVar[str] = "Bahdanau, Cho and Bengio 2015, Neural Machine Translation by Jointly Learning to Align"
    rate: ClassVar[float] = 3e-3
    reach: ClassVar[int] = 3

    hidden: int = Field(64, ge=1, description="units of each layer")
    layers: int = Field(1, ge=1, le=16, description="layers of each of the two")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of units switched off between layers in each step")
    attention: AttentionName = Field("additive", description="how a step of the future scores those of the past")
    attention_width: int = Field(8, ge=1, description="numbers by which steps are compared")

    @property
    def reads_others(self) -> bool:
        return True

    def body(self, spec: WindowSpec) -> nn.Module:
        return Seq2SeqForecaster(spec, self.hidden, self.layers, self.dropout, self.attention, self.attention_width)
