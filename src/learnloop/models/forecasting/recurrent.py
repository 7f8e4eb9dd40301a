"""RNN, LSTM and GRU that read the past and forecast all steps at once, or feed their own forecasts back."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.heads import DirectHead
from learnloop.models.forecasting.start import LastSeason, last_season
from learnloop.nn.quantiles import middle
from learnloop.nn.recurrent import LAYERS, CellName, initialise_recurrent


def cells(kind: CellName, inputs: int, hidden: int, layers: int, dropout: float) -> nn.RNNBase:
    """Stacked cells [batch, time, inputs] -> [batch, time, hidden], initialised as in `learnloop.nn.recurrent`."""
    made = LAYERS[kind](inputs, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
    initialise_recurrent(made)
    return made


class DirectRecurrent(nn.Module):
    """h_t = cell([z_t, seen_t, time_t], h_(t-1)), y = head(h at the last step, time ahead).

    z [batch, lookback, variables], seen [batch, lookback], time [batch, lookback + horizon, features]
    -> y [batch, horizon, targets, quantiles]. Steps before a series begins are zeros, and say so by `seen`.
    """

    def __init__(self, reader: nn.RNNBase, spec: WindowSpec) -> None:
        super().__init__()
        self.lookback, self.reader = spec.lookback, reader
        self.head = DirectHead(reader.hidden_size, spec)

    def forward(self, z: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        x = torch.cat([z, seen.unsqueeze(2), time[:, : self.lookback]], 2)  # [batch, lookback, inputs]
        return self.head(self.reader(x)[0][:, -1], time[:, self.lookback :])


class RecursiveRecurrent(nn.Module):
    """h_t = cell([z_t, seen_t, time_(t+1)], h_(t-1)), y_(t+1) = W h_t + b; behind the last known step z_t is y_t.

    Shapes as above. Of the quantiles the middle one is fed back, of other variables their last value. The network
    learns on its own forecasts, through all steps of the horizon: what it is trained for is what it does
    (Venkatraman, Hebert and Bagnell 2015 name what goes wrong otherwise).
    """

    def __init__(self, reader: nn.RNNBase, spec: WindowSpec, start: LastSeason | None = None) -> None:
        super().__init__()
        self.start = start
        self.lookback, self.horizon, self.targets = spec.lookback, spec.horizon, spec.targets
        self.reader, self.middle = reader, middle(spec.quantiles)
        self.shape = (spec.targets, len(spec.quantiles))
        self.output = nn.Linear(reader.hidden_size, spec.targets * len(spec.quantiles))

    def forward(self, z: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        known = time[:, 1 : self.lookback + 1]  # [batch, lookback, features]
        h, state = self.reader(torch.cat([z, seen.unsqueeze(2), known], 2))  # [batch, lookback, hidden]
        others, one = z[:, -1:, self.targets :], torch.ones_like(z[:, :1, :1])
        first = None if self.start is None else self.start(z)  # [batch, horizon, targets, quantiles]
        y = self._emit(h[:, -1:], first, 0)
        steps = [y]
        for step in range(self.lookback + 1, self.lookback + self.horizon):
            x = torch.cat([y[..., self.middle], others, one, time[:, step : step + 1]], 2)  # [batch, 1, inputs]
            h, state = self.reader(x, state)  # [batch, 1, hidden]
            y = self._emit(h, first, step - self.lookback)
            steps.append(y)
        return torch.cat(steps, 1)  # [batch, horizon, targets, quantiles]

    def _emit(self, h: Tensor, first: Tensor | None, step: int) -> Tensor:
        y = self.output(h).unflatten(2, self.shape)  # [batch, 1, targets, quantiles]
        return y if first is None else y + first[:, step : step + 1]


class _RecurrentConfig(ForecastConfig):
    """What the three share."""

    cell: ClassVar[CellName]
    rate: ClassVar[float] = 3e-3
    reach: ClassVar[int] = 3

    hidden: int = Field(64, ge=1, description="units of each layer")
    layers: int = Field(1, ge=1, le=16, description="layers of cells, one on top of the other")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of units switched off between layers in each step")
    recursive: bool = Field(False, description="forecast one step and feed it back, instead of all steps at once")

    @property
    def reads_others(self) -> bool:
        return True

    def body(self, spec: WindowSpec) -> nn.Module:
        inputs = spec.variables + 1 + spec.features
        reader = cells(self.cell, inputs, self.hidden, self.layers, self.dropout)
        if self.recursive:
            return RecursiveRecurrent(reader, spec, last_season(spec, self.start))
        return DirectRecurrent(reader, spec)

    def started(self, spec: WindowSpec) -> nn.Module:
        return self.body(spec) if self.recursive else super().started(spec)

    def suggest(self, windows: int, spec: WindowSpec, minutes: float | None) -> dict[str, Any]:
        return {**super().suggest(windows, spec, minutes), "train.clip": 0.5}


class RNNForecastConfig(_RecurrentConfig):
    """h_t = tanh(W x_t + U h_(t-1) + b), y = V h at the last step. Elman 1990."""

    title: ClassVar[str] = "RNN: a plain recurrent network that reads the past and forecasts"
    source: ClassVar[str] = "Elman 1990, Finding Structure in Time"
    cell: ClassVar[CellName] = "rnn"
    rate: ClassVar[float] = 1e-3


class LSTMForecastConfig(_RecurrentConfig):
    """c_t = f c_(t-1) + i tanh(W x_t + U h_(t-1) + b), h_t = o tanh(c_t), y = V h at the last step.

    Hochreiter and Schmidhuber 1997, forget gates: Gers et al. 2000.
    """

    title: ClassVar[str] = "LSTM: gated cells that read the past and forecast"
    source: ClassVar[str] = "Hochreiter and Schmidhuber 1997, Long Short-Term Memory"
    cell: ClassVar[CellName] = "lstm"


class GRUForecastConfig(_RecurrentConfig):
    """h_t = (1 - z) tanh(W x_t + r U h_(t-1) + b) + z h_(t-1), y = V h at the last step. Cho et al. 2014."""

    title: ClassVar[str] = "GRU: gated cells, a third cheaper than an LSTM's, that read the past and forecast"
    source: ClassVar[str] = "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder"
    cell: ClassVar[CellName] = "gru"
