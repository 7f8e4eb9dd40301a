"""The variational autoencoder of dense layers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.autoencoder import CODE, Width
from learnloop.models.generative.coding import cut_remark, dense_halves, narrow, numbers_of, require_rows, suggestions
from learnloop.models.generative.config import GenerativeConfig
from learnloop.models.generative.variational import Binarise, VariationalNet
from learnloop.nn.activations import ActivationName
from learnloop.nn.reconstruction import Rows

_LONG_MINUTES = 5


class VariationalConfig(GenerativeConfig):
    """What the variational autoencoders share: the likelihood, its pixels, the weight of the KL, the class told."""

    source: ClassVar[str] = "Kingma and Welling 2014, Auto-Encoding Variational Bayes"
    task: ClassVar[str] = "autoencode"
    labelled: ClassVar[bool] = True

    code: int = Field(50, ge=1, description=CODE)
    likelihood: Literal["auto", "bernoulli", "gaussian"] = Field(
        "auto",
        description="of a number given the code; auto: bernoulli for pixels, gaussian with a learnt deviation else",
    )
    binarise: Literal["auto", "dynamic", "static", "none"] = Field(
        "auto",
        description="pixels drawn black or white: in each step, once for ever, or left grey; auto: dynamic for one "
        "channel and bernoulli",
    )
    beta: float = Field(1.0, ge=0, description="weight of the KL in the loss; 1: the evidence lower bound")
    annealing: float = Field(0.0, ge=0, le=1, description="share of the run in which that weight rises from 0")
    class_conditional: bool = Field(False, description="tell the decoder the class of each row")

    @property
    def conditional(self) -> bool:
        return self.class_conditional

    def remark(self, spec: InputSpec) -> str:
        return cut_remark(spec)

    def variational(self, spec: InputSpec, rows: Rows, halves: tuple[nn.Module, nn.Module], classes: int) -> nn.Module:
        """The network around an encoder and a decoder."""
        gaussian = spec.kind != "image" if self.likelihood == "auto" else self.likelihood == "gaussian"
        return VariationalNet(
            rows, *halves, self.code, gaussian=gaussian, binarise=self._binarised(spec, gaussian), beta=self.beta,
            annealing=self.annealing, told=classes if self.conditional else 0,
        )  # fmt: skip

    def check(self, name: str, spec: InputSpec, classes: int) -> None:
        """Raises ModelError for a likelihood that the rows do not have, and for a class that nobody can tell."""
        if self.conditional and not classes:
            raise ModelError(
                "model.class_conditional", "needs the class of each row", found="data without labels",
                do=["--target COLUMN", "--set model.class_conditional=false"],
            )  # fmt: skip
        if spec.kind == "image":
            if self.likelihood == "gaussian" and self.binarise in ("dynamic", "static"):
                raise ModelError(
                    "model.binarise", "is for pixels that are black or white", found="likelihood=gaussian",
                    do=["--set model.binarise=none", "--set model.likelihood=bernoulli"],
                )  # fmt: skip
            return
        if self.likelihood == "bernoulli" or self.binarise in ("dynamic", "static"):
            raise ModelError(
                f"model {name!r}", "draws only pixels black or white",
                found=f"likelihood={self.likelihood}, binarise={self.binarise}, and the inputs are a {spec.kind}",
                do="--set model.likelihood=gaussian --set model.binarise=none",
            )  # fmt: skip

    def _binarised(self, spec: InputSpec, gaussian: bool) -> Binarise:
        if spec.kind != "image" or gaussian:
            return "none"
        if self.binarise == "auto":
            return "dynamic" if spec.shape[0] == 1 else "none"
        return self.binarise


class VAEConfig(VariationalConfig):
    """q(z | x) and p(x | z) of dense layers: 784 - 200 - 200 - 50 - 200 - 200 - 784 with tanh, as published for MNIST.

    The network of Burda, Grosse and Salakhutdinov 2016, section 5, with one layer of latent variables: 86.76 nats in
    their table 1.
    """

    title: ClassVar[str] = "variational autoencoder of dense layers: codes with a distribution to draw from"
    inputs: ClassVar[frozenset[str]] = frozenset({"image", "table", "series"})

    widths: tuple[Width, ...] = Field((200, 200), min_length=1, description="units of each hidden layer on the way in")
    activation: ActivationName = Field("tanh", description="what bends between the layers")

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        rows = require_rows("vae", self.inputs, spec)
        self.check("vae", spec, classes)
        told = classes if self.conditional else 0
        halves = dense_halves(spec, rows, self.widths, self.code, self.activation, heads=2, told=told)
        return self.variational(spec, rows, halves, classes)

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        """Adam at 3e-3: after 2,000 steps of 128 on MNIST the bound (50 draws) was -105.4 nats from a peak of
        2e-3, -101.3 from 4e-3 and -100.3 from 8e-3.

        Long runs want less, an average of the weights, and have the time for wider layers: with 400 units, from a peak
        of 3e-3 -ELBO of held-out pictures rose from 100 to 109 before it fell; from 1e-3, averaged, it fell throughout,
        to 92.3 after 57,000 steps.
        """
        wide = numbers_of(spec) >= 200
        more: dict[str, Any] = {} if wide else {"code": narrow(spec, 50)}
        long = minutes is not None and minutes >= _LONG_MINUTES
        if long and wide:
            more["widths"] = [400, 400]
        values = suggestions(
            rows, minutes, lr=1e-3 if long else 3e-3, steps=20_000, least=20, batch=128, more=more,
            given=set(self.model_fields_set),
        )  # fmt: skip
        return {**values, "train.average": 0.999} if long else values
