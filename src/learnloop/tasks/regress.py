"""`Regress`: one or several numbers. The network works in standardised units, predictions come back in the user's."""

from __future__ import annotations

import math

from torch import Tensor, nn

from learnloop.contracts import Batch, Scalars, Y
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.loss_task import Loss, LossTask, full_precision

VALUES = "values"
"""float [batch, targets] in standardised units; `NumberTarget.invert` turns them into the user's."""


class NumbersTask(LossTask):
    """What tasks that answer with numbers share: the network works in standardised units, progress is in the user's.

    scale  standard deviation of each target on the training part, [targets]; None: errors stay as they are
    """

    def __init__(
        self,
        net: nn.Module,
        keys: tuple[str, ...],
        loss: Loss,
        *,
        plan: Plan,
        updater: Updater | None = None,
        scale: Tensor | None = None,
    ) -> None:
        super().__init__(net, keys, loss, plan=plan, updater=updater)
        self._scale = scale

    def in_units(self, error: Tensor) -> Tensor:
        """Errors in standardised units [..., targets] -> in the user's."""
        return error if self._scale is None else error * self._scale.to(error.device)


class Regress(NumbersTask):
    """value = output. y float [batch, targets], standardised on the training part.

    The evaluation metrics are those of the averaged members: rmse and mae over all targets.
    """

    def predict(self, batch: Batch) -> Batch:
        outputs = full_precision(self.forward(batch))
        return {VALUES: outputs.mean(1) if outputs.dim() == 3 else outputs}  # [batch, targets]

    def eval_step(self, batch: Batch) -> Scalars:
        values = self.predict(batch)[VALUES]
        y = batch[Y].float().reshape(values.shape)
        loss = self._loss(values, y, None)
        error = self.in_units(values - y)
        return {"loss": loss, "mse": error.square().mean(), "mae": error.abs().mean()}

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        return {"loss": means["loss"], "rmse": math.sqrt(means["mse"]), "mae": means["mae"]}
