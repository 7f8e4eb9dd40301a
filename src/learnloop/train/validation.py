"""`Validation`: the metrics of a task on one part, in large batches. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from learnloop.contracts import Batch, Task
from learnloop.data.buckets import in_batches


class Validation:
    """tensors: key -> Tensor [rows, ...], placed on the Plan's device. lengths: of what rows have of them, as
    `BucketSource` takes them, where they differ; means do not depend on the order of the rows."""

    def __init__(self, tensors: Batch, batch_size: int, lengths: Mapping[str, Tensor] | None = None) -> None:
        self._rows = len(next(iter(tensors.values())))
        self._batches = [batch for _, batch in in_batches(tensors, max(1, batch_size), lengths)]

    def __call__(self, task: Task) -> dict[str, float]:
        """Metrics with the averaged weights where the task averages. The random streams are left untouched."""
        state = torch.get_rng_state()
        task.train(False)
        sums: dict[str, float] = {}
        with task.averaged(), torch.inference_mode():
            for batch in self._batches:
                share = len(next(iter(batch.values()))) / self._rows
                for name, value in task.eval_step(batch).items():
                    sums[name] = sums.get(name, 0.0) + float(value) * share
        task.train(True)
        torch.set_rng_state(state)
        return task.summarise(sums)
