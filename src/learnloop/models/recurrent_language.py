"""Recurrent networks that continue a text: embedding, stacked cells, one linear layer to the next code's logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.language_model import Carried
from learnloop.nn.dropout import Dropout

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_GATES = {"rnn": 1, "lstm": 4, "gru": 3}
_CONTEXT = 256
"""Codes after which a text read from a zero state is predicted as well as one read from its beginning, nearly."""
_TOKENS_A_MINUTE = 4_000_000
"""That two quiet cores train the LSTM of 2 x 256 units on, about; it need not be right to a factor of two."""
CellName = Literal["rnn", "lstm", "gru"]


class RecurrentLanguage(nn.Module):
    """h_t = cell(E x_t, h_{t-1}), logits_t = W h_t + b; x_t a code, E [vocabulary, embedding].

    The state is carried from window to window and cut off from its past for the gradient: truncated back-propagation
    through time (Williams and Peng 1990). Forget gates begin open (bias 1; Jozefowicz et al. 2015), recurrent weights
    are orthogonal gate by gate (Saxe et al. 2014).
    """

    carries = True
    context = _CONTEXT

    def __init__(
        self, cell: CellName, vocabulary: int, embedding: int, hidden: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, embedding)
        self.dropout = Dropout(dropout)
        self.cells = CELLS[cell](embedding, hidden, layers, dropout=dropout if layers > 1 else 0.0)
        self.head = nn.Linear(hidden, vocabulary)
        self._lstm = cell == "lstm"
        self._begin(_GATES[cell])

    @torch.no_grad()
    def _begin(self, gates: int) -> None:
        hidden = self.cells.hidden_size
        for name, weight in self.cells.named_parameters():
            if name.startswith("bias"):
                weight.zero_()
                if self._lstm and name.startswith("bias_ih"):
                    weight[hidden : 2 * hidden] = 1.0  # torch's order of gates: input, forget, cell, output
                continue
            for gate in weight.chunk(gates):
                nn.init.orthogonal_(gate) if name.startswith("weight_hh") else nn.init.xavier_uniform_(gate)
        nn.init.normal_(self.head.weight, 0.0, 0.02)  # the first loss is then ln(vocabulary), nearly
        nn.init.zeros_(self.head.bias)

    def begin(self, rows: int) -> Carried:
        zeros = torch.zeros(
            self.cells.num_layers, rows, self.cells.hidden_size, device=self.head.weight.device
        )  # [layers, rows, hidden]
        return (zeros, zeros.clone()) if self._lstm else (zeros,)

    def forward(self, tokens: Tensor, carried: Carried) -> tuple[Tensor, Carried]:
        x = self.dropout(self.embed(tokens.t()))  # [rows, time] -> [time, rows, embedding]
        state: Any = carried if self._lstm else carried[0]
        h, state = self.cells(x, state)  # [time, rows, hidden]
        logits = self.head(self.dropout(h)).transpose(0, 1)  # [rows, time, vocabulary]
        # In float32: what a lower precision loses of a state would be lost once more in every window.
        after = state if self._lstm else (state,)
        return logits, tuple(part.float() for part in after)

    def reader(self, rows: int = 1) -> RecurrentReader:
        return RecurrentReader(self, rows)


class RecurrentReader:
    """The state is all that there is to remember."""

    def __init__(self, net: RecurrentLanguage, rows: int) -> None:
        self._net = net
        self._carried = net.begin(rows)

    @torch.inference_mode()
    def feed(self, codes: Tensor) -> Tensor:
        logits, self._carried = self._net(codes, self._carried)
        return logits[:, -1].float()  # [rows, vocabulary]


class _RecurrentConfig(Config):
    """What the three share."""

    inputs: ClassVar[frozenset[str]] = frozenset({"text"})
    numbers: ClassVar[str] = "none"
    rule: ClassVar[str] = "gradient"
    cell: ClassVar[CellName]

    hidden: int = Field(256, ge=1, description="units of each layer")
    layers: int = Field(2, ge=1, le=16, description="layers of cells, one on top of the other")
    embedding: int = Field(128, ge=1, description="numbers that stand for one token")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of units switched off between layers in each step")
    window: int = Field(128, ge=2, description="tokens through which one step's gradient goes back; the state goes on")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        return RecurrentLanguage(self.cell, spec.vocabulary, self.embedding, self.hidden, self.layers, self.dropout)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """rows: tokens of the training part."""
        values: dict[str, Any] = {
            # After 700 steps on tiny Shakespeare an LSTM was at 1.50 nats with Muon, 1.59 with AdamW (lr 0.006).
            "optimiser.name": "muon",
            "optimiser.lr": 0.04,
            "optimiser.other_lr": 0.015,
            "schedule.name": "linear",
            "schedule.warmup": 0.02,
            "train.batch_size": 32,
            "train.clip": 1.0,
            "model.dropout": dropout(_TOKENS_A_MINUTE * minutes / max(rows, 1) if minutes else passes(rows)),
        }
        return values | ({} if minutes is not None else {"train.epochs": passes(rows)})


class LSTMLanguageConfig(_RecurrentConfig):
    """i, f, o = sigmoid(W [x_t, h_{t-1}] + b), c_t = f c_{t-1} + i tanh(..), h_t = o tanh(c_t); logits W h_t + b.

    Hochreiter and Schmidhuber 1997, forget gates: Gers et al. 2000.
    """

    title: ClassVar[str] = "LSTM that predicts the next token, its state carried through the text"
    cell: ClassVar[CellName] = "lstm"


class GRULanguageConfig(_RecurrentConfig):
    """z, r = sigmoid(W [x_t, h_{t-1}] + b), h_t = (1 - z) tanh(W x_t + r U h_{t-1} + b) + z h_{t-1}; logits W h_t + b.

    Cho et al. 2014.
    """

    title: ClassVar[str] = "GRU that predicts the next token, its state carried through the text"
    cell: ClassVar[CellName] = "gru"


class RNNLanguageConfig(_RecurrentConfig):
    """h_t = tanh(W x_t + U h_{t-1} + b); logits W h_t + b. Elman 1990; Mikolov et al. 2010."""

    title: ClassVar[str] = "plain recurrent network that predicts the next token, its state carried through the text"
    cell: ClassVar[CellName] = "rnn"


def dropout(over: float) -> float:
    """The more often a network reads the same text, the more of it it would learn by heart. over: passes."""
    return 0.25 if over >= 30 else 0.1 if over >= 8 else 0.0


def passes(tokens: int) -> float:
    """Over the training part, where no limit is given: about 20 million tokens, from 1 to 100 passes."""
    return float(min(max(round(20_000_000 / max(tokens, 1)), 1), 100))
