"""`Language`: continue a text. The network gives each next token's logits, the loss is what the true one costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import TOKENS, Batch, Scalars, State, Y
from learnloop.data.streams import FRESH
from learnloop.models.language_model import Carried, LanguageModel, language_model
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.loss_task import LossTask, full_precision

NATS = "nats"
"""float [rows, time]: -ln p(the true next token | those before it)."""

_ROWS = 32
"""Parts in which a text is read side by side by a network that carries its state."""
_STEPS = 512
"""Tokens that such a network reads in one call: bounded memory."""
_TOKENS_AT_ONCE = 16_384

Autocast = Callable[[], AbstractContextManager[Any]]


class Language(LossTask):
    """loss = mean of -ln p(x_{t+1} | x_1 ... x_t), in nats a token, with p = softmax(logits).

    net  a network with the members of `LanguageModel`. One that carries its state gets windows that follow each other
         (`StreamSource`); the state is kept between steps, cut off from the gradient, and is part of the checkpoint
    """

    def __init__(self, net: nn.Module, *, plan: Plan, updater: Updater | None = None) -> None:
        super().__init__(net, (TOKENS,), _cross_entropy, plan=plan, updater=updater)
        self._carried: Carried = ()

    @property
    def model(self) -> LanguageModel:
        return language_model(self.net)

    def loss(self, batch: Batch) -> Tensor:
        """Of the next windows; the state goes on behind them."""
        loss, self._carried = window_loss(self.net, batch, self._carried, self._autocast or nullcontext)
        return loss

    def predict(self, batch: Batch) -> Batch:
        """`nats` of each token of Y, each row read from a zero state. Changes nothing."""
        return {NATS: row_nats(self.net, batch[TOKENS], batch[Y], self._autocast or nullcontext)}

    def eval_step(self, batch: Batch) -> Scalars:
        return {"loss": self.predict(batch)[NATS].mean()}

    def state_dict(self) -> State:
        return {**super().state_dict(), "carried": list(self._carried)}

    def load_state_dict(self, state: State) -> None:
        super().load_state_dict(state)
        device = next(self.net.parameters()).device
        self._carried = tuple(part.to(device, copy=True) for part in state["carried"])


def _cross_entropy(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    return F.cross_entropy(outputs, y)


def window_loss(net: nn.Module, batch: Batch, carried: Carried, autocast: Autocast) -> tuple[Tensor, Carried]:
    """The mean loss of a batch of windows, and the state behind them, cut off from the gradient."""
    model, tokens, y = language_model(net), batch[TOKENS], batch[Y]
    carried = carried or model.begin(len(tokens))
    if carried:
        kept = (~batch[FRESH]).to(carried[0].dtype)[:, None]  # [rows, 1]
        carried = tuple(part * kept for part in carried)  # [layers, rows, hidden]
    with autocast():
        logits, after = model(tokens, carried)
    loss = F.cross_entropy(full_precision(logits).flatten(0, 1), y.flatten())  # [rows * time, vocabulary]
    return loss, tuple(part.detach() for part in after)


def row_nats(net: nn.Module, tokens: Tensor, y: Tensor, autocast: Autocast) -> Tensor:
    """-ln p of each y, float32 [rows, time]; each row is read from a zero state.

    `forward` itself is called: a compiled network would be compiled anew for the lengths of these rows.
    """
    model = language_model(net)
    carried, parts = model.begin(len(tokens)), []
    step = _STEPS if model.carries else tokens.shape[1]
    for start in range(0, tokens.shape[1], step):
        with autocast():
            logits, carried = net.forward(tokens[:, start : start + step], carried)
        true = y[:, start : start + step]
        flat = F.cross_entropy(full_precision(logits).flatten(0, 1), true.flatten(), reduction="none")
        parts.append(flat.view_as(true))
    return torch.cat(parts, 1)


def text_nats(net: nn.Module, codes: Tensor, autocast: Autocast = nullcontext) -> Tensor:
    """-ln p of every token of a text but the first, given those before it: float32 [n - 1].

    codes  integers [n] on the network's device, n >= 2
    The text is read in rows that overlap: only what a row adds is scored, so that all but the first tokens are
    predicted from at least half of the network's context (from all of it, where the state is carried).
    """
    model = language_model(net)
    inputs = len(codes) - 1
    overlap = model.context if model.carries else model.context // 2
    stride = max(-(-inputs // _ROWS), overlap) if model.carries else model.context - overlap
    length = min(overlap + stride, inputs)
    starts = [min(start, inputs - length) for start in range(0, max(inputs - overlap, 1), stride)]
    found = torch.empty(inputs, device=codes.device)
    at_once = max(1, _TOKENS_AT_ONCE // length) if not model.carries else _ROWS
    done = 0
    with torch.inference_mode():
        for first in range(0, len(starts), at_once):
            some = torch.tensor(starts[first : first + at_once], device=codes.device)
            rows = codes[some[:, None] + torch.arange(length + 1, device=codes.device)].long()  # [rows, length + 1]
            nats = row_nats(net, rows[:, :-1], rows[:, 1:], autocast)
            for start, row in zip(some.tolist(), nats):
                found[done : start + length] = row[done - start :]
                done = start + length
    return found
