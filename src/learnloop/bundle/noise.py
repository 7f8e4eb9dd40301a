"""What samples are made from: noise and classes that are functions of a seed and the sample's number alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from learnloop.seeds import numpy_stream, torch_stream

_NEARLY_ONE = 0.9995


def noise_of(seed: int, places: Sequence[int], shape: Sequence[int], name: str = "sample") -> Tensor:
    """Standard normal float32 [len(places), *shape]; row k is a function of (seed, name, places[k]) alone."""
    rows = [torch.randn(tuple(shape), generator=torch_stream(seed, name, place)) for place in places]
    return torch.stack(rows) if rows else torch.zeros((0, *shape))  # [places, *shape]


def uniform_of(seed: int, places: Sequence[int], width: int) -> np.ndarray:
    """Uniform in 0..1, float64 [len(places), width]: by which the categories of a sampled row are drawn."""
    rows = [numpy_stream(seed, "category", place).random(width) for place in places]
    return np.stack(rows) if rows else np.zeros((0, width))


def classes_of(seed: int, places: Sequence[int], shares: Sequence[float]) -> Tensor:
    """int64 [len(places)]: class c with probability shares[c], a function of (seed, place) alone."""
    bounds = np.cumsum(np.asarray(shares, np.float64))
    drawn = np.array([numpy_stream(seed, "class", place).random() for place in places]) * bounds[-1]  # [places]
    return torch.from_numpy(np.minimum(np.searchsorted(bounds, drawn, side="right"), len(bounds) - 1))


def between(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """z_t = (sin((1 - t) a) first + sin(t a) last) / sin a, a the angle between the two: [steps, *shape].

    Along the sphere and not along the chord: of a standard normal in many dimensions nearly all draws have the same
    length, and the middle of a chord is far shorter than any (White 2016, arXiv 1609.04468, section 2). Ends of nearly
    one direction are joined by a straight line.
    """
    share = torch.linspace(0, 1, steps, dtype=torch.float64).view(-1, *[1] * first.dim())  # [steps, 1, ...]
    a, b = first.double(), last.double()
    cosine = float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-12))
    if abs(cosine) > _NEARLY_ONE:
        return ((1 - share) * a + share * b).float()
    angle = torch.arccos(torch.tensor(cosine, dtype=torch.float64))
    return ((torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / torch.sin(angle)).float()


def combined(signs: Sequence[int], rows: Tensor) -> Tensor:
    """sum_k signs[k] rows[k] / sqrt(K), [1, *shape]: as long as a draw where the rows are independent draws."""
    weights = torch.tensor(signs, dtype=rows.dtype).view(-1, *[1] * (rows.dim() - 1))  # [K, 1, ...]
    return (weights * rows).sum(0, keepdim=True) / len(signs) ** 0.5
