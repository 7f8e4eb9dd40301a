"""A network taken apart into a base, stage by stage from the input to the top, and the head that gives the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from learnloop.errors import ModelError


@dataclass(frozen=True)
class Stage:
    """Modules that are frozen, thawed and slowed down together."""

    name: str
    modules: tuple[nn.Module, ...]

    def parameters(self) -> Iterator[nn.Parameter]:
        for module in self.modules:
            yield from module.parameters()


@dataclass(frozen=True)
class Parts:
    """stages  the base, from the input to the top.   head  the last linear layer.   name  its path in the network."""

    stages: tuple[Stage, ...]
    head: nn.Module
    name: str


def parts_of(net: nn.Module) -> Parts:
    """The stages and the head of any network, also one that was handed over.

    A module that says so itself is believed: `head`, the path of its last layer, and `stages()`, the names and modules
    below it from the input on. Elsewhere the head is the last nn.Linear, and a stage begins at each part with matrices
    or filters; norms, activations and pools belong to the stage before them.
    Raises ModelError for a network without a linear layer at its end.
    """
    path, body = inner(net)
    declared, own_stages = getattr(body, "head", None), getattr(body, "stages", None)
    if isinstance(declared, str) and callable(own_stages):
        stages = [Stage(name, (module,)) for name, module in own_stages()]
        return Parts(tuple(stages), body.get_submodule(declared), _join(path, declared))
    name = _last_linear(body)
    if name is None or body.get_submodule(name) is body:
        raise ModelError(
            "transfer",
            "needs a network whose last layer is an nn.Linear behind other layers",
            found=f"{type(body).__name__} without one",
            do="give the module `head` (the path of its last layer) and `stages()`",
        )
    return Parts(tuple(_grouped(_before(body, name.split(".")))), body.get_submodule(name), _join(path, name))


@contextmanager
def heard_by(module: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the `with`, the list gets what `module` is called with, call by call."""
    heard: list[Tensor] = []

    def note(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        heard.append(arguments[0])

    hook = module.register_forward_pre_hook(note)
    try:
        yield heard
    finally:
        hook.remove()


def inner(net: nn.Module) -> tuple[str, nn.Module]:
    """Behind what only wraps: while all parameters are those of a single child, that child, and its path."""
    path = ""
    while not hasattr(net, "stages") and not any(True for _ in net.parameters(recurse=False)):
        learnt = [(name, child) for name, child in net.named_children() if any(True for _ in child.parameters())]
        if len(learnt) != 1 or not any(True for _ in learnt[0][1].children()):
            break
        path, net = _join(path, learnt[0][0]), learnt[0][1]
    return path, net


def _last_linear(body: nn.Module) -> str | None:
    found = None
    for name, module in body.named_modules():
        if any(True for _ in module.parameters(recurse=False)):
            found = name if isinstance(module, nn.Linear) else None
    return found


def _before(body: nn.Module, path: Sequence[str]) -> list[tuple[str, nn.Module]]:
    """Parts in front of the head; the parts that hold it are opened."""
    found: list[tuple[str, nn.Module]] = []
    for name, child in body.named_children():
        if name == path[0]:
            if len(path) > 1:
                found += [(f"{name}.{part}", module) for part, module in _before(child, path[1:])]
            break
        found.append((name, child))
    return found


def _grouped(parts: Sequence[tuple[str, nn.Module]]) -> list[Stage]:
    stages: list[Stage] = []
    waiting: list[nn.Module] = []
    for name, module in parts:
        if any(_is_layer(tensor) for tensor in module.parameters()):
            stages.append(Stage(name, (*waiting, module)))
            waiting = []
        elif stages:
            stages[-1] = Stage(stages[-1].name, (*stages[-1].modules, module))
        else:
            waiting.append(module)
    return stages


def _is_layer(tensor: Tensor) -> bool:
    return tensor.ndim >= 2


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
