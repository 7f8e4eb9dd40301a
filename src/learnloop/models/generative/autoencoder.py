"""Autoencoders of dense layers: one layer each way, and several."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.coding import (
    AutoencoderNet,
    code_remark,
    dense_halves,
    narrow,
    require_rows,
    suggestions,
)
from learnloop.models.generative.config import GenerativeConfig
from learnloop.nn.activations import ActivationName
from learnloop.nn.reconstruction import LossName

Width = Annotated[int, Field(ge=1)]
CODE = "numbers of the code that a row is pressed into"
LOSS = "error of a reconstruction: squared, or the cross-entropy of pixels taken as shares of white (pictures)"


class AutoencoderConfig(GenerativeConfig):
    """z = W x + b, x' = V z + c: one layer each way, [n, inputs] -> [n, code] -> [n, inputs].

    With squared error and no bend it spans the plane of the first principal components (Bourlard and Kamp 1988,
    section 4; pictures pass a sigmoid, which bends it a little).
    """

    title: ClassVar[str] = "autoencoder with one layer each way: what PCA does, learnt by gradient"
    source: ClassVar[str] = (
        "Rumelhart, Hinton and Williams 1986, Learning Internal Representations; Bourlard and Kamp 1988"
    )
    task: ClassVar[str] = "autoencode"
    inputs: ClassVar[frozenset[str]] = frozenset({"image", "table", "series"})

    code: int = Field(32, ge=1, description=CODE)
    loss: LossName = Field("squared", description=LOSS)

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("autoencoder", self.inputs, spec)
        encoder, decoder = dense_halves(spec, rows, (), self.code, "identity")
        return AutoencoderNet(rows, encoder, decoder, self.code, loss=self.loss)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        more = {"code": narrow(spec, 32)}
        return suggestions(
            rows, minutes, lr=2e-3, steps=4000, least=10, batch=128, more=more, given=set(self.model_fields_set)
        )

    def remark(self, spec: InputSpec) -> str:
        return code_remark("autoencoder", self.code, spec)


class DeepAutoencoderConfig(GenerativeConfig):
    """z = W_k f(... f(W_1 x + b_1)) + b_k and the same widths backwards: [n, inputs] -> widths -> [n, code] -> ...

    Hinton and Salakhutdinov 2006, without its training layer by layer, which ReLU and Adam have made needless.
    """

    title: ClassVar[str] = "autoencoder with several dense layers each way; the default for tables and series"
    source: ClassVar[str] = "Hinton and Salakhutdinov 2006, Reducing the Dimensionality of Data with Neural Networks"
    task: ClassVar[str] = "autoencode"
    inputs: ClassVar[frozenset[str]] = frozenset({"image", "table", "series"})

    widths: tuple[Width, ...] = Field((256, 128), min_length=1, description="units of each hidden layer on the way in")
    code: int = Field(32, ge=1, description=CODE)
    activation: ActivationName = Field("relu", description="what bends between the layers")
    loss: LossName = Field("squared", description=LOSS)

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("deep_autoencoder", self.inputs, spec)
        encoder, decoder = dense_halves(spec, rows, self.widths, self.code, self.activation)
        return AutoencoderNet(rows, encoder, decoder, self.code, loss=self.loss)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        more = {"code": narrow(spec, 32)}
        return suggestions(
            rows, minutes, lr=1e-3, steps=6000, least=15, batch=128, more=more, given=set(self.model_fields_set)
        )

    def remark(self, spec: InputSpec) -> str:
        return code_remark("deep_autoencoder", self.code, spec)
