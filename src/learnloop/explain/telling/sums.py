"""Weighted sums written out; of long ones the terms that matter."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, factor, weighted_sum
from learnloop.scratch.mlp import affine

MOST_TERMS = 6


def written(weights: Array, inputs: Array, bias: float | None = None) -> str:
    """ "0.5*1 + (-0.2)*0 + 0.3*1 + 0.1", or the largest terms and "... 58 more terms that add 0.04".

    weights, inputs [n]. Up to MOST_TERMS + 2 terms are all written; of more, those with the largest |w x|.
    """
    if len(weights) <= MOST_TERMS + 2:
        return weighted_sum(weights, inputs, bias)
    order = np.argsort(-np.abs(weights * inputs), kind="stable")
    first, rest = np.sort(order[:MOST_TERMS]), order[MOST_TERMS:]
    text = weighted_sum(weights[first], inputs[first])
    text += f" + ... {len(rest)} more terms that add {factor(dot(weights[rest], inputs[rest]))}"
    return text if bias is None else f"{text} + {factor(bias)}"


def dot(weights: Array, inputs: Array) -> float:
    """w . x of two vectors [n], by the reference's own sum."""
    return float(affine(weights[None], inputs[:, None], np.zeros((1, 1)))[0, 0])
