"""Layers whose weights are divided by their spectral norm, so that none stretches any input by more than 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_TINY = 1e-12


def unit_norm(weight: Tensor, u: Tensor, training: bool) -> Tensor:
    """W / sigma(W), sigma(W) = u^T W v, with one step of power iteration in training:
    v = W^T u / |W^T u|, u = W v / |W v|.

    weight [out, ...], seen as a matrix [out, in]; a filter's other axes count as inputs.   u [out], moved in place

    u and v are constants to the gradient. Without training u stays: the same input gives the same answer.
    Miyato et al. 2018, arXiv:1802.05957, section 2.1 and algorithm 1.
    """
    with torch.autocast(weight.device.type, enabled=False):  # a norm of few digits would not bound anything
        matrix = weight.flatten(1)  # [out, in]
        with torch.no_grad():
            v = functional.normalize(u @ matrix, dim=0, eps=_TINY)  # [in]
            if training:
                u.copy_(functional.normalize(matrix @ v, dim=0, eps=_TINY))
            fixed = u.clone()  # the next forward moves u before the backward pass has looked at this one
        return weight / (fixed @ (matrix @ v))


class SpectralLinear(nn.Linear):
    """y = (W / sigma(W)) x + b."""

    u: Tensor

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.register_buffer("u", functional.normalize(torch.randn(outputs), dim=0))

    def forward(self, input: Tensor) -> Tensor:
        return functional.linear(input, unit_norm(self.weight, self.u, self.training), self.bias)


class SpectralConv2d(nn.Conv2d):
    """y = (W / sigma(W)) * x + b, W [out, in, kernel, kernel] seen as a matrix [out, in kernel kernel]."""

    u: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding)
        self.register_buffer("u", functional.normalize(torch.randn(outputs), dim=0))

    def forward(self, input: Tensor) -> Tensor:
        weight = unit_norm(self.weight, self.u, self.training)
        return functional.conv2d(input, weight, self.bias, self.stride, self.padding)


class SpectralEmbedding(nn.Embedding):
    """y = row c of W / sigma(W)."""

    u: Tensor

    def __init__(self, codes: int, width: int) -> None:
        super().__init__(codes, width)
        self.register_buffer("u", functional.normalize(torch.randn(codes), dim=0))

    def forward(self, input: Tensor) -> Tensor:
        return functional.embedding(input, unit_norm(self.weight, self.u, self.training))
