"""What every network that continues a text offers: one forward pass, and a `Reader` that takes codes one by one."""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor, nn

Carried = tuple[Tensor, ...]
"""What a recurrent network remembers of the text so far, [layers, rows, hidden] each; empty for others."""


class Reader(Protocol):
    """Reads `rows` texts side by side and remembers them, so that each further code costs one step."""

    def feed(self, codes: Tensor) -> Tensor:
        """codes int64 [rows, n], the next n of each text -> logits float32 [rows, vocabulary] of the one after them."""
        ...


class LanguageModel(Protocol):
    """The members that such a network has beside those of nn.Module.

    carries  whether it is trained on streams, its state carried from one window to the next (recurrent networks), or
             on windows that know nothing of each other
    context  codes that it sees before the one that it predicts; for one that carries its state: those after which
             nothing more is gained by reading on
    """

    carries: bool
    context: int

    def begin(self, rows: int) -> Carried:
        """The state before the first code."""
        ...

    def __call__(self, tokens: Tensor, carried: Carried) -> tuple[Tensor, Carried]:
        """tokens [rows, time] -> logits [rows, time, vocabulary] of each next code, and the state behind the last."""
        ...

    def reader(self, rows: int = 1) -> Reader: ...


def language_model(net: nn.Module) -> LanguageModel:
    """The same network under the type of what it offers."""
    return cast(LanguageModel, net)
