"""Grad-CAM: which places of a picture speak for a class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.diagnose.layers import Call, at_call, run, undisturbed


def grad_cam(net: nn.Module, x: Tensor, classes: Tensor, call: Call, *, by_place: bool = False) -> Tensor | None:
    """L = ReLU(sum_k alpha_k A_k) with alpha_k = (1 / Z) sum_ij dy_c / dA_kij; by place alpha_kij = dy_c / dA_kij.

    A     maps [batch, maps, h, w] that the layer `call` returns.   Z = h w
    y_c   the network's output for class c before the softmax [batch], c = classes [batch] (int64)
    L     float [batch, h, w], at least 0: large where the maps speak for the class

    Where the network averages its maps before a linear layer, the gradient is the same at all places, and both forms
    are one. Where it does not, as with dense layers on flattened maps, the mean mixes places that the network tells
    apart, and can show one that it never used; by place L is what each place adds to y_c, exactly so where the rest of
    the network is linear.

    Each picture by itself; in evaluation mode and without autocast. Members of an ensemble are averaged. A network
    with one output scores class 1 with it and class 0 with its negative. Weights, gradients, buffers, modes and
    random streams stay as they are. None when the outputs do not depend on the layer by a gradient.
    Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra 2017, section 3, equations 1 and 2; by place: Draelos and
    Carin, arXiv:2011.08891 (HiResCAM).
    """
    seen: list[Tensor] = []

    def cut(output: Tensor) -> Tensor:
        # The graph begins here: what comes before needs no gradient, and no memory for it.
        torch.set_grad_enabled(True)
        maps = output.detach().clone().requires_grad_()
        seen.append(maps)
        return maps.clone()  # a layer behind may write into what it gets

    with undisturbed(net), torch.no_grad(), at_call(net, call, cut):
        y = class_scores(run(net, x), classes)  # [batch]
        if not seen or not y.requires_grad:
            return None
        (slope,) = torch.autograd.grad(y.sum(), seen[0], allow_unused=True)  # [batch, maps, h, w]
    if slope is None:
        return None
    alpha = slope if by_place else slope.mean((2, 3), keepdim=True)  # [batch, maps, h, w] or [batch, maps, 1, 1]
    return (alpha * seen[0].detach()).sum(1).relu()  # [batch, h, w]


def class_scores(outputs: Tensor, classes: Tensor) -> Tensor:
    """y_c of each row: outputs [batch, (members,) outputs], classes [batch] -> [batch]."""
    if outputs.ndim == 3:
        outputs = outputs.mean(1)  # [batch, outputs]
    if outputs.shape[1] == 1:
        outputs = torch.cat([-outputs, outputs], 1)  # [batch, 2]
    return outputs.gather(1, classes.to(outputs.device)[:, None])[:, 0]  # [batch]
