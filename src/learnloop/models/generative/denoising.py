"""The denoising autoencoder: it sees a row with noise and gives back the row without."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.autoencoder import CODE, LOSS, Width
from learnloop.models.generative.coding import (
    AutoencoderNet,
    code_remark,
    dense_halves,
    narrow,
    require_rows,
    suggestions,
)
from learnloop.models.generative.config import GenerativeConfig
from learnloop.models.generative.conv_autoencoder import MAPS, conv_halves
from learnloop.nn.activations import ActivationName
from learnloop.nn.corruption import Corruption, NoiseName
from learnloop.nn.reconstruction import LossName


class DenoisingAutoencoderConfig(GenerativeConfig):
    """x~ ~ q(x~ | x), z = encoder(x~), loss = error(decoder(z), x): what cannot be copied must be understood.

    Noise is drawn anew in every step and in training alone. Vincent, Larochelle, Bengio and Manzagol 2008; 2010.
    """

    title: ClassVar[str] = "denoising autoencoder: sees a row with noise, gives back the row without"
    source: ClassVar[str] = "Vincent, Larochelle, Lajoie, Bengio and Manzagol 2010, Stacked Denoising Autoencoders"
    task: ClassVar[str] = "autoencode"
    inputs: ClassVar[frozenset[str]] = frozenset({"image", "table", "series"})

    noise: NoiseName = Field(
        "gaussian", description="added to all numbers; or some numbers masked (0), or made black or white (pictures)"
    )
    amount: float = Field(
        0.3, gt=0, le=2, description="deviation of the noise in units of the input (white is 1), or share that is hit"
    )
    layers: Literal["auto", "dense", "conv"] = Field("auto", description="auto: convolutions for pictures, else dense")
    widths: tuple[Width, ...] = Field((256, 128), min_length=1, description="units of each dense layer on the way in")
    maps: tuple[Width, ...] = Field((16, 32), min_length=1, max_length=6, description=MAPS)
    code: int = Field(64, ge=1, description=CODE)
    activation: ActivationName = Field("relu", description="what bends between the layers")
    norm: bool = Field(True, description="batch norm behind each convolution but the last")
    loss: LossName = Field("squared", description=LOSS)

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("denoising_autoencoder", self.inputs, spec)
        pictures = spec.kind == "image"
        if self.noise == "salt_and_pepper" and not pictures:
            raise ModelError(
                "model.noise", "must be a noise of tables and series, which have no black and white",
                found=repr(self.noise), do="--set model.noise=masking", available=("gaussian", "masking"),
            )  # fmt: skip
        if self.noise != "gaussian" and self.amount >= 1:
            raise ModelError("model.amount", f"is the share of the numbers hit by {self.noise} noise: below 1",
                             found=str(self.amount), do="--set model.amount=0.3")  # fmt: skip
        if self.layers == "conv" and not pictures:
            raise ModelError("model.layers", "must be dense for tables and series", found="'conv'",
                             do="--set model.layers=dense", available=("dense", "auto"))  # fmt: skip
        if pictures and self.layers != "dense":
            encoder, decoder = conv_halves(spec, self.maps, self.code, self.activation, self.norm)
        else:
            encoder, decoder = dense_halves(spec, rows, self.widths, self.code, self.activation)
        corruption = Corruption(self.noise, self.amount, pictures)
        return AutoencoderNet(rows, encoder, decoder, self.code, loss=self.loss, corruption=corruption)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        more = {"code": narrow(spec, 64)}
        return suggestions(
            rows, minutes, lr=2e-3, steps=5000, least=10, batch=128, more=more, given=set(self.model_fields_set)
        )

    def remark(self, spec: InputSpec) -> str:
        return code_remark("denoising_autoencoder", self.code, spec)
