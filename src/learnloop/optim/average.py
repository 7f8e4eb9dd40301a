"""Weight averaging: a smoother copy of the network that usually generalises better than the last iterate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn

from learnloop.contracts import State
from learnloop.errors import RunError


@final
class WeightAverage:
    """a <- d_t a + (1 - d_t) theta after each step t = 1, 2, ..., d_t = min(decay, (1 + t) / (10 + t)).

    The growing d_t lets the average forget the initial weights early on (TensorFlow's
    ExponentialMovingAverage; Polyak & Juditsky 1992; Morales-Brotons et al., arXiv:2411.18704 on why it
    helps). Parameters and floating-point buffers (running means of batch norm) are averaged, integer buffers
    copied. Frozen parameters are left out.
    """

    def __init__(self, net: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self._net = net
        self._count = 0
        self._live: list[Tensor] = [p for p in net.parameters() if p.requires_grad]
        buffers = list(net.buffers())
        self._live += [b for b in buffers if b.is_floating_point()]
        self._copied = [b for b in buffers if not b.is_floating_point()]
        self._average = [_copy(tensor) for tensor in self._live]
        self._latest = [_copy(tensor) for tensor in self._copied]

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's present weights into the average; call once after every step."""
        self._count += 1
        decay = min(self.decay, (1 + self._count) / (10 + self._count))
        live: list[Tensor] = [tensor.detach() for tensor in self._live]
        torch._foreach_lerp_(self._average, live, 1 - decay)
        for own, now in zip(self._latest, self._copied):
            own.copy_(now)

    @contextmanager
    def swapped(self, net: nn.Module) -> Iterator[nn.Module]:
        """Inside the `with`, `net` (the averaged network) holds the averaged weights; afterwards, its own
        again.

        The averages must not be updated inside. Raises RunError for another network than the averaged one.
        """
        if net is not self._net:
            raise RunError("weight average", "must be swapped into the network that it averages", found="another one")
        self._swap()
        try:
            yield net
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for average, live in zip([*self._average, *self._latest], [*self._live, *self._copied]):
            held = average.clone()
            average.copy_(live)
            live.copy_(held)

    def state_dict(self) -> State:
        return {"count": self._count, "average": list(self._average), "latest": list(self._latest)}

    @torch.no_grad()
    def load_state_dict(self, state: State) -> None:
        """Copy a state in, bit for bit. Raises RunError when it belongs to another network."""
        own = [*self._average, *self._latest]
        saved = [*state["average"], *state["latest"]]
        if [tuple(t.shape) for t in own] != [tuple(t.shape) for t in saved]:
            raise RunError(
                "weight average",
                f"must hold {len(own)} tensors with the network's shapes",
                found=f"{len(saved)} tensors, or other shapes",
                cause="the checkpoint belongs to another network",
                do="resume with the recipe that the run was started with",
            )
        for mine, theirs in zip(own, saved):
            mine.copy_(theirs)
        self._count = int(state["count"])


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().clone(memory_format=torch.preserve_format)
