"""Your own `nn.Module`, as an instance (`OwnModel`) or as a class named by import path (`OwnConfig`).

What reaches your module: for a table x float [batch, numbers], standardised; with categories x and one-hot or
embedded categories joined to [batch, width], or (x, x_cat) if your `forward` has two arguments; for images x
float [batch, channels, height, width], standardised per channel. It must return [batch, outputs] logits or
values (no softmax), or [batch, members, outputs] for an ensemble.
"""

from __future__ import annotations

import importlib
import inspect
from collections import OrderedDict
from typing import Any, ClassVar

import torch
from pydantic import Field, JsonValue, create_model
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError, RecipeError, nearest
from learnloop.models.config import adamw, describe, require, zero_batch
from learnloop.nn.inputs import ImageInput, Joined, TableInput

_KINDS = frozenset({"table", "image"})


class OwnConfig(Config):
    """A class of yours, named by import path: `--model mypackage.nets:Net`.

    The constructor gets `spec` (InputSpec) and `outputs` (int) if it has parameters of these names, and
    `options` as keyword arguments; `Net()`, `Net(spec, outputs)` and `Net(outputs, width=64)` all work.
    """

    inputs: ClassVar[frozenset[str]] = _KINDS
    title: ClassVar[str] = "your own nn.Module"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    path: str = Field(description="import path of the class, package.module:Name")
    options: dict[str, JsonValue] = Field({}, description="keyword arguments of the constructor")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.path, self.inputs, spec, outputs)
        made = import_object(self.path)
        module = made(**self._arguments(made, spec, outputs))
        return adapt(module, spec, outputs, self.path)

    def _arguments(self, made: Any, spec: InputSpec, outputs: int) -> dict[str, Any]:
        parameters = inspect.signature(made).parameters.values()
        offered: dict[str, Any] = {"spec": spec, "outputs": outputs}
        arguments = {p.name: offered[p.name] for p in parameters if p.name in offered} | self.options
        named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        needed = [p.name for p in parameters if p.name in named and p.default is p.empty]
        missing = [name for name in needed if name not in arguments]
        unknown = [name for name in arguments if name not in named]
        if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            raise ModelError(
                f"model {self.path}",
                "its options must be parameters of its constructor",
                found=", ".join(unknown),
                available=nearest(unknown[0], named),
            )
        if missing:
            raise ModelError(
                f"model {self.path}",
                "every parameter of its constructor needs a value (`spec` and `outputs` have one)",
                found=f"no value for {', '.join(missing)}",
                do=f"--set model.options.{missing[0]}=...",
            )
        return arguments

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return adamw(rows, minutes, lr=1e-3, steps=4000, least=20)


class OwnModel:
    """An instance of yours: `ll.fit(data, model=OwnModel(net))`. It is trained in place, not copied."""

    inputs: ClassVar[frozenset[str]] = _KINDS
    title: ClassVar[str] = "your own nn.Module"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    def __init__(self, module: nn.Module) -> None:
        _need_module(module)
        self.module = module
        self.path = f"{type(module).__module__}:{type(module).__qualname__}"

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.path, self.inputs, spec, outputs)
        return adapt(self.module, spec, outputs, self.path)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return adamw(rows, minutes, lr=1e-3, steps=4000, least=20)

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """What the recipe can say about an instance: its class. Weights and arguments are not in it."""
        return {"path": self.path}


def _need_module(module: object) -> None:
    """Raises ModelError for anything but an instance of nn.Module."""
    if isinstance(module, nn.Module):
        return
    is_class = isinstance(module, type)
    name = module.__name__ if isinstance(module, type) else type(module).__name__
    raise ModelError(
        "model",
        "must be a name (`learnloop models`), an import path, or an nn.Module",
        found=f"the class {name}, not an instance" if is_class else f"{module!r}"[:80],
        cause="the brackets are missing" if is_class else "",
        do=f"model={name}(...)" if is_class else "class Net(nn.Module): ...; ll.fit(data, model=Net())",
    )


def own_class(path: str) -> type[OwnConfig]:
    """`OwnConfig` with `path` filled in, so that it needs no arguments."""
    return create_model(path.rpartition(":")[2], __base__=OwnConfig, path=(str, path))


def import_object(path: str) -> Any:
    """The object at `package.module:Name`; RecipeError with the nearest names if there is none."""
    where, (module_name, _, name) = f"model {path}", path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise RecipeError(
            where,
            "must be an import path package.module:Name that Python can find",
            found=f"no module named {error.name!r}",
            cause="its folder is not on Python's search path",
            do=f"PYTHONPATH=. learnloop fit ... --model {path}",
        ) from error
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise RecipeError(where, f"{module_name} must import without an error", found=found) from error
    if not hasattr(module, name):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise RecipeError(
            where,
            f"{module_name} must have a class of this name",
            found=f"no {name!r} in {module_name}",
            available=nearest(name, classes),
        )
    return getattr(module, name)


def adapt(module: nn.Module, spec: InputSpec, outputs: int, name: str) -> nn.Module:
    """Put scaling or joining in front of a foreign module, and try it on two rows of zeros; ModelError if it
    fails.

    A module that takes plain numbers, or (x, x_cat), is returned as it is.
    """
    net: nn.Module = module
    width = spec.numbers
    if spec.kind == "image":
        net = nn.Sequential(OrderedDict(input=ImageInput(spec.mean, spec.std), module=module))
    elif spec.cardinalities and not _takes_two(module):
        joined = TableInput(spec.numbers, spec.cardinalities)
        net, width = Joined(joined, module), joined.width
    takes = f"[batch, {', '.join(str(size) for size in spec.shape)}]" if spec.kind == "image" else f"[batch, {width}]"
    _need_module(module)
    parameter = next(iter(module.parameters()), torch.empty(0))
    batch = [tensor.to(parameter.device) for tensor in zero_batch(spec, 2)]
    try:
        found = _try(net, batch)
    except Exception as error:
        raise ModelError(
            f"model {name}",
            f"must take {takes}: {describe(spec)}",
            found=" ".join(f"{type(error).__name__}: {error}".split())[:300],
            cause=_cause(error, parameter),
            do="net = net.float()"
            if parameter.dtype == torch.float64
            else f"make the first layer take {width if spec.kind == 'table' else spec.shape[0]} inputs",
        ) from error
    fits = isinstance(found, Tensor) and found.ndim in (2, 3) and found.shape[0] == 2 and found.shape[-1] == outputs
    if not fits:
        shown = f"[{', '.join(map(str, found.shape))}]" if isinstance(found, Tensor) else type(found).__name__
        raise ModelError(
            f"model {name}",
            f"must return [batch, {outputs}]: one column an output",
            found=f"{shown} for a batch of 2",
            do=f"end it with nn.Linear(..., {outputs})",
        )
    return net


def _cause(error: Exception, parameter: Tensor) -> str:
    if parameter.dtype == torch.float64:
        return "the weights are float64; inputs come as float32"
    if "shape" in str(error) or "size" in str(error) or "channels" in str(error):
        return "the first layer expects another width or number of channels"
    return "a mistake in its forward, which was tried on two rows of zeros"


def _try(net: nn.Module, batch: list[Tensor]) -> Any:
    training = [(part, part.training) for part in net.modules()]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return net.eval()(*batch)
    finally:
        for part, mode in training:
            part.training = mode


def _takes_two(module: nn.Module) -> bool:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return sum(parameter.kind in positional for parameter in parameters) >= 2
