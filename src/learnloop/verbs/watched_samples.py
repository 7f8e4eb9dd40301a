"""`WatchedSamples`: what a network makes of the same noise, or pictures, time and again, and how good it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from learnloop.bundle.pictures import as_bytes
from learnloop.contracts import Task
from learnloop.models.generative.config import Mapper, Sampler
from learnloop.seeds import torch_stream
from learnloop.verbs.judge import Judge, Measure

SAMPLES, LEAST_SAMPLES, PASSES = 1000, 200, 20_000
"""Pictures that are judged while training, fewer where each takes many passes of the network; never fewer than."""
PROBED = 64
"""Samples whose distances from each other are looked at between evaluations."""
_TOGETHER = 100
_ROUNDING = 1e-3
"""Distance of pictures in 0..1 that are the same but for rounding."""

Look = Callable[[Task], dict[str, float]]


def passes_of(net: nn.Module) -> int:
    """Passes of the network for one sample: many where noise is taken away step by step."""
    steps = getattr(net, "steps", 1)
    return steps if isinstance(steps, int) else 1


def watched_count(passes: int) -> int:
    """How many samples are judged while training. passes: of the network, for one sample."""
    return max(LEAST_SAMPLES, min(SAMPLES, PASSES // max(1, passes)))


class WatchedSamples:
    """A validation of pictures: `Measure.of` what the averaged weights make, always of the same inputs.

    measure  beside the real pictures
    inputs   noise [n, *noise_shape] of a `Sampler`, source pictures uint8 [n, c, h, w] of a `Mapper`
    label    int64 [n], the classes that are asked for; None where none are
    rows     what else is known of held-out rows: their loss
    The random streams are left untouched; weights and modes are put back.
    """

    def __init__(
        self, net: nn.Module, measure: Measure, inputs: Tensor, label: Tensor | None = None, *, rows: Look | None = None
    ) -> None:
        self.net = net
        self._measure = measure
        self._inputs = inputs
        self._label = label
        self._rows = rows

    def __len__(self) -> int:
        return len(self._inputs)

    @property
    def judge(self) -> Judge:
        return self._measure.judge

    def __call__(self, task: Task) -> dict[str, float]:
        known = {} if self._rows is None else self._rows(task)
        state = torch.get_rng_state()
        task.train(False)
        with task.averaged():
            made = self.make(self._inputs, self._label)
        found = self._measure.of(made, None if self._label is None else self._label.cpu())
        task.train(True)
        torch.set_rng_state(state)
        return {**known, **found}

    def make(self, inputs: Tensor, label: Tensor | None) -> Tensor:
        """Pictures, uint8 [n, c, h, w] on the CPU. In eval mode."""
        parts = []
        with torch.inference_mode():
            for start in range(0, len(inputs), _TOGETHER):
                rows = slice(start, start + _TOGETHER)
                if isinstance(self.net, Mapper):
                    made = self.net.translate(inputs[rows])
                else:
                    made = cast(Sampler, self.net).generate(inputs[rows], None if label is None else label[rows])
                parts.append(torch.from_numpy(as_bytes(made.float().cpu().numpy())))
        return torch.cat(parts)  # [n, c, h, w]


def fixed_noise(net: nn.Module, count: int, seed: int, classes: int, device: str) -> tuple[Tensor, Tensor | None]:
    """Noise [count, *noise_shape], and the classes in turn where the network is told any (`classes` > 0)."""
    shape = cast(Sampler, net).noise_shape
    noise = torch.randn((count, *shape), generator=torch_stream(seed, "watched samples")).to(device)
    return noise, (torch.arange(count) % classes).to(device) if classes else None


class Nearness:
    """How near a few samples are to each other, by their mean distance, over the same of real pictures.

    n = mean_i min_j |z_i - z_j| / mean_ij |z_i - z_j|, i != j;  nearness = n of samples / n of real pictures: free of
    how much the samples differ at all, which is little at first, and near 0 where they are copies of a few.

    inputs, label  of a `Sampler`, always the same
    real           uint8 [m, c, h, w], as many as samples or fewer are compared
    """

    def __init__(self, net: nn.Module, inputs: Tensor, label: Tensor | None, real: Tensor) -> None:
        self._net = net
        count = min(len(real), len(inputs))
        self._inputs = inputs[:count]
        self._label = None if label is None else label[:count]
        self._usual = _nearest_of(real[:count].float())

    def __call__(self) -> dict[str, float]:
        """{"nearness"}. In eval mode; the mode is put back, nothing random is drawn."""
        training = self._net.training
        self._net.eval()
        with torch.inference_mode():
            made = cast(Sampler, self._net).generate(self._inputs, self._label)
        self._net.train(training)
        return {"nearness": _nearest_of(made.float().cpu()) / max(self._usual, 1e-9)}


def _nearest_of(rows: Tensor) -> float:
    """Mean distance to the nearest other row over the mean distance to all others; 0 where all are one."""
    count = len(rows)
    if count < 3:
        return 0.0
    apart = torch.cdist(rows.flatten(1), rows.flatten(1))  # [count, count]
    mean = float(apart.sum()) / (count * (count - 1))
    nearest = float(apart.fill_diagonal_(float("inf")).min(1).values.mean())
    return nearest / mean if mean > _ROUNDING else 0.0
