"""`FORECAST_MODELS`: networks that forecast series in time, by name. `lstm` here forecasts, `lstm` in `MODELS` answers
a row: the task says which is meant."""

from __future__ import annotations

from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.dlinear import DLinearConfig
from learnloop.models.forecasting.nbeats import NBeatsConfig
from learnloop.models.forecasting.nhits import NHiTSConfig
from learnloop.models.forecasting.patchtst import PatchTSTConfig
from learnloop.models.forecasting.recurrent import GRUForecastConfig, LSTMForecastConfig, RNNForecastConfig
from learnloop.models.forecasting.seq2seq import Seq2SeqForecastConfig
from learnloop.models.forecasting.tcn import TCNConfig

FORECAST_MODELS: dict[str, type[ForecastConfig]] = {
    "nhits": NHiTSConfig,
    "nbeats": NBeatsConfig,
    "dlinear": DLinearConfig,
    "patchtst": PatchTSTConfig,
    "tcn": TCNConfig,
    "lstm": LSTMForecastConfig,
    "gru": GRUForecastConfig,
    "rnn": RNNForecastConfig,
    "seq2seq": Seq2SeqForecastConfig,
}
"""The default first."""
