"""Reading a sequence in both directions, so that every step knows what comes before it and what comes after.

    h>_t = RNN(x_t, h>_{t-1})        h<_t = RNN(x_t, h<_{t+1})        h_t = [h>_t; h<_t]

The second network is the same code on the sequence turned round, and its answers turned round again. It has weights of
its own. `run` below is any of `rnn`, `lstm`, `gru` with its weights filled in: x [batch, time, features] ->
h [batch, time, hidden].

    book   here                            PyTorch (bidirectional=True)
    h>_t   h[:, t, :hidden]                output[:, t, :hidden], weights without a suffix
    h<_t   h[:, t, hidden:]                output[:, t, hidden:], weights with the suffix _reverse
           h[:, -1, :hidden]               h_n[0]
           h[:, 0, hidden:]                h_n[1]: the second network ends at the first step

output[:, -1] is therefore not all that was read: its second half has seen the last step only.

Source: Schuster and Paliwal, Bidirectional recurrent neural networks, 1997, section III.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.recurrent import rnn, rnn_backward

Array: TypeAlias = NDArray[np.float64]
Run: TypeAlias = Callable[[Array], Array]


def turned_round(x: Array) -> Array:
    """The last step first. [batch, time, ...]"""
    return x[:, ::-1]


def bidirectional(x: Array, run: Run, run_back: Run) -> Array:
    """h_t = [h>_t; h<_t]. [batch, time, features] -> [batch, time, hidden + hidden]"""
    return np.concatenate([run(x), turned_round(run_back(turned_round(x)))], axis=2)


def bidirectional_backward(dh: Array, hidden: int, backward: Run, backward_back: Run) -> Array:
    """dx. Each `backward` takes its own half of dh, in its own order of time, to its share of dx."""
    if not 0 < hidden < dh.shape[2]:
        parts = f"dh is {list(dh.shape)}, hidden is {hidden}"
        raise ValueError(f"h_t = [h>_t; h<_t]: {parts}; hidden must lie between 0 and dh's last size ({dh.shape[2]})")
    # x_t is read by both networks: the two derivatives add up
    return backward(dh[:, :, :hidden]) + turned_round(backward_back(turned_round(dh[:, :, hidden:])))


def example() -> dict[str, Array]:
    """One unit each way over the steps 1, 0, 0: only h> remembers the 1 at the end, only h< waits for it."""
    x, h_0 = np.array([[[1.0], [0.0], [0.0]]]), np.zeros((1, 1))
    W_hh, W_xh, b = np.array([[0.5]]), np.array([[1.0]]), np.zeros(1)

    def run(sequence: Array) -> Array:
        return rnn(sequence, h_0, W_hh, W_xh, b)

    h = bidirectional(x, run, run)
    dh = np.ones_like(h)

    def backward(share: Array) -> Array:
        return rnn_backward(share, run(x), x, h_0, W_hh, W_xh)[0]

    def backward_back(share: Array) -> Array:
        return rnn_backward(share, run(turned_round(x)), turned_round(x), h_0, W_hh, W_xh)[0]

    dx = bidirectional_backward(dh, 1, backward, backward_back)
    return {"x": x[0], "W_hh": W_hh, "W_xh": W_xh, "h": h[0], "dh": dh[0], "dx": dx[0]}
