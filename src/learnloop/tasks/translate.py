"""`Translate`: text in, text out. The network is taught one token at a time and decodes whole texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import PADDING, TOKENS, Batch, Scalars, Y
from learnloop.nn.beam import decode
from learnloop.nn.decoding import DecodeConfig, Decoder
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.loss_task import Loss, LossTask, full_precision
from learnloop.tasks.own_code import raise_explained

TEXTS = "texts"
"""int64 [batch, longest answer]: codes, END, PADDING; `TextTarget.invert` turns them into strings."""


class Translate(LossTask):
    """loss = mean over target tokens of -log p(y_t | y_<t, x), END included, padding left out.

    tokens [batch, s] integers, y int64 [batch, t]. Training shows the network the true y_<t (teacher forcing). The
    evaluation loss is the cross-entropy without label smoothing, nats a token; token_accuracy is the share of tokens
    that are the likeliest, given the true ones before. Both are cheap and know nothing of decoding; BLEU does.

    decoding  (most tokens of an answer, beam, length penalty), as `nn.beam.decode` takes them
    """

    def __init__(
        self,
        net: nn.Module,
        keys: tuple[str, ...],
        loss: Loss,
        *,
        plan: Plan,
        updater: Updater | None = None,
        decoding: tuple[int, int, float] = (100, 1, 0.0),
    ) -> None:
        super().__init__(net, (TOKENS, Y), loss, plan=plan, updater=updater)  # whatever `keys` a loaded bundle names
        self.decoding = decoding

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """outputs [batch, t', vocabulary], where t' may be less than y's width: no row of the batch is longer."""
        outputs = full_precision(outputs).flatten(0, 1)  # [batch t', vocabulary]
        y = _cut(batch[Y], len(outputs)).flatten()  # [batch t']
        said = y != PADDING
        try:
            if outputs.device.type != "cpu":  # to pick rows would wait for the GPU
                return self._loss(outputs, y, said.float())
            picked = said.nonzero().squeeze(1)
            return self._loss(outputs.index_select(0, picked), y.index_select(0, picked), None)
        except Exception as error:
            raise_explained(error)

    def eval_step(self, batch: Batch) -> Scalars:
        """Sums a row: nats, tokens, tokens that are right."""
        outputs = full_precision(self.forward(batch))  # [batch, t', vocabulary]
        rows = len(outputs)
        y = _cut(batch[Y], rows * outputs.shape[1])  # [batch, t']
        nats = F.cross_entropy(outputs.flatten(0, 1), y.flatten(), ignore_index=PADDING, reduction="sum") / rows
        said = y != PADDING
        right = (outputs.argmax(2) == y) & said
        return {"loss": nats, "tokens": said.sum() / rows, "right": right.sum() / rows}

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        """Nats a token and the share of right ones, over all tokens of the part."""
        tokens = max(means["tokens"], 1e-9)
        return {"loss": means["loss"] / tokens, "token_accuracy": means["right"] / tokens}

    def predict(self, batch: Batch) -> Batch:
        limit, beam, penalty = self.decoding
        net: Decoder = self.net  # type: ignore[assignment]
        with torch.no_grad():
            return {TEXTS: decode(net, batch[TOKENS], limit=limit, beam=beam, length_penalty=penalty)}


def decoding_of(decode: Mapping[str, Any], longest: int) -> tuple[int, int, float]:
    """(most tokens, beam, length penalty) from the recipe's section and the longest training target."""
    config = DecodeConfig.model_validate(decode)
    return config.longest or longest + (longest + 1) // 2, config.beam, config.length_penalty


def _cut(y: Tensor, cells: int) -> Tensor:
    """y [batch, t] to the steps that the network answered: `cells` = batch t'. -> [batch, t']"""
    return y[:, : cells // max(1, len(y))]
