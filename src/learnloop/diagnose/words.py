"""Which tokens of a text moved the answer: integrated gradients over how much of each token is there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from learnloop.contracts import PADDING
from learnloop.diagnose.layers import run, undisturbed

STEPS = 32
"""Points on the path; `Moved.gap` says how far their sum is from the whole."""


@runtime_checkable
class TakesPresence(Protocol):
    """A module that multiplies what it makes of each token by `presence` [batch, time], where that is not None."""

    presence: Tensor | None


@dataclass(frozen=True)
class Moved:
    """weights  float [batch, time]: what each token adds to the score of the class; 0 for padding
    score       float [batch]: of the text;   absent: of the same text with no token there
    gap         float [batch]: score - absent - sum of the weights, which is 0 for exact integration
    """

    weights: Tensor
    score: Tensor
    absent: Tensor

    @property
    def gap(self) -> Tensor:
        return self.score - self.absent - self.weights.sum(1)


def integrated_gradients(net: nn.Module, tokens: Tensor, classes: Tensor | None, steps: int = STEPS) -> Moved | None:
    """w_t = integral over a from 0 to 1 of dF / dm_t at m = (a, ..., a): every token fades in at the same pace.

    m_t      how much of token t is there: its vector is multiplied by m_t, so that the baseline is a text of zero
             vectors. This is Sundararajan, Taly and Yan, arXiv:1703.01365, equation 1, with embeddings as inputs and
             zeros as the baseline, summed over each vector; sum_t w_t = F(text) - F(baseline)
    F        the class's output minus the mean of the others, before the softmax: what is added to all of them changes
             no probability. classes None: the first output itself (numbers)
    tokens   integers [batch, time], PADDING behind the end; classes int64 [batch]

    The middle points of `steps` equal parts of the path. Evaluation mode, float32, no autocast; the network is left as
    it was. None where no layer reads the tokens as they are.
    """
    with undisturbed(net), _presence(net, tokens) as present, torch.enable_grad():
        whole, absent = (_score(net, tokens, classes, present, torch.full(tokens.shape, m)) for m in (1.0, 0.0))
        weights = torch.zeros(tokens.shape, dtype=torch.float64)
        for step in range(steps):
            there = torch.full(tokens.shape, (step + 0.5) / steps, requires_grad=True)
            score = _score(net, tokens, classes, present, there)
            slope = torch.autograd.grad(score.sum(), there, allow_unused=True)[0] if score.requires_grad else None
            if slope is None:
                return None
            weights += slope.double() / steps  # [batch, time]
    weights = weights.masked_fill(tokens == PADDING, 0.0)
    return Moved(weights.float(), whole.detach(), absent.detach())


class _Present:
    """The presence of the pass that runs now."""

    def __init__(self, modules: list[TakesPresence]) -> None:
        self.modules = modules
        self.now: Tensor | None = None

    def set(self, now: Tensor) -> None:
        self.now = now
        for module in self.modules:
            module.presence = now


def _score(net: nn.Module, tokens: Tensor, classes: Tensor | None, present: _Present, there: Tensor) -> Tensor:
    """F [batch] with the tokens there as far as `there` [batch, time] says; depends on it by a gradient."""
    if not there.requires_grad:
        there.requires_grad_()
    present.set(there)
    outputs = run(net, tokens)
    if outputs.ndim == 3:
        outputs = outputs.mean(1)  # [batch, outputs]
    if classes is None:
        return outputs[:, 0]  # [batch]
    if outputs.shape[1] == 1:
        outputs = torch.cat([-outputs, outputs], 1) / 2  # [batch, 2]
    chosen = outputs.gather(1, classes[:, None])[:, 0]  # [batch]
    others = outputs.shape[1] - 1
    return chosen - (outputs.sum(1) - chosen) / others if others else chosen


@contextmanager
def _presence(net: nn.Module, tokens: Tensor) -> Iterator[_Present]:
    """Modules that take a presence get it; of the others, embeddings that read the tokens as they are.

    Embeddings of something else, such as positions, keep their vectors: they are no part of the words.
    """
    takers: list[TakesPresence] = [module for module in net.modules() if isinstance(module, TakesPresence)]
    inside = {id(part) for taker in takers for part in cast(nn.Module, taker).modules()}
    present = _Present(takers)

    def fade(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        read = inputs[0]
        longest = read.shape[-1]
        there = present.now
        if there is None or read.ndim != 2 or not torch.equal(read.long(), tokens[:, :longest].long()):
            return output
        return output * there[:, :longest, None].to(output.dtype)  # [batch, longest, width]

    with ExitStack() as hooks:
        for module in net.modules():
            if isinstance(module, nn.Embedding) and id(module) not in inside:
                hooks.callback(module.register_forward_hook(fade).remove)
        try:
            yield present
        finally:
            for taker in takers:
                taker.presence = None
