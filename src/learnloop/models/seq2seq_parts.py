"""What `Seq2Seq` is made of: recurrent layers of three kinds, and an encoder that reads one way or both."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.nn.dropout import drop
from learnloop.nn.lengths import reversal, reversed_rows

CellName = Literal["rnn", "lstm", "gru"]
_LAYERS: dict[str, type[nn.RNN] | type[nn.LSTM] | type[nn.GRU]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def recurrent(cell: CellName, width: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> nn.RNNBase:
    """Layers whose recurrent weights begin orthogonal, gate by gate, and whose forget gates begin open.

    Saxe, McClelland and Ganguli 2013; forget-gate bias 1: Jozefowicz, Zaremba and Sutskever 2015, section 2.2.
    """
    made = _LAYERS[cell](width, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
    for name, weight in made.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(weight)
            if cell == "lstm" and name.startswith("bias_ih"):
                with torch.no_grad():
                    weight[hidden : 2 * hidden] = 1.0  # torch's order is input, forget, cell, output
            continue
        for gate in weight.detach().split(hidden):
            nn.init.orthogonal_(gate) if name.startswith("weight_hh") else nn.init.xavier_uniform_(gate)
    return made


class Encoder(nn.Module):
    """m_s = [h_s forwards; h_s backwards], layer on layer. A row's states never see what lies behind its end.

    x [batch, time, width], length [batch] -> m [batch, time, hidden], and of each layer the states at which the two
    ways ended, side by side [layers, batch, hidden]. both: two ways of hidden / 2 units each, else one of hidden.

    The way back runs over rows that were turned round within their length: whole rectangles then go to the fast
    kernels, and nothing has to be packed. Schuster and Paliwal 1997.
    """

    def __init__(self, cell: CellName, width: int, hidden: int, layers: int, both: bool, dropout: float) -> None:
        super().__init__()
        units = hidden // 2 if both else hidden
        sizes = [width] + [hidden] * (layers - 1)
        self.ahead = nn.ModuleList([recurrent(cell, size, units) for size in sizes])
        self.back = nn.ModuleList([recurrent(cell, size, units) for size in sizes] if both else [])
        self.dropout = dropout

    def forward(self, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        places = reversal(length, x.shape[1])  # [batch, time]
        last = (length - 1).clamp_min(0).view(-1, 1, 1)  # [batch, 1, 1]
        ends = []
        for number, ahead in enumerate(self.ahead):
            if number:
                x = drop(x, self.dropout, self.training)
            outputs = ahead(x)[0]  # [batch, time, units]
            end = _at(outputs, last)  # [batch, units]
            if len(self.back):
                turned = self.back[number](reversed_rows(x, places))[0]  # [batch, time, units]
                end = torch.cat([end, _at(turned, last)], 1)  # [batch, hidden]
                outputs = torch.cat([outputs, reversed_rows(turned, places)], 2)  # [batch, time, hidden]
            ends.append(end)
            x = outputs
        return x, torch.stack(ends)  # [layers, batch, hidden]


def _at(outputs: Tensor, step: Tensor) -> Tensor:
    """The outputs at one step of each row: [batch, time, units] -> [batch, units]."""
    return outputs.gather(1, step.expand(-1, 1, outputs.shape[2])).squeeze(1)
