"""Layers that are computed from the data before training.

A module with `fit_to(x)` gets its own input of a sample, one with `start_from(batch)` the whole training part, one
with `take_words(words)` the words that the codes stand for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from learnloop.contracts import Batch

SAMPLE = 2048
"""Rows that are enough: a whitening layer then sees two million patches of 32x32 images."""


@runtime_checkable
class FittedLayer(Protocol):
    """`fit_to(x)`: set buffers from x, the layer's own input [rows, ...]. Called once, before the first step."""

    def fit_to(self, x: Tensor) -> None: ...


@runtime_checkable
class StartedLayer(Protocol):
    """`start_from(batch)`: set parameters and buffers from all rows of the training part, inputs and answers.

    batch  as sources give it, on the CPU. Called once, before the first step, after `fit_to`.
    """

    def start_from(self, batch: Batch) -> None: ...


@runtime_checkable
class WordsLayer(Protocol):
    """`take_words(words)`: set parameters from what the codes of the tokens stand for; sentences to say once.

    words  words[code - SPECIAL] is the text of `code`. Called once, before the first step.
    """

    def take_words(self, words: Sequence[str]) -> tuple[str, ...]: ...


def start_layers(net: nn.Module, batch: Batch) -> int:
    """Show the whole training part to every `StartedLayer` of `net`; returns how many there are."""
    started = [module for module in net.modules() if isinstance(module, StartedLayer)]
    for layer in started:
        layer.start_from(batch)
    return len(started)


def give_words(net: nn.Module, words: Sequence[str]) -> tuple[str, ...]:
    """Show the words to every `WordsLayer` of `net`; returns what they say of them."""
    layers = [module for module in net.modules() if isinstance(module, WordsLayer)]
    return tuple(note for layer in layers for note in layer.take_words(words))


@torch.no_grad()
def fit_layers(net: nn.Module, inputs: Sequence[Tensor]) -> int:
    """Fit every `FittedLayer` of `net`, first to last, each behind those before it; returns how many there are.

    inputs  the arguments of `forward` for a sample of the training part. Nothing but fitted layers changes.
    """
    fitted = [module for module in net.modules() if isinstance(module, FittedLayer)]
    if not fitted:
        return 0
    hooks = [module.register_forward_pre_hook(_fit) for module in fitted if isinstance(module, nn.Module)]
    training = net.training
    try:
        net.eval()(*inputs)
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return len(fitted)


def _fit(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
    assert isinstance(module, FittedLayer)
    module.fit_to(arguments[0])
