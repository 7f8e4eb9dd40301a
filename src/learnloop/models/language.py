"""`LANGUAGE_MODELS`: networks that continue a text, by name. `lstm` here predicts the next token of a text, `lstm` in
`MODELS` one answer a row: the task says which is meant."""

from __future__ import annotations

from learnloop.models.config import ModelConfig
from learnloop.models.gpt import GPTConfig
from learnloop.models.recurrent_language import GRULanguageConfig, LSTMLanguageConfig, RNNLanguageConfig

LANGUAGE_MODELS: dict[str, type[ModelConfig]] = {
    "lstm": LSTMLanguageConfig,
    "gru": GRULanguageConfig,
    "rnn": RNNLanguageConfig,
    "gpt": GPTConfig,
}
"""The default first."""
