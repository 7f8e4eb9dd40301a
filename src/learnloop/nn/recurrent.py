"""Recurrent layers that read each row to its own end and no further, forwards, or in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.nn.dropout import Dropout
from learnloop.nn.lengths import reversal, reversed_rows

CellName = Literal["rnn", "lstm", "gru"]

LAYERS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


class Recurrent(nn.Module):
    """h_t = cell(x_t, h_{t-1}), h_{-1} = 0, in `layers` layers; in both directions also g_t = cell'(x_t, g_{t+1}).

    x       float [batch, time, inputs], rows of different lengths
    length  int64 [batch], the steps of each row that are there, at least 1
    y       float [batch, time, width], width = hidden, or 2 hidden in both directions: [h_t, g_t]. What stands behind
            the end of a row is of no meaning; `learnloop.nn.pooling` leaves it out

    Cells: tanh(W x + U h + b) (Elman 1990); LSTM (Hochreiter and Schmidhuber 1997, with the forget gate of Gers,
    Schmidhuber and Cummins 2000); GRU (Cho et al. 2014, the reset gate applied after the product with U, as cuDNN
    has it). Both directions: Schuster and Paliwal 1997. Dropout stands between layers (Zaremba et al. 2014).

    Forwards padding needs no care, since it comes last. Backwards each row is turned round by index, its padding left
    where it is, so that no step ever sees any: the same numbers as with packed sequences, for which torch has no fast
    kernel on the CPU. The layers are torch's: an LSTM takes oneDNN's kernel there and cuDNN's on a GPU.
    """

    def __init__(
        self,
        cell: CellName,
        inputs: int,
        hidden: int,
        layers: int = 1,
        *,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        kind, self.cell = LAYERS[cell], cell
        self.hidden = hidden
        self.bidirectional = bidirectional
        self.width = 2 * hidden if bidirectional else hidden
        widths = [inputs, *[self.width] * (layers - 1)]
        self.forwards = nn.ModuleList(kind(width, hidden, batch_first=True) for width in widths)
        self.backwards = nn.ModuleList(kind(width, hidden, batch_first=True) for width in widths if bidirectional)
        self.dropout = Dropout(dropout)
        for layer in (*self.forwards, *self.backwards):
            initialise_recurrent(layer)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        places = reversal(length, x.shape[1]) if self.bidirectional else None  # [batch, time]
        for number, layer in enumerate(self.forwards):
            if number:
                x = self.dropout(x)
            y = layer(x)[0]  # [batch, time, hidden]
            if places is not None:
                back = self.backwards[number](reversed_rows(x, places))[0]  # [batch, time, hidden]
                y = torch.cat([y, reversed_rows(back, places)], 2)  # [batch, time, 2 hidden]
            x = y
        return x

    def last(self, outputs: Tensor, length: Tensor) -> Tensor:
        """[batch, width]: each direction's state when it has read the whole row."""
        rows = torch.arange(len(outputs), device=outputs.device)
        end = outputs[rows, length - 1]  # [batch, width]
        if not self.bidirectional:
            return end
        return torch.cat([end[:, : self.hidden], outputs[:, 0, self.hidden :]], 1)  # [batch, 2 hidden]

    def extra_repr(self) -> str:
        return f"{self.cell}, {len(self.forwards)} layers of {self.hidden}{', both ways' * self.bidirectional}"


@torch.no_grad()
def initialise_recurrent(layer: nn.RNNBase) -> None:
    """Each gate's recurrent matrix orthogonal (Saxe et al. 2013), input matrices Xavier, biases 0; the forget gate of
    an LSTM begins with bias 1, open (Jozefowicz, Zaremba and Sutskever 2015).
    """
    hidden, gates = layer.hidden_size, _GATES[{nn.LSTM: "lstm", nn.GRU: "gru"}.get(type(layer), "rnn")]
    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            if gates == 4 and name.startswith("bias_ih"):
                parameter[hidden : 2 * hidden] = 1.0
            continue
        for part in parameter.split(hidden):  # [hidden, inputs] a gate
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(part)
            else:
                nn.init.xavier_uniform_(part)
