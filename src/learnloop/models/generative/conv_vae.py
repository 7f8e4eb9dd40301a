"""The variational autoencoder of convolutions."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.autoencoder import Width
from learnloop.models.generative.coding import narrow, numbers_of, require_rows, suggestions
from learnloop.models.generative.conv_autoencoder import MAPS, conv_halves
from learnloop.models.generative.vae import VariationalConfig
from learnloop.nn.activations import ActivationName


class ConvVAEConfig(VariationalConfig):
    """q(z | x) of strided convolutions, p(x | z) of transposed ones: [n, c, h, w] -> [n, 2 code] -> [n, c, h, w].

    Without batch norm: its noise blurs the bound. Layers as in `conv_autoencoder`.
    """

    title: ClassVar[str] = "variational autoencoder of convolutions, for pictures"
    inputs: ClassVar[frozenset[str]] = frozenset({"image"})

    maps: tuple[Width, ...] = Field((32, 64), min_length=1, max_length=6, description=MAPS)
    activation: ActivationName = Field("silu", description="what bends between the layers")

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("conv_vae", self.inputs, spec)
        self.check("conv_vae", spec, classes)
        told = classes if self.conditional else 0
        halves = conv_halves(spec, self.maps, self.code, self.activation, norm=False, heads=2, told=told)
        return self.variational(spec, rows, halves, classes)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        more: dict[str, Any] = {} if numbers_of(spec) >= 200 else {"code": narrow(spec, 50)}
        return suggestions(
            rows, minutes, lr=1e-3, steps=8000, least=10, batch=128, more=more, given=set(self.model_fields_set)
        )
