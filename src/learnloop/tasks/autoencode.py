"""`Autoencode`: press rows into codes and make them again. The loss is what the network itself makes small."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Protocol, cast, runtime_checkable

from torch import Tensor, nn

from learnloop.contracts import Batch, Scalars, Y
from learnloop.models.generative.config import Coder
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.loss_task import LossTask
from learnloop.tasks.own_code import raise_explained

CODES = "codes"
"""float [rows, code size]."""
RECONSTRUCTION = "reconstruction"
"""What the codes stand for, as `Coder.decode` gives it."""
SCORE = "score"
"""float [rows]: how far off the reconstruction is, large for rows unlike those of the training part: of tables and
series the error, of pictures the error as a share of what is to be seen in them."""


@runtime_checkable
class Annealed(Protocol):
    """A network whose loss changes over the run."""

    def progress(self, fraction: float) -> None: ...


@runtime_checkable
class Labelling(Protocol):
    """A network that is told a class, and can say which one suits a row best."""

    def label_of(self, *inputs: Tensor) -> Tensor: ...


class Autoencode(LossTask):
    """loss = mean over the rows of a batch of what `net.terms` calls "loss".

    net       a `Coder`; called as net(*inputs, label=...) it returns its terms by row, so that a compiled one is used
    keys      the batch keys that it takes, in order
    labelled  whether it is told the class of a row, Y
    """

    def __init__(
        self,
        net: nn.Module,
        keys: tuple[str, ...],
        *,
        plan: Plan,
        updater: Updater | None = None,
        labelled: bool = False,
    ) -> None:
        super().__init__(net, keys, _of_rows, plan=plan, updater=updater)
        self.labelled = labelled

    @property
    def coder(self) -> Coder:
        return cast(Coder, self.net)

    def train_step(self, batch: Batch) -> Scalars:
        """The loss and the means of its parts; moves the weights."""
        terms = self._terms(batch)
        loss = terms["loss"].mean()
        self.updater.step(loss)  # type: ignore[union-attr]
        others = {name: term.detach().mean() for name, term in terms.items() if name != "loss"}
        return {"loss": loss.detach(), **others}

    def loss(self, batch: Batch) -> Tensor:
        return self._terms(batch)["loss"].mean()

    def eval_step(self, batch: Batch) -> Scalars:
        """The same without noise and annealing, and the scores."""
        return {name: term.mean() for name, term in self._terms(batch).items()}

    def predict(self, batch: Batch) -> Batch:
        """Codes, reconstructions and scores by row. A class that is not told is the one that suits a row best."""
        label = self._label(batch)
        inputs = [batch[key] for key in self._keys]
        if self.labelled and label is None and isinstance(self.net, Labelling):
            label = self.net.label_of(*inputs)
        with self._autocast() if self._autocast is not None else nullcontext():
            codes = self.coder.encode(*inputs)
            made = self.coder.decode(codes, label)
            terms = self.coder.terms(*inputs, label=label)
        return {CODES: codes.float(), RECONSTRUCTION: made.float(), SCORE: terms.get(SCORE, terms[RECONSTRUCTION])}

    def progress(self, fraction: float) -> None:
        if isinstance(self.net, Annealed):
            self.net.progress(fraction)
        super().progress(fraction)

    @staticmethod
    def rehearsal(net: nn.Module, batch: Batch, keys: tuple[str, ...], labelled: bool = False) -> Tensor:
        """The loss of a batch, a scalar, for the Plan to time."""
        terms: Mapping[str, Tensor] = net(*[batch[key] for key in keys], label=batch.get(Y) if labelled else None)
        return terms["loss"].mean()

    def _label(self, batch: Batch) -> Tensor | None:
        return batch.get(Y) if self.labelled else None

    def _terms(self, batch: Batch) -> Mapping[str, Tensor]:
        inputs, label = [batch[key] for key in self._keys], self._label(batch)
        try:
            if self._autocast is None:
                return cast(Mapping[str, Tensor], self.net(*inputs, label=label))
            with self._autocast():
                return cast(Mapping[str, Tensor], self.net(*inputs, label=label))
        except Exception as error:
            raise_explained(error)


def _of_rows(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    raise AssertionError("the loss of an autoencoder needs the whole batch: loss takes it")
