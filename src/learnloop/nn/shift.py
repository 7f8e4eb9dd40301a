"""Random translation and mirroring of images, inside the network and only while it is trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Shift(nn.Module):
    """y[b, c, i, j] = x[b, c, clamp(i - u_b, 0, height - 1), clamp(j - v_b, 0, width - 1)].

    u_b, v_b  whole pixels, uniform on -pixels..pixels, drawn anew for each image in each step
    flip      mirror each image left to right with probability 1/2 first; never for digits or text

    Border pixels are repeated, so an image on a white ground stays on a white ground. x is [batch, channels,
    height, width] of any type; one lookup does it all. In evaluation y = x. The draws come from torch's
    global generator of the device, which checkpoints save: a resumed run sees the same shifts.
    Simard, Steinkraus and Platt 2003, section 2, on why translated copies help.
    """

    def __init__(self, pixels: int, flip: bool = False) -> None:
        super().__init__()
        self.pixels = pixels
        self.flip = flip

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        batch, channels, height, width = x.shape
        moves = torch.randint(-self.pixels, self.pixels + 1, (2, batch, 1), device=x.device)
        rows = torch.arange(height, device=x.device) - moves[0]  # [batch, height]
        columns = torch.arange(width, device=x.device) - moves[1]  # [batch, width]
        rows, columns = rows.clamp_(0, height - 1), columns.clamp_(0, width - 1)
        if self.flip:
            mirrored = torch.rand(batch, 1, device=x.device) < 0.5
            columns = torch.where(mirrored, width - 1 - columns, columns)
        places = rows[:, :, None] * width + columns[:, None, :]  # [batch, height, width]
        places = places.view(batch, 1, -1).expand(-1, channels, -1)  # [batch, channels, height width]
        return x.reshape(batch, channels, -1).gather(2, places).view(x.shape)  # [batch, channels, height, width]

    def extra_repr(self) -> str:
        return f"pixels={self.pixels}, flip={self.flip}"
