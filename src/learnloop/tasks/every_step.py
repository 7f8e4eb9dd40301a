"""`RegressSteps`: numbers at every step of a series. In standardised units, as `Regress`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from learnloop.contracts import LENGTH, WEIGHT, Batch, Scalars, Y
from learnloop.nn.lengths import inside
from learnloop.tasks.loss_task import full_precision
from learnloop.tasks.own_code import raise_explained
from learnloop.tasks.regress import VALUES, NumbersTask


class RegressSteps(NumbersTask):
    """value_t = output_t; the loss is a mean over all steps that have a target.

    net  (x [batch, time, features], length [batch]) -> [batch, longest, targets]
    y    float [batch, time, targets], standardised on the training part, NaN where nothing is known
    Predictions behind the end of a row are NaN. The evaluation metrics are rmse and mae over all steps and targets.
    """

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        y, known = _answers(outputs, batch)
        weight = known.float()  # [batch, longest]
        if WEIGHT in batch:
            weight = weight * batch[WEIGHT].unsqueeze(1)
        try:
            return self._loss(full_precision(outputs).flatten(0, 1), y.flatten(0, 1), weight.flatten())
        except Exception as error:
            raise_explained(error)

    def predict(self, batch: Batch) -> Batch:
        values = full_precision(self.forward(batch))  # [batch, longest, targets]
        over = ~inside(batch[LENGTH], values.shape[1]).unsqueeze(2)
        return {VALUES: values.masked_fill(over, float("nan"))}

    def eval_step(self, batch: Batch) -> Scalars:
        """Means a row: the loss times the steps, squares and amounts of the errors, steps."""
        values = full_precision(self.forward(batch))
        y, known = _answers(values, batch)
        steps = known.sum() / len(y)
        error = self.in_units(torch.where(known.unsqueeze(2), values - y, 0.0))
        loss = self._loss(values.flatten(0, 1), y.flatten(0, 1), known.float().flatten())
        width = values.shape[2] * len(y)
        return {
            "loss": loss * steps,
            "steps": steps,
            "squares": error.square().sum() / width,
            "amounts": error.abs().sum() / width,
        }

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        steps = max(means["steps"], 1e-9)
        return {
            "loss": means["loss"] / steps,
            "rmse": math.sqrt(means["squares"] / steps),
            "mae": means["amounts"] / steps,
        }


def _answers(outputs: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """(y [batch, longest, targets] with 0 where nothing is known, bool [batch, longest] of what is known)."""
    y = batch[Y][:, : outputs.shape[1]]  # the network cut the batch to its longest row
    known = inside(batch[LENGTH], y.shape[1]) & ~y.isnan().any(2)
    return torch.where(known.unsqueeze(2), y, 0.0), known
