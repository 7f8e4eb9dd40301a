"""`PerceptronTask`: Rosenblatt's learning rule: no gradient, no loss; a step unit that is corrected when wrong."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from learnloop.contracts import Batch, Scalars, State, Y
from learnloop.tasks.classify import PROBABILITIES


class PerceptronTask:
    """z = w . x + b, yhat = 1 if z >= 0 else 0; a wrong row moves the weights, a right one does not.

    Two classes, each row i of the batch in turn::

        w := w + lr (y_i - yhat_i) x_i,    b := b + lr (y_i - yhat_i)

    More classes, one unit each, yhat = argmax z: w[y] += lr x, w[yhat] -= lr x when yhat != y (Duda and Hart 1973,
    section 5.12). Rows are taken one after the other, as in the textbook. If the classes can be separated by a
    hyperplane, the rule stops making mistakes after finitely many corrections (Rosenblatt 1958; Novikoff 1962);
    otherwise it never stops, which is why `loss` here is the share of wrong rows and not something that must fall.

    net: module with `weight` [units, features], `bias` [units] and forward(x[, x_cat]) -> scores [batch, units];
    units is 1 for two classes. Its input stage (`features`) gives what w multiplies.
    """

    def __init__(self, net: nn.Module, keys: tuple[str, ...], *, lr: float = 1.0) -> None:
        self.net = net
        self._keys = keys
        self._lr = lr
        self._scale = 1.0

    @torch.no_grad()
    def train_step(self, batch: Batch) -> Scalars:
        features = self.net.features(*[batch[key] for key in self._keys])  # type: ignore[operator]  # [batch, features]
        y = batch[Y].long().reshape(-1)
        weight, bias = self.net.weight, self.net.bias
        rate = self._lr * self._scale
        wrong = 0
        for x, target in zip(features, y):
            scores = weight @ x + bias  # type: ignore[operator]  # [units]
            wrong += self._correct(x, int(target), scores, rate)
        return {"loss": torch.tensor(wrong / len(y)), "mistakes": torch.tensor(float(wrong))}

    def _correct(self, x: torch.Tensor, target: int, scores: torch.Tensor, rate: float) -> int:
        """Move the weights if this row is wrong; returns 1 if it was."""
        weight, bias = self.net.weight, self.net.bias
        if len(scores) == 1:
            error = target - int(scores[0] >= 0)
            if error:
                weight[0] += rate * error * x  # type: ignore[index,operator]
                bias[0] += rate * error  # type: ignore[index,operator]
            return abs(error)
        guess = int(scores.argmax())
        if guess == target:
            return 0
        weight[target] += rate * x  # type: ignore[index,operator]
        weight[guess] -= rate * x  # type: ignore[index,operator]
        bias[target] += rate  # type: ignore[index,operator]
        bias[guess] -= rate  # type: ignore[index,operator]
        return 1

    @torch.no_grad()
    def predict(self, batch: Batch) -> Batch:
        """One-hot "probabilities" [batch, classes]: a step unit knows yes and no, nothing between."""
        scores = self.net(*[batch[key] for key in self._keys])  # [batch, units]
        if scores.shape[1] == 1:
            second = (scores >= 0).float()
            return {PROBABILITIES: torch.cat([1 - second, second], 1)}  # [batch, 2]
        return {PROBABILITIES: nn.functional.one_hot(scores.argmax(1), scores.shape[1]).float()}

    def eval_step(self, batch: Batch) -> Scalars:
        right = self.predict(batch)[PROBABILITIES].argmax(1) == batch[Y].long().reshape(-1)
        accuracy = right.float().mean()
        return {"loss": 1 - accuracy, "accuracy": accuracy}

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        return means

    def progress(self, fraction: float) -> None:
        """The rule has no schedule: its learning rate only scales w and b together."""

    def observe(self, metric: float) -> None:
        """No schedule listens."""

    @property
    def learning_rate(self) -> float:
        return self._lr * self._scale

    def train(self, mode: bool = True) -> None:
        self.net.train(mode)

    def averaged(self) -> AbstractContextManager[Any]:
        return torch.no_grad()

    def weights(self) -> State:
        return {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def load_weights(self, weights: State) -> None:
        self.net.load_state_dict(weights)

    def state_dict(self) -> State:
        return {"net": dict(self.net.state_dict())}

    def load_state_dict(self, state: State) -> None:
        self.net.load_state_dict(state["net"])
