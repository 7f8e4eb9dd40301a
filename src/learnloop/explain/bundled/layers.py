"""The layers of a trained network as float64 arrays, read from its modules by their structure."""

from __future__ import annotations

from torch import Tensor, nn

from learnloop.errors import UserError
from learnloop.explain.describe import Activation, BatchNorm, Dense, Layer, LayerNorm, Step
from learnloop.explain.goals import LINKS
from learnloop.explain.walk import Array
from learnloop.models.perceptron import Perceptron
from learnloop.nn.inputs import ImageInput, Joined


def layers_of(net: nn.Module, outputs: tuple[str, ...]) -> tuple[Layer, ...]:
    """A `Perceptron`, or what `nn.stack.dense_stack` makes behind any input. Dropout is off, so it is no step.

    outputs  names for the units of the last layer. Raises UserError for a module that is none of these.
    """
    if isinstance(net, Perceptron):
        return (Layer("output", outputs, (Dense("output", _array(net.weight), _array(net.bias)),)),)
    body = net.body if isinstance(net, Joined) else net
    rows: list[list[Step]] = []
    for name, module in body.named_children():
        if isinstance(module, ImageInput | nn.Flatten | nn.Dropout):
            continue
        step = _step(name, module)
        if isinstance(step, Dense):
            rows.append([step])
        else:
            rows[-1].append(step)
    last = len(rows) - 1
    return tuple(_layer(place, steps, outputs if place == last else ()) for place, steps in enumerate(rows))


def _layer(place: int, steps: list[Step], names: tuple[str, ...]) -> Layer:
    assert isinstance(steps[0], Dense)
    if names:
        return Layer("output", names, tuple(steps))
    count = len(steps[0].W)
    words = [_word(step) for step in steps[1:]]
    title = ", ".join([f"{count:,} unit{'s' if count != 1 else ''}", *words])
    return Layer(title, tuple(f"h{place + 1}.{unit}" for unit in range(1, count + 1)), tuple(steps))


def _word(step: Step) -> str:
    if isinstance(step, Activation):
        return step.function
    return "batch norm" if isinstance(step, BatchNorm) else "layer norm"


def _step(name: str, module: nn.Module) -> Step:
    if isinstance(module, nn.Linear):
        return Dense(name, _array(module.weight), None if module.bias is None else _array(module.bias))
    if isinstance(module, nn.BatchNorm1d):
        assert module.running_mean is not None and module.running_var is not None
        statistics = _array(module.running_mean), _array(module.running_var)
        return BatchNorm(name, _array(module.weight), _array(module.bias), *statistics, module.eps)
    if isinstance(module, nn.LayerNorm):
        return LayerNorm(name, _array(module.weight), _array(module.bias), module.eps)
    function = name.rstrip("0123456789")
    if function in LINKS:
        return Activation(name, function)
    raise UserError(name, "must be a dense layer, a norm or an activation", found=type(module).__name__)


def _array(tensor: Tensor) -> Array:
    found: Array = tensor.detach().double().numpy()
    return found
