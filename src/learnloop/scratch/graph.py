"""Graph networks: a node's next state from its own state and its neighbours'.

    message passing  h_v' = sigma(W h_v + sum over u in N(v) of h_u)
                     in rows: z = h W^T + A h,  h' = sigma(z)
    its derivative   dz = dh' * sigma'(z),  dW = dz^T h,  dh = dz W + A^T dz
    GCN              h_v' = sigma(W sum over u in N(v) and v itself of h_u / sqrt(d_u d_v) + b)
                     in rows: m = A_hat h,  z = m W^T + b,  h' = sigma(z)
                     A_hat = D^(-1/2) (A + I) D^(-1/2),  D = diagonal of the row sums of A + I
    its derivative   dW = dz^T m,  db = sum over nodes of dz,  dh = A_hat^T (dz W)

    here  shape              PyTorch Geometric (PyTorch itself has no graph layer)
    h     [nodes, features]  x
    A     [nodes, nodes]     edge_index: A[v, u] = 1 for each edge u -> v; edge_weight: the entries of A
    W     [units, features]  GraphConv.lin_root.weight; GCNConv.lin.weight
    A h   [nodes, features]  aggr="add"

Source: guide "Deep Learning & Neural Networks", section 13.4, equation 81 (sigma is its sigmoid, equation 3; the
superscript (k) of W is the round). GCN: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional
Networks, 2017, equation 2.

Where they differ. Equation 81 adds the neighbours as they are: W must be square, and a node of degree d sums d + 1
states, so that values grow with the degree. `GraphConv` gives the neighbours a matrix of their own
(lin_rel; equation 81 is lin_rel.weight = I, lin_rel.bias = 0). GCN sends node and neighbours through the same W,
which may change the width, and divides by the degrees: no round can lengthen h by A_hat alone, whose largest
eigenvalue is 1. Where all nodes have the same degree d and W = I, equation 81's z is d + 1 times GCN's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import ACTIVATIONS

Array: TypeAlias = NDArray[np.float64]


class Passed(NamedTuple):
    """What the derivative needs: messages m [nodes, features] and sums z [nodes, units]."""

    h: Array
    A: Array
    W: Array
    m: Array
    z: Array
    sigma: str


def adjacency(edges: Sequence[tuple[int, int]], nodes: int) -> Array:
    """A[u, v] = A[v, u] = 1 for each undirected edge (u, v), else 0. [nodes, nodes]"""
    A = np.zeros((nodes, nodes))
    for u, v in edges:
        A[u, v] = A[v, u] = 1.0
    return A


def normalised(A: Array) -> Array:
    """A_hat = D^(-1/2) (A + I) D^(-1/2), D_vv = 1 + degree of v. [nodes, nodes]"""
    with_self = A + np.eye(len(A))
    scale = 1 / np.sqrt(with_self.sum(axis=1))  # [nodes]
    return scale[:, None] * with_self * scale[None, :]


def message_passing(h: Array, A: Array, W: Array, sigma: str = "sigmoid") -> tuple[Array, Passed]:
    """h' = sigma(h W^T + A h). h [nodes, features], A [nodes, nodes], W [features, features] -> [nodes, features].

    Raises ValueError where the shapes do not fit; W must be square, because the neighbours' states are added to W h_v.
    """
    _check(h, A, W, "z = h W^T + A h")
    if W.shape[0] != W.shape[1]:
        raise ValueError(
            f"z = h W^T + A h: W is {list(W.shape)}, h is {list(h.shape)}; "
            "W must be square, since h_u is added to W h_v as it is"
        )
    m = A @ h  # [nodes, features]
    z = h @ W.T + m  # [nodes, features]
    return ACTIVATIONS[sigma][0](z), Passed(h, A, W, m, z, sigma)


def message_passing_backward(dy: Array, passed: Passed) -> tuple[Array, Array]:
    """dh [nodes, features] and dW [features, features] from dy = dL/dh'."""
    # dL/dz = dL/dh' * sigma'(z)
    dz = dy * ACTIVATIONS[passed.sigma][1](passed.z)  # [nodes, features]
    # z_vi holds sum_j W_ij h_vj, so dL/dW_ij = sum_v dz_vi h_vj
    dW = dz.T @ passed.h  # [features, features]
    # h_v acts on its own z by W, and on the z of each node that hears it by A
    dh = dz @ passed.W + passed.A.T @ dz  # [nodes, features]
    return dh, dW


def graph_convolution(h: Array, A: Array, W: Array, b: Array, sigma: str = "relu") -> tuple[Array, Passed]:
    """h' = sigma(A_hat h W^T + b). h [nodes, features], A [nodes, nodes] without self-loops, W [units, features],
    b [units] -> [nodes, units].

    Raises ValueError where the shapes do not fit."""
    _check(h, A, W, "z = A_hat h W^T + b")
    if b.shape != W.shape[:1]:
        raise ValueError(f"z = A_hat h W^T + b: b is {list(b.shape)}, W is {list(W.shape)}; b needs W's {len(W)} rows")
    m = normalised(A) @ h  # [nodes, features]
    z = m @ W.T + b  # [nodes, units]
    return ACTIVATIONS[sigma][0](z), Passed(h, A, W, m, z, sigma)


def graph_convolution_backward(dy: Array, passed: Passed) -> tuple[Array, Array, Array]:
    """dh [nodes, features], dW [units, features], db [units] from dy = dL/dh'."""
    dz = dy * ACTIVATIONS[passed.sigma][1](passed.z)  # [nodes, units]
    # z_vi holds sum_j W_ij m_vj + b_i
    dW = dz.T @ passed.m  # [units, features]
    db = dz.sum(axis=0)  # [units]
    # m = A_hat h, so dL/dh = A_hat^T dL/dm with dL/dm = dz W
    dh = normalised(passed.A).T @ (dz @ passed.W)  # [nodes, features]
    return dh, dW, db


def _check(h: Array, A: Array, W: Array, equation: str) -> None:
    if A.shape != (len(h), len(h)):
        raise ValueError(
            f"{equation}: A is {list(A.shape)}, h is {list(h.shape)}; "
            f"A needs a row and a column for each of h's {len(h)} nodes"
        )
    if W.shape[1] != h.shape[1]:
        raise ValueError(
            f"{equation}: W is {list(W.shape)}, h is {list(h.shape)}; "
            f"W's columns ({W.shape[1]}) must equal h's columns ({h.shape[1]})"
        )


def example() -> dict[str, Array]:
    """A triangle 0, 1, 2 with a tail 3 on node 2; the loss is the sum of node 3's new state."""
    A = adjacency([(0, 1), (0, 2), (1, 2), (2, 3)], nodes=4)
    h = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]])  # [nodes, features]
    W = np.array([[0.5, -0.5], [1.0, 0.5]])  # [features, features]
    y, passed = message_passing(h, A, W)
    dy = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    dh, dW = message_passing_backward(dy, passed)
    gcn, gcn_passed = graph_convolution(h, A, W, np.zeros(2), "sigmoid")
    values = {"A": A, "h": h, "W": W, "m": passed.m, "z": passed.z, "y": y, "dy": dy, "dh": dh, "dW": dW}
    return values | {"A_hat": normalised(A), "gcn_m": gcn_passed.m, "gcn_z": gcn_passed.z, "gcn_y": gcn}
