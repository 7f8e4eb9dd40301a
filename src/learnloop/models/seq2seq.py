"""Recurrent encoder-decoder with and without attention: text in, text out."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.pairs import PAIRS, advice, embedding, need_pairs, spelt
from learnloop.models.seq2seq_parts import CellName, Encoder, recurrent
from learnloop.nn.attention_rnn import Attention, AttentionName
from learnloop.nn.decoding import DecoderState, shifted
from learnloop.nn.dropout import drop
from learnloop.nn.lengths import inside, lengths_of, trimmed


class Seq2SeqConfig(Config):
    """p(y | x) = prod_t softmax(W h~_t), h~_t from the decoder's state s_t and, with attention, a context c_t.

    s_0 = tanh(W_0 h) of the encoder's last states. Without attention that is all that the decoder knows of the
    source: a vector of fixed size (Sutskever, Vinyals and Le 2014; Cho et al. 2014). With it, c_t = sum_s a_ts m_s:
      additive      a from s_{t-1}; s_t = cell([y_{t-1}; c_t], s_{t-1}); h~_t = tanh(W [s_t; c_t; y_{t-1}])
                    (Bahdanau, Cho and Bengio 2015; their maxout is a tanh here)
      dot, general  a from s_t; s_t = cell(y_{t-1}, s_{t-1}); h~_t = tanh(W [s_t; c_t])
                    (Luong, Pham and Manning 2015, global attention, without input feeding)
    """

    inputs: ClassVar[frozenset[str]] = frozenset({PAIRS})
    title: ClassVar[str] = "recurrent encoder-decoder: text to text, with or without attention"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    cell: CellName = Field("gru", description="kind of recurrent layer")
    attention: AttentionName = Field(
        "general", description="how the decoder looks back at the source; none: one vector of fixed size"
    )
    bidirectional: bool = Field(True, description="the encoder reads the source both ways, half of its units each")
    embedding: int = Field(256, ge=1, description="numbers that stand for a token")
    hidden: int = Field(256, ge=2, description="units of a recurrent layer; even")
    layers: int = Field(1, ge=1, le=8, description="recurrent layers of the encoder, and of the decoder")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of units switched off in each step")

    @field_validator("hidden")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"an even number: each way of reading gets half of the units; found {value}")
        return value

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        need_pairs("seq2seq", spec, outputs)
        return Seq2Seq(self, spec.vocabulary, outputs)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        letters = spelt(spec, outputs)
        small = {"model.embedding": 64, "model.hidden": 128, "model.dropout": 0.05} if letters else {}
        return {**advice(rows, letters, minutes, lr=5e-3 if letters else 2e-3), **small}


class Seq2Seq(nn.Module):
    """The module of `Seq2SeqConfig`. forward(source [batch, s], target [batch, t]) -> logits [batch, t', outputs].

    Teacher forcing: logits at step t are for target[:, t], given the target up to t - 1. Both rectangles are cut to
    the longest row of the batch: t' <= t.
    """

    def __init__(self, config: Seq2SeqConfig, vocabulary: int, outputs: int) -> None:
        super().__init__()
        cell, hidden, layers = config.cell, config.hidden, config.layers
        self.additive = config.attention == "additive"
        self.dropout = config.dropout
        self.source = embedding(vocabulary, config.embedding)
        self.target = embedding(outputs, config.embedding)
        self.encoder = Encoder(cell, config.embedding, hidden, layers, config.bidirectional, config.dropout)
        self.bridges = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(2 if cell == "lstm" else 1)])
        self.attend = None if config.attention == "none" else Attention(config.attention, hidden)
        seen = config.embedding + (hidden if self.additive else 0)
        self.decoder = recurrent(cell, seen, hidden, layers, config.dropout)
        read = hidden + (0 if self.attend is None else hidden) + (config.embedding if self.additive else 0)
        self.read = None if self.attend is None else nn.Linear(read, hidden)
        self.output = nn.Linear(hidden, outputs)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        return self.output(self._read(source, target)[0])  # [batch, t', outputs]

    @torch.no_grad()
    def attention(self, source: Tensor, target: Tensor) -> Tensor | None:
        """How much each target step looks at each source step [batch, t', s']; None without attention."""
        return self._read(source, target)[1]

    def _read(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """h~ [batch, t', hidden] and the attention of the target up to its longest row."""
        state = self.begin(source, 1)
        x = self._embedded(self.target, shifted(trimmed(target)))  # [batch, t', embedding]
        if not self.additive:
            return self._advance(x, state)
        steps = [self._advance(step, state) for step in x.split(1, 1)]
        weights = torch.cat([step[1] for step in steps], 1)  # type: ignore[misc]  # [batch, t', s']
        return torch.cat([step[0] for step in steps], 1), weights  # [batch, t', hidden]

    def begin(self, source: Tensor, width: int) -> DecoderState:
        source = trimmed(source)  # [batch, s']
        length = lengths_of(source)
        memory, ends = self.encoder(self._embedded(self.source, source), length)  # [batch, s', hidden]
        states = {name: torch.tanh(bridge(ends)) for name, bridge in zip("hc", self.bridges)}  # [layers, batch, hidden]
        moving = {name: value.transpose(0, 1) for name, value in states.items()}  # [batch, layers, hidden]
        fixed = {}
        if self.attend is not None:
            there = inside(length.clamp_min(1), source.shape[1])  # [batch, s']
            fixed = {"memory": memory, "keys": self.attend.key(memory), "there": there}
        if width > 1:
            moving = {name: value.repeat_interleave(width, 0) for name, value in moving.items()}
            fixed = {name: value.repeat_interleave(width, 0) for name, value in fixed.items()}
        return DecoderState(fixed, moving)

    def step(self, codes: Tensor, state: DecoderState) -> Tensor:
        read, _ = self._advance(self._embedded(self.target, codes[:, None]), state)  # [n, 1, hidden]
        state.position += 1
        return self.output(read.squeeze(1))  # [n, outputs]

    def _advance(self, x: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None]:
        """Some steps on, all at once: x [n, steps, embedding] -> h~ [n, steps, hidden] and attention [n, steps, s].

        Additive attention asks with the state before the step, so that it can take one step at a time only.
        """
        context = weights = None
        past = tuple(state.moving[name].transpose(0, 1).contiguous() for name in state.moving)  # [layers, n, hidden]
        if self.additive:
            context, weights = self._look(past[0][-1].unsqueeze(1), state)  # [n, 1, hidden]
        seen = x if context is None else torch.cat([x, context], 2)
        outputs, past = self._cells(seen, past)
        state.moving = {name: value.transpose(0, 1) for name, value in zip(state.moving, past)}
        if self.read is None:
            return drop(outputs, self.dropout, self.training), None
        if context is None:
            context, weights = self._look(outputs, state)  # [n, steps, hidden]
            joined = torch.cat([outputs, context], 2)
        else:
            joined = torch.cat([outputs, context, x], 2)
        return drop(torch.tanh(self.read(joined)), self.dropout, self.training), weights

    def _cells(self, x: Tensor, past: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        if len(past) == 2:
            return self.decoder(x, past)
        outputs, h = self.decoder(x, past[0])
        return outputs, (h,)

    def _look(self, query: Tensor, state: DecoderState) -> tuple[Tensor, Tensor]:
        fixed = state.fixed
        return self.attend(query, fixed["keys"], fixed["memory"], fixed["there"])  # type: ignore[misc]

    def _embedded(self, table: nn.Embedding, codes: Tensor) -> Tensor:
        return drop(table(codes), self.dropout, self.training)  # [batch, steps, embedding]
