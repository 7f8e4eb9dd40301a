"""The autoencoder of convolutions, for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.autoencoder import CODE, LOSS, Width
from learnloop.models.generative.coding import AutoencoderNet, code_remark, narrow, require_rows, suggestions
from learnloop.models.generative.config import GenerativeConfig
from learnloop.nn.activations import ActivationName
from learnloop.nn.conv_coding import ConvDecoder, ConvEncoder
from learnloop.nn.reconstruction import LossName

MAPS = "feature maps of each stage on the way in; each stage halves the picture"


def conv_halves(
    spec: InputSpec, maps: Sequence[int], code: int, activation: str, norm: bool, *, heads: int = 1, told: int = 0
) -> tuple[nn.Module, nn.Module]:
    """Encoder to `heads` numbers a code, decoder from a code and `told` numbers more, both of convolutions."""
    encoder = ConvEncoder(spec.shape, maps, heads * code, activation, norm)
    return encoder, ConvDecoder(code + told, tuple(reversed(maps)), spec.shape, activation, norm)


class ConvAutoencoderConfig(GenerativeConfig):
    """Strided convolutions to the smallest maps, a linear layer to the code, and transposed convolutions back.

    [n, c, h, w] -> [n, maps[0], h/2, w/2] -> ... -> [n, code] -> ... -> [n, c, h, w]. Any size is reached: maps are cut
    where halving rounded up. Masci et al. 2011, Stacked Convolutional Auto-Encoders (pooling there, strides here).
    """

    title: ClassVar[str] = "autoencoder of convolutions; the default for pictures"
    source: ClassVar[str] = "Masci, Meier, Ciresan and Schmidhuber 2011, Stacked Convolutional Auto-Encoders"
    task: ClassVar[str] = "autoencode"
    inputs: ClassVar[frozenset[str]] = frozenset({"image"})

    maps: tuple[Width, ...] = Field((16, 32), min_length=1, max_length=6, description=MAPS)
    code: int = Field(32, ge=1, description=CODE)
    activation: ActivationName = Field("relu", description="what bends between the layers")
    norm: bool = Field(True, description="batch norm behind each convolution but the last")
    loss: LossName = Field("squared", description=LOSS)

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("conv_autoencoder", self.inputs, spec)
        encoder, decoder = conv_halves(spec, self.maps, self.code, self.activation, self.norm)
        return AutoencoderNet(rows, encoder, decoder, self.code, loss=self.loss)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        more = {"code": narrow(spec, 32)}
        return suggestions(
            rows, minutes, lr=2e-3, steps=4000, least=8, batch=128, more=more, given=set(self.model_fields_set)
        )

    def remark(self, spec: InputSpec) -> str:
        return code_remark("conv_autoencoder", self.code, spec)
