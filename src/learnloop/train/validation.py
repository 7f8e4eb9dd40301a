"""`Validation`: the metrics of a task on one part, in large batches. Changes nothing."""

from __future__ import annotations

import torch

from learnloop.contracts import Batch, Task


class Validation:
    """tensors: key -> Tensor [rows, ...], placed on the Plan's device."""

    def __init__(self, tensors: Batch, batch_size: int) -> None:
        self._tensors = tensors
        self._rows = len(next(iter(tensors.values())))
        self._batch = max(1, batch_size)

    def __call__(self, task: Task) -> dict[str, float]:
        """Metrics with the averaged weights where the task averages. The random streams are left untouched."""
        state = torch.get_rng_state()
        task.train(False)
        sums: dict[str, float] = {}
        with task.averaged(), torch.inference_mode():
            for start in range(0, self._rows, self._batch):
                batch = {key: tensor[start : start + self._batch] for key, tensor in self._tensors.items()}
                share = len(next(iter(batch.values()))) / self._rows
                for name, value in task.eval_step(batch).items():
                    sums[name] = sums.get(name, 0.0) + float(value) * share
        task.train(True)
        torch.set_rng_state(state)
        return task.summarise(sums)
