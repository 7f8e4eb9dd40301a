"""Muon: momentum whose matrices are made orthogonal before they are subtracted.

Keller Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024,
kellerjordan.github.io/posts/muon), with the definition of `torch.optim.Muon` (torch >= 2.9), which takes
plain matrices only; here also filters and batches of matrices. Tests hold the two equal bit for bit on
matrices.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.optim.light import Kernel, Slots

Kind = Literal["matrix", "filter", "batch"]
Adjust = Literal["original", "match_rms_adamw"]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""a, b, c of the quintic, chosen by Jordan for the steepest slope at 0."""


def hidden(found: list[tuple[str, nn.Module, Tensor]]) -> dict[int, Kind]:
    """`id(p)` -> how to see p as matrices, for the tensors that Muon should move.

    found   (name, module, tensor) in the order of registration, already without what does not decay (vectors,
    norms,
            biases, and what a module names in `no_weight_decay`)

    Left out, for AdamW: embeddings; the first and the last module that own such a tensor (the input and the output
    layer), unless they declare `muon_exclude = False`; grouped and depthwise convolutions; and what a module declares
    itself with `muon_exclude = True` or `muon_exclude = ("name", ...)`. A two-dimensional tensor is a matrix; a
    convolution's filter is flattened to [out, in * height * width]; any other tensor of three dimensions is a batch of
    matrices [members, in, out].
    """
    owners = list(dict.fromkeys(id(module) for _, module, _ in found))
    ends = {owners[0], owners[-1]} if owners else set()
    kinds: dict[int, Kind] = {}
    for name, module, p in found:
        excluded = getattr(module, "muon_exclude", ())
        end = id(module) in ends and excluded is not False
        if end or excluded is True or (excluded and name in excluded):
            continue
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            continue
        kind = _kind(module, p)
        if kind is not None:
            kinds[id(p)] = kind
    return kinds


def _kind(module: nn.Module, p: Tensor) -> Kind | None:
    groups = getattr(module, "groups", None)
    if isinstance(groups, int) and hasattr(module, "kernel_size") and p.ndim >= 3:
        return "filter" if groups == 1 else None
    if p.ndim == 2:
        return "matrix"
    return "batch" if p.ndim == 3 else None


def orthogonalise(update: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """X <- U / |U|_F, then `steps` times X <- a X + (b A + c A^2) X with A = X X^T: about the orthogonal
    factor of U.

    update  [..., rows, columns]; each singular value ends between about 0.7 and 1.2 (Jordan,
    "Newton-Schulz").
    """
    a, b, c = COEFFICIENTS
    x = update.to(dtype, copy=True)
    tall = update.size(-2) > update.size(-1)
    if tall:
        x = x.mT  # [..., columns, rows]: the Gram matrix is then the small one
    norm = x.norm() if x.ndim == 2 else x.norm(dim=(-2, -1), keepdim=True)
    x.div_(norm.clamp(min=1e-7))
    add = torch.addmm if x.ndim == 2 else torch.baddbmm
    for _ in range(steps):
        gram = x @ x.mT
        x = add(x, add(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def muon_kernel(
    kind: Kind,
    *,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
    steps: int,
    adjust: Adjust,
    dtype: torch.dtype,
    unit_rows: bool = False,
) -> Kernel:
    """B <- mu B + (1 - mu) G; U = (1 - mu) G + mu B (Nesterov) or B; W <- (1 - alpha lambda) W - alpha r
    NS(U).

    r = sqrt(max(1, out / in)) ("original", Jordan) or 0.2 sqrt(max(out, in)) ("match_rms_adamw", Liu et al.,
    arXiv:2502.16982, section 2.2), so that steps have the same size in matrices of every shape. With `unit_rows`
    then W <- W sqrt(out) / |W|_F: rows have length 1 in the mean (Jordan, airbench94_muon). A step then turns weights
    by the same angle however long the run; only for layers with a norm behind them, which takes their scale away.
    """

    def kernel(params: list[Tensor], grads: list[Tensor], slots: Slots, counts: list[Tensor], lr: float) -> None:
        buffers = slots[0]
        torch._foreach_lerp_(buffers, grads, 1 - momentum)
        updates = torch._foreach_lerp(grads, buffers, momentum) if nesterov else buffers
        matrices = [_as_matrices(update, kind) for update in updates]
        for positions in _alike(matrices):
            rate = lr * _ratio(matrices[positions[0]], adjust)
            stacked = torch.stack([matrices[i] for i in positions]) if len(positions) > 1 else None
            ortho = orthogonalise(matrices[positions[0]] if stacked is None else stacked, steps, dtype)
            for place, i in enumerate(positions):
                p = params[i]
                p.mul_(1 - lr * weight_decay)
                p.add_(_back(ortho if stacked is None else ortho[place], p, kind), alpha=-rate)
                if unit_rows:
                    _to_unit_rows(p, kind)

    return kernel


def _as_matrices(update: Tensor, kind: Kind) -> Tensor:
    """[out, in] of a matrix, [out, in * height * width] of a filter, [members, out, in] of a batch."""
    if kind == "filter":
        return update.flatten(1)  # [out, in, height, width] -> [out, in * height * width]
    return update.mT if kind == "batch" else update  # [members, in, out] -> [members, out, in]


def _back(ortho: Tensor, p: Tensor, kind: Kind) -> Tensor:
    if kind == "filter":
        return ortho.reshape(p.shape)  # [out, in * height * width] -> [out, in, height, width]
    return ortho.mT if kind == "batch" else ortho  # [members, out, in] -> [members, in, out]


def _to_unit_rows(p: Tensor, kind: Kind) -> None:
    """W <- W sqrt(out) / |W|_F, each member of a batch [members, in, out] by itself."""
    if kind == "batch":
        p.mul_(math.sqrt(p.shape[-1]) / p.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-12))
    else:
        p.mul_(math.sqrt(len(p)) / p.norm().clamp(min=1e-12))


def _ratio(matrix: Tensor, adjust: Adjust) -> float:
    rows, columns = matrix.shape[-2:]
    if adjust == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def _alike(matrices: list[Tensor]) -> list[list[int]]:
    """Positions to do together: on a GPU matrices of one shape (fewer launches), on the CPU each alone."""
    if not matrices[0].is_cuda or matrices[0].ndim == 3:
        return [[i] for i in range(len(matrices))]
    shapes: dict[torch.Size, list[int]] = {}
    for i, matrix in enumerate(matrices):
        shapes.setdefault(matrix.shape, []).append(i)
    return list(shapes.values())
