"""`Classify`: one class of several (`x -> class`), or several labels at once (`x -> set of labels`)."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.contracts import Batch, Scalars, Y
from learnloop.tasks.loss_task import LossTask, full_precision

PROBABILITIES = "probabilities"
"""float [batch, classes]: rows sum to 1 for one class of several; each entry by itself for labels."""

LOSSES_OF_ONE_OUTPUT = frozenset({"binary_cross_entropy", "hinge"})
"""With two classes these take one output: the score of the second class."""


def outputs_for(loss: str, classes: int) -> int:
    """How many outputs the network needs."""
    return 1 if classes == 2 and loss in LOSSES_OF_ONE_OUTPUT else classes


class Classify(LossTask):
    """p(class | x) = softmax(outputs), or sigmoid of the single output for two classes.

    y int64 [batch]. The evaluation loss is the cross-entropy of the averaged members, -mean log p(y), without label
    smoothing or class weights: a number that can be compared between runs.
    """

    def predict(self, batch: Batch) -> Batch:
        return {PROBABILITIES: self.probabilities(self.forward(batch))}

    @staticmethod
    def probabilities(outputs: Tensor) -> Tensor:
        """[batch, (members,) outputs] -> [batch, classes]."""
        outputs = full_precision(outputs)
        if outputs.shape[-1] == 1:
            second = torch.sigmoid(outputs)
            both = torch.cat([1 - second, second], -1)  # [batch, (members,) 2]
        else:
            both = torch.softmax(outputs, -1)
        return both.mean(1) if both.dim() == 3 else both  # [batch, classes]

    def eval_step(self, batch: Batch) -> Scalars:
        probabilities = self.predict(batch)[PROBABILITIES]
        y = batch[Y].long().reshape(-1)
        true = probabilities.gather(1, y[:, None]).clamp_min(torch.finfo(torch.float32).tiny)  # [batch, 1]
        return {"loss": -true.log().mean(), "accuracy": (probabilities.argmax(1) == y).float().mean()}


class ClassifyLabels(LossTask):
    """p(label | x) = sigmoid(output), one output a label. y float 0/1 [batch, labels]."""

    def predict(self, batch: Batch) -> Batch:
        probabilities = torch.sigmoid(full_precision(self.forward(batch)))
        return {PROBABILITIES: probabilities.mean(1) if probabilities.dim() == 3 else probabilities}  # [batch, labels]

    def eval_step(self, batch: Batch) -> Scalars:
        probabilities = self.predict(batch)[PROBABILITIES]
        y = batch[Y].float()
        loss = torch.nn.functional.binary_cross_entropy(probabilities, y)
        same = (probabilities >= 0.5) == (y >= 0.5)  # [batch, labels]
        return {"loss": loss, "accuracy": same.all(1).float().mean()}
