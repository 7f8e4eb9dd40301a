"""`LossTask`: the abstract task for "one network, one loss, one optimiser". Most tasks write only four methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from learnloop.contracts import WEIGHT, Batch, Scalars, State, Y
from learnloop.nn.frozen import Freezing
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.own_code import need_scalar, raise_explained

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(outputs [n, k], y [n] or [n, k], weight [n] or None) -> mean loss, a scalar."""


def full_precision(outputs: Tensor) -> Tensor:
    """bfloat16 and float16 become float32; float32 and float64 stay. Losses and softmax want all their digits."""
    return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs


class LossTask(ABC):
    """A network that is trained by the gradient of one loss.

    net     forward(x[, x_cat]) -> [batch, outputs], or [batch, members, outputs] for an ensemble: the training loss
            is the mean of the members' losses, the prediction the mean of the members' predictions
    keys    the batch keys that the network takes, in the order of forward's arguments
    updater None for a task that only predicts (a loaded bundle)
    """

    def __init__(
        self, net: nn.Module, keys: tuple[str, ...], loss: Loss, *, plan: Plan, updater: Updater | None = None
    ) -> None:
        self.net = net
        self.freezing: Freezing | None = None
        """What stays as it is, some of it only until a share of the run is done."""
        self.updater = updater
        self.plan = plan
        self._keys = keys
        self._loss = loss
        # One context for all steps: a null context costs a microsecond, an MLP's step costs three hundred.
        self._autocast = None if plan.dtype == "float32" else plan.autocast
        self._single = keys[0] if len(keys) == 1 else None
        self._looked = False

    # --- what a task writes -------------------------------------------------------------------------------------

    @abstractmethod
    def predict(self, batch: Batch) -> Batch:
        """Outputs in the task's own terms. Changes nothing."""

    @abstractmethod
    def eval_step(self, batch: Batch) -> Scalars:
        """Means over the batch: `loss` first. Changes nothing."""

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        """Metrics from the means of `eval_step` over a whole part."""
        return means

    # --- what the engine calls ----------------------------------------------------------------------------------

    def train_step(self, batch: Batch) -> Scalars:
        """Forward, loss, backward, update."""
        loss = self.loss(batch)
        if not self._looked:
            need_scalar(loss)
            self._looked = True
        self.updater.step(loss)  # type: ignore[union-attr]
        return {"loss": loss.detach()}

    def loss(self, batch: Batch) -> Tensor:
        """The training loss of a batch, a scalar."""
        return self.loss_of(self.forward(batch), batch)

    def forward(self, batch: Batch) -> Tensor:
        """The network's outputs [batch, outputs] or [batch, members, outputs], under the Plan's precision."""
        try:
            if self._autocast is None:
                return self._call(batch)
            with self._autocast():
                return self._call(batch)
        except Exception as error:
            raise_explained(error)

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The loss in float32 whatever the precision of the network."""
        y, weight = batch[Y], batch.get(WEIGHT)
        outputs = full_precision(outputs)
        if outputs.dim() == 3:
            members = outputs.shape[1]
            outputs = outputs.flatten(0, 1)  # [batch * members, outputs]
            y = y.repeat_interleave(members, 0)  # [batch * members, ...]
            weight = None if weight is None else weight.repeat_interleave(members, 0)
        try:
            return self._loss(outputs, y, weight)
        except Exception as error:
            raise_explained(error)

    def progress(self, fraction: float) -> None:
        if self.freezing is not None:
            self.freezing.progress(fraction)
        self.updater.progress(fraction)  # type: ignore[union-attr]

    def observe(self, metric: float) -> None:
        """Tell schedules that listen (reduce on plateau) the monitored validation metric, smaller is better."""
        self.updater.schedule.observe(metric)  # type: ignore[union-attr]

    @property
    def learning_rate(self) -> float:
        return self.updater.learning_rate  # type: ignore[union-attr]

    @property
    def base_learning_rate(self) -> float:
        """The learning rate before the schedule, for messages."""
        return self.updater.base_learning_rate  # type: ignore[union-attr]

    def train(self, mode: bool = True) -> None:
        self.net.train(mode)
        if mode and self.freezing is not None:
            self.freezing.hold()

    def averaged(self) -> AbstractContextManager[Any]:
        """A context in which the network holds its averaged weights (itself where nothing is averaged)."""
        average = None if self.updater is None else self.updater.average
        return nullcontext() if average is None else average.swapped(self.net)

    def weights(self) -> State:
        """A copy of the network's present weights and buffers."""
        return {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def load_weights(self, weights: State) -> None:
        self.net.load_state_dict(weights)

    def state_dict(self) -> State:
        state: State = {"net": dict(self.net.state_dict())}
        if self.updater is not None:
            state["updater"] = self.updater.state_dict()
        return state

    def load_state_dict(self, state: State) -> None:
        self.net.load_state_dict(state["net"])
        if self.updater is not None:
            self.updater.load_state_dict(state["updater"])

    def _call(self, batch: Batch) -> Tensor:
        if self._single is not None:
            return self.net(batch[self._single])
        return self.net(*[batch[key] for key in self._keys])
