"""`HeldOutWindows`: the metrics of a task on windows of series, in a fixed order. Changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.contracts import FUTURE, Task
from learnloop.data.windows import PanelWindows

_CELLS = 1 << 20
"""Numbers of a batch of windows."""


class HeldOutWindows:
    """Means over every known step of the windows (series, origins), int64 [windows] each, on the CPU.

    Batches are gathered anew each time: the windows of a long series overlap, and all of them take many times its
    memory. windows: on the Plan's device. cells: numbers of a batch, at most.
    """

    def __init__(self, windows: PanelWindows, series: Tensor, origins: Tensor, *, cells: int = _CELLS) -> None:
        self._windows = windows
        a_window = (windows.lookback + windows.horizon) * (windows.variables + windows.features + 1)
        size = max(1, cells // a_window)
        self._parts = list(zip(series.split(size), origins.split(size), strict=True))
        self._known = [int((~torch.isnan(windows.batch(*part)[FUTURE])).sum()) for part in self._parts]

    def __len__(self) -> int:
        """The number of windows."""
        return sum(len(series) for series, _ in self._parts)

    @property
    def batches(self) -> int:
        return len(self._parts)

    def __call__(self, task: Task) -> dict[str, float]:
        """Metrics with the averaged weights where the task averages. The random streams are left untouched."""
        state = torch.get_rng_state()
        task.train(False)
        sums: dict[str, float] = {}
        with task.averaged(), torch.inference_mode():
            for (series, origins), known in zip(self._parts, self._known, strict=True):
                share = known / max(1, sum(self._known))
                for name, value in task.eval_step(self._windows.batch(series, origins)).items():
                    sums[name] = sums.get(name, 0.0) + float(value) * share
        task.train(True)
        torch.set_rng_state(state)
        return task.summarise(sums)
