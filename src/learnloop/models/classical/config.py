"""A classical method where a recipe asks for the Config of a model: it has a name and nothing to set."""

from __future__ import annotations

from learnloop.config import Config
from learnloop.models.classical.table import METHODS


class MethodConfig(Config):
    """A classical method, estimated anew from each series: no network is trained, and there is nothing to set."""


METHOD_CONFIGS: dict[str, type[Config]] = dict.fromkeys(METHODS, MethodConfig)
