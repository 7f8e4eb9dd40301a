"""Which layers a network calls on pictures and what comes out of them: seen with hooks, and nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

Kind = Literal["pool", "activation", "other"]
_KINDS: dict[str, Kind] = {"torch.nn.modules.pooling": "pool", "torch.nn.modules.activation": "activation"}

Change = Callable[[Tensor], Tensor | None]
"""What a hook does with a layer's output: the tensor that the network goes on with, None for the same one."""


@dataclass(frozen=True)
class Call:
    """One call of one layer that returned maps [batch, maps, height, width].

    module  its dotted name.   number  which of its calls in one forward pass, from 0: a layer may be used twice
    shape   (maps, height, width)
    """

    module: str
    number: int
    kind: Kind
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Filters:
    """The first layer's filters. weight [filters, channels, height, width]; learnt: whether training moves them."""

    module: str
    weight: Tensor
    learnt: bool


@contextmanager
def undisturbed(net: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards modes, buffers and random streams are what they were."""
    modes = [(part, part.training) for part in net.modules()]
    buffers = [
        (part, name, buffer, buffer.clone()) for part in net.modules() for name, buffer in part.named_buffers("", False)
    ]
    devices = {parameter.device for parameter in net.parameters() if parameter.is_cuda}
    with torch.random.fork_rng(devices=list(devices)):
        try:
            net.eval()
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            with torch.no_grad():
                for part, name, buffer, value in buffers:
                    if getattr(part, name) is not buffer:
                        setattr(part, name, buffer)
                    if not torch.equal(buffer, value):
                        buffer.copy_(value)


def run(net: nn.Module, x: Tensor) -> Tensor:
    """net(x) layer by layer and in the weights' own precision: hooks do not reach inside compiled code."""
    forward = net if getattr(net, "_compiled_call_impl", None) is None else net.forward
    with torch.autocast(x.device.type, enabled=False):
        found: Tensor = forward(x)
    return found


def first_filters(net: nn.Module, x: Tensor) -> Filters | None:
    """The filters that see the picture itself; None where no layer has any. x: one picture [1, channels, h, w]."""
    found: list[Filters] = []

    def look(name: str, module: nn.Module, output: object) -> None:
        weight = _filters_of(module)
        if weight is not None and not found:
            found.append(Filters(name, weight.detach().clone(), weight.requires_grad))

    _watch(net, x, look)
    return found[0] if found else None


def calls(net: nn.Module, x: Tensor) -> list[Call]:
    """The calls that return maps of at least 2 x 2, from the first layer with filters on, in order.

    What stands before the first filters is the picture, scaled or enlarged. A container counts where its output is
    new, as that of a block which adds a shortcut; where it hands on what its last layer returned, that layer is named.
    """
    found: list[Call] = []
    counts: Counter[str] = Counter()
    returned: list[Tensor] = []  # kept, so that no new tensor gets the id of an old one
    begun = False

    def look(name: str, module: nn.Module, output: object) -> None:
        nonlocal begun
        number = counts[name]
        counts[name] += 1
        begun = begun or _filters_of(module) is not None
        if not isinstance(output, Tensor):
            return
        handed_on = _has_parts(module) and any(output is other for other in returned)
        returned.append(output)
        if begun and not handed_on and output.ndim == 4 and output.shape[0] == len(x) and min(output.shape[2:]) > 1:
            kind = _KINDS.get(type(module).__module__, "other")
            maps, height, width = output.shape[1:]
            found.append(Call(name, number, kind, (maps, height, width)))

    _watch(net, x, look)
    return found


def last_maps(found: Sequence[Call]) -> Call | None:
    """The last layer that returns maps and is not pooling, which would only make them coarser."""
    return next((call for call in reversed(found) if call.kind != "pool"), None)


def depths(found: Sequence[Call], most: int = 3) -> list[Call]:
    """Up to `most` calls from shallow to deep, of different sizes: of each the last activation, else the last layer."""
    sizes: dict[tuple[int, ...], list[Call]] = {}
    for call in found:
        if call.kind != "pool":
            sizes.setdefault(call.shape[1:], []).append(call)
    last = [next((c for c in reversed(group) if c.kind == "activation"), group[-1]) for group in sizes.values()]
    if len(last) <= most:
        return last
    return [last[round(place * (len(last) - 1) / (most - 1))] for place in range(most)]


def outputs_of(net: nn.Module, x: Tensor, wanted: Sequence[Call]) -> list[Tensor]:
    """What each of the `wanted` calls returned: [batch, maps, height, width], before later layers write into it."""
    found: dict[Call, Tensor] = {}

    def keep(call: Call) -> Change:
        def kept(output: Tensor) -> None:
            found[call] = output.detach().clone()

        return kept

    with undisturbed(net), torch.no_grad(), ExitStack() as hooks:
        for call in wanted:
            hooks.enter_context(at_call(net, call, keep(call)))
        run(net, x)
    return [found[call] for call in wanted]


@contextmanager
def at_call(net: nn.Module, call: Call, change: Change) -> Iterator[None]:
    """Inside, `change` is applied to the output of that one call in a forward pass."""
    count = 0

    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        nonlocal count
        count += 1
        return change(output) if count == call.number + 1 else None

    handle = net.get_submodule(call.module).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _watch(net: nn.Module, x: Tensor, look: Callable[[str, nn.Module, object], None]) -> None:
    """`look(name, module, output)` after every call of every part of the network."""

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda module, inputs, output: look(name, module, output)

    handles = [part.register_forward_hook(hook_of(name)) for name, part in net.named_modules() if name]
    try:
        with undisturbed(net), torch.no_grad():
            run(net, x)
    finally:
        for handle in handles:
            handle.remove()


def _filters_of(module: nn.Module) -> Tensor | None:
    """The weight of a layer of two-dimensional filters [filters, channels, height, width]."""
    weight = None if _has_parts(module) else getattr(module, "weight", None)
    return weight if isinstance(weight, Tensor) and weight.ndim == 4 else None


def _has_parts(module: nn.Module) -> bool:
    return next(module.children(), None) is not None
