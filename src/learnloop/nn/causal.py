"""Convolutions over time that see the past alone, and the residual block of a temporal convolutional network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from learnloop.nn.dropout import Dropout


class CausalConv(nn.Module):
    """y_t = b + sum over k of W_k x_(t - k d), x_s = 0 for s < 0, W_k = g v_k / |v|.

    x [batch, inputs, time] -> y [batch, outputs, time]; d is the dilation, g and v learnt (weight normalisation:
    Salimans and Kingma 2016). Bai, Kolter and Koltun 2018, sections 3.1 and 3.2; van den Oord et al. 2016.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        weight_norm(self.conv)

    def forward(self, x: Tensor, dilation: int = 1) -> Tensor:
        before = (self.conv.kernel_size[0] - 1) * dilation
        return F.conv1d(F.pad(x, (before, 0)), self.conv.weight, self.conv.bias, dilation=dilation)


class TemporalBlock(nn.Module):
    """y = relu(f(x) + W x), f = dropout(relu(conv(.))) twice; W is the identity where the widths agree.

    x [batch, inputs, time], there [batch, 1, time] (0 before a row begins) -> y [batch, channels, time]. What stands
    before a row begins is 0 in every layer, as if the row began with the rectangle. Bai et al. 2018, section 3.3.
    """

    def __init__(self, inputs: int, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = CausalConv(inputs, channels, kernel), CausalConv(channels, channels, kernel)
        self.across = nn.Conv1d(inputs, channels, 1) if inputs != channels else nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, there: Tensor, dilation: int = 1) -> Tensor:
        y = self.dropout(F.relu(self.first(x, dilation))) * there  # [batch, channels, time]
        y = self.dropout(F.relu(self.second(y, dilation)))
        return F.relu(y + self.across(x)) * there


def ending(x: Tensor) -> Tensor:
    """Every second step, the last one among them: [..., time] -> [..., ceil(time / 2)]."""
    return x[..., (x.shape[-1] - 1) % 2 :: 2]
