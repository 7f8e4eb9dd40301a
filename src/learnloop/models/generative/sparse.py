"""The sparse autoencoder: a wide code, of which few numbers are away from zero at a time."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.autoencoder import CODE, LOSS, Width
from learnloop.models.generative.coding import AutoencoderNet, cut_remark, dense_halves, require_rows, suggestions
from learnloop.models.generative.config import GenerativeConfig
from learnloop.nn.activations import ActivationName
from learnloop.nn.reconstruction import LossName
from learnloop.nn.sparsity import Sparsity, SparsityName


class SparseAutoencoderConfig(GenerativeConfig):
    """z = sigmoid(W x + b) in 0..1, loss = error(x', x) + weight * sum_j KL(rate || mean of z_j): parts, not blends.

    [n, inputs] -> widths -> [n, code] -> ... -> [n, inputs]; the code may be wider than the row. With l1, z = relu(.)
    and the penalty is weight * sum_j z_j. Ng 2011; Olshausen and Field 1996 (why: edges).
    """

    title: ClassVar[str] = "sparse autoencoder: a wide code of which few numbers are active at a time"
    source: ClassVar[str] = "Ng 2011, Sparse Autoencoder (CS294A lecture notes); Olshausen and Field 1996"
    task: ClassVar[str] = "autoencode"
    inputs: ClassVar[frozenset[str]] = frozenset({"image", "table", "series"})

    widths: tuple[Width, ...] = Field((), description="units of each hidden layer on the way in; none: the code alone")
    code: int = Field(256, ge=1, description=CODE)
    activation: ActivationName = Field("relu", description="what bends between the hidden layers")
    penalty: SparsityName = Field("kl", description="kl: each number is active at `rate` on average; l1: small sums")
    rate: float = Field(0.05, gt=0, lt=1, description="share of the rows in which a number of the code is active (kl)")
    weight: float = Field(1e-3, ge=0, description="of the penalty beside the error, which is a mean over the numbers")
    loss: LossName = Field("squared", description=LOSS)

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("sparse_autoencoder", self.inputs, spec)
        encoder, decoder = dense_halves(spec, rows, self.widths, self.code, self.activation)
        encoder = nn.Sequential(encoder, nn.Sigmoid() if self.penalty == "kl" else nn.ReLU())
        penalty = Sparsity(self.penalty, self.code, self.rate, self.weight)
        return AutoencoderNet(rows, encoder, decoder, self.code, loss=self.loss, penalty=penalty)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        return suggestions(
            rows, minutes, lr=2e-3, steps=6000, least=15, batch=128, more={}, given=set(self.model_fields_set)
        )

    def remark(self, spec: InputSpec) -> str:
        return cut_remark(spec)
