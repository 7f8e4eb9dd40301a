"""Message passing (equation 81) and the GCN, by hand, by differences and by torch's gather and scatter over edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch import graph
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SIZES = [(1, 1), (1, 3), (4, 2), (5, 3)]
RING = graph.adjacency([(v, (v + 1) % 6) for v in range(6)], nodes=6)


def some_graph(rng: np.random.Generator, nodes: int) -> Array:
    """An undirected graph without self-loops; some nodes may have no neighbour."""
    upper = np.triu(rng.random((nodes, nodes)) < 0.5, k=1).astype(float)
    return upper + upper.T


def torch_passing(h: torch.Tensor, A: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
    """Equation 81 with a list of edges instead of a matrix: gather the senders, add them to the receivers."""
    receivers, senders = A.nonzero().T
    return torch.sigmoid((h @ W.T).index_add(0, receivers, h[senders]))


def torch_gcn(h: torch.Tensor, A: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    nodes = torch.arange(len(A))
    receivers, senders = torch.cat([A.nonzero().T, nodes.repeat(2, 1)], dim=1)
    degree = torch.zeros(len(A), dtype=h.dtype).index_add(0, receivers, torch.ones(len(receivers), dtype=h.dtype))
    share = 1 / (degree[receivers] * degree[senders]).sqrt()
    sent = share[:, None] * (h @ W.T)[senders]
    return torch.tanh(torch.zeros(len(A), len(W), dtype=h.dtype).index_add(0, receivers, sent) + b)


def test_the_worked_example_has_the_numbers_of_the_hand() -> None:
    e = graph.example()
    np.testing.assert_array_equal(e["A"], [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]])
    np.testing.assert_array_equal(e["m"], [[1, 2], [2, 1], [0, 1], [1, 1]])
    np.testing.assert_array_equal(e["z"], [[1.5, 3], [1.5, 1.5], [0, 2.5], [0.5, 0]])
    # sigmoid(1.5), sigmoid(3), sigmoid(2.5), sigmoid(0.5)
    y = [[0.817574, 0.952574], [0.817574, 0.817574], [0.5, 0.924142], [0.622459, 0.5]]
    np.testing.assert_allclose(e["y"], y, atol=5e-7)
    # dz_3 = (0.622459 * 0.377541, 0.5 * 0.5) = (0.235004, 0.25) reaches node 3 by W and node 2 as it is
    np.testing.assert_allclose(e["dh"], [[0, 0], [0, 0], [0.235004, 0.25], [0.367502, 0.007498]], atol=5e-7)
    np.testing.assert_allclose(e["dW"], [[-0.235004, 0], [-0.25, 0]], atol=5e-7)


def test_the_worked_gcn_has_the_numbers_of_the_hand() -> None:
    e = graph.example()
    # degrees with the node itself: 3, 3, 4, 2
    third, to_hub, to_tail = 1 / 3, 12**-0.5, 8**-0.5
    A_hat = [
        [third, third, to_hub, 0],
        [third, third, to_hub, 0],
        [to_hub, to_hub, 0.25, to_tail],
        [0, 0, to_tail, 0.5],
    ]
    np.testing.assert_allclose(e["A_hat"], A_hat, atol=1e-15)
    np.testing.assert_allclose(e["gcn_m"][2], [0.185122, 0.538675], atol=5e-7)
    np.testing.assert_allclose(e["gcn_z"][2], [-0.176777, 0.454459], atol=5e-7)
    np.testing.assert_allclose(e["gcn_y"][2], [0.455921, 0.611699], atol=5e-7)


@pytest.mark.parametrize("nodes, features", SIZES)
def test_message_passing_and_its_gradients_equal_torch_and_differences(nodes: int, features: int) -> None:
    rng = np.random.default_rng(nodes * 10 + features)
    A = some_graph(rng, nodes)
    h, W = rng.normal(size=(nodes, features)), rng.normal(size=(features, features))
    dy = rng.normal(size=(nodes, features))
    y, passed = graph.message_passing(h, A, W)
    np.testing.assert_allclose(y, torch_passing(torch64(h), torch64(A), torch64(W)).numpy(), atol=1e-12)
    gradients = graph.message_passing_backward(dy, passed)
    assert_differences(lambda h, W: graph.message_passing(h, A, W)[0], [h, W], dy, gradients)
    assert_autograd(lambda h, W: torch_passing(h, torch64(A), W), [h, W], dy, gradients)


@pytest.mark.parametrize("nodes, features", SIZES)
@pytest.mark.parametrize("units", [1, 4])
def test_gcn_and_its_gradients_equal_torch_and_differences(nodes: int, features: int, units: int) -> None:
    rng = np.random.default_rng(nodes * 10 + features)
    A = some_graph(rng, nodes)
    h, W, b = rng.normal(size=(nodes, features)), rng.normal(size=(units, features)), rng.normal(size=units)
    dy = rng.normal(size=(nodes, units))
    y, passed = graph.graph_convolution(h, A, W, b, "tanh")
    np.testing.assert_allclose(y, torch_gcn(torch64(h), torch64(A), torch64(W), torch64(b)).numpy(), atol=1e-12)
    gradients = graph.graph_convolution_backward(dy, passed)
    assert_differences(lambda h, W, b: graph.graph_convolution(h, A, W, b, "tanh")[0], [h, W, b], dy, gradients)
    assert_autograd(lambda h, W, b: torch_gcn(h, torch64(A), W, b), [h, W, b], dy, gradients)


def test_on_a_directed_weighted_graph_the_gradient_goes_back_along_the_edges() -> None:
    rng = np.random.default_rng(3)
    A, h, W, dy = (rng.normal(size=size) for size in [(3, 3), (3, 2), (2, 2), (3, 2)])
    gradients = graph.message_passing_backward(dy, graph.message_passing(h, A, W)[1])
    assert_differences(lambda h, W: graph.message_passing(h, A, W)[0], [h, W], dy, gradients)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(1, 7), features=st.integers(1, 4))
def test_renaming_the_nodes_renames_the_result(seed: int, nodes: int, features: int) -> None:
    rng = np.random.default_rng(seed)
    A, order = some_graph(rng, nodes), rng.permutation(nodes)
    h, W = rng.normal(size=(nodes, features)), rng.normal(size=(features, features))
    renamed = A[np.ix_(order, order)]
    y = graph.message_passing(h, A, W)[0]
    assert y.shape == h.shape
    np.testing.assert_allclose(graph.message_passing(h[order], renamed, W)[0], y[order], atol=1e-12)
    b = rng.normal(size=features)
    y = graph.graph_convolution(h, A, W, b)[0]
    np.testing.assert_allclose(graph.graph_convolution(h[order], renamed, W, b)[0], y[order], atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(1, 7))
def test_normalising_keeps_the_graph_symmetric_with_largest_eigenvalue_one(seed: int, nodes: int) -> None:
    A_hat = graph.normalised(some_graph(np.random.default_rng(seed), nodes))
    eigenvalues = np.linalg.eigvalsh(A_hat)
    np.testing.assert_allclose(A_hat, A_hat.T, atol=1e-15)
    assert abs(eigenvalues.max() - 1) < 1e-12 and eigenvalues.min() > -1


def test_where_all_degrees_are_equal_equation_81_is_degree_plus_one_times_gcn() -> None:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(6, 3))
    passing = graph.message_passing(h, RING, np.eye(3))[1].z
    gcn = graph.graph_convolution(h, RING, np.eye(3), np.zeros(3))[1].z
    np.testing.assert_allclose(passing, 3 * gcn, atol=1e-12)


@pytest.mark.parametrize("leaves", [10, 160])
def test_a_hub_grows_with_its_degree_in_equation_81_and_with_the_root_of_it_in_gcn(leaves: int) -> None:
    A = graph.adjacency([(0, leaf) for leaf in range(1, leaves + 1)], nodes=leaves + 1)
    ones = np.ones((leaves + 1, 1))
    assert graph.message_passing(ones, A, np.eye(1))[1].z[0, 0] == leaves + 1
    gcn = graph.graph_convolution(ones, A, np.eye(1), np.zeros(1))[1].z
    # itself by 1 / (leaves + 1), each leaf (2 with itself) by 1 / sqrt(2 (leaves + 1))
    np.testing.assert_allclose(gcn[0, 0], 1 / (leaves + 1) + leaves / np.sqrt(2 * (leaves + 1)), atol=1e-12)
    assert np.linalg.norm(gcn) <= np.linalg.norm(ones)


def test_equation_81_tells_two_nodes_apart_that_gcn_cannot() -> None:
    """Nodes 0 and 1 of the example have other states, but hear the same three nodes, themselves included."""
    e = graph.example()
    assert np.abs(e["z"][0] - e["z"][1]).max() == 1.5
    np.testing.assert_allclose(e["gcn_z"][0], e["gcn_z"][1], atol=1e-15)


def test_news_travels_one_edge_a_round() -> None:
    path = graph.adjacency([(0, 1), (1, 2), (2, 3)], nodes=4)
    h = np.array([[1.0], [0.0], [0.0], [0.0]])
    for reached in (2, 3, 4):
        h, _ = graph.message_passing(h, path, np.eye(1), "identity")
        assert np.count_nonzero(h) == reached
    # node 3 has heard by the one walk of three edges, node 2 by the three walks of two edges and a pause
    np.testing.assert_array_equal(h[:, 0], [4, 5, 3, 1])


def test_a_node_without_neighbours_sees_itself_alone() -> None:
    h, W = np.array([[2.0, -1.0]]), np.array([[1.0, 2.0], [0.5, 0.0]])
    alone = np.zeros((1, 1))
    np.testing.assert_array_equal(graph.message_passing(h, alone, W)[1].z, [[0, 1]])
    np.testing.assert_array_equal(graph.graph_convolution(h, alone, W, np.zeros(2))[1].z, [[0, 1]])


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    h, A, W = np.zeros((4, 2)), np.zeros((4, 4)), np.zeros((2, 2))
    with pytest.raises(ValueError) as error:
        graph.message_passing(h, np.zeros((3, 3)), W)
    wanted = "z = h W^T + A h: A is [3, 3], h is [4, 2]; A needs a row and a column for each of h's 4 nodes"
    assert str(error.value) == wanted
    with pytest.raises(ValueError) as error:
        graph.message_passing(h, A, np.zeros((2, 3)))
    assert str(error.value) == "z = h W^T + A h: W is [2, 3], h is [4, 2]; W's columns (3) must equal h's columns (2)"
    with pytest.raises(ValueError) as error:
        graph.message_passing(h, A, np.zeros((3, 2)))
    wanted = "z = h W^T + A h: W is [3, 2], h is [4, 2]; W must be square, since h_u is added to W h_v as it is"
    assert str(error.value) == wanted
    with pytest.raises(ValueError) as error:
        graph.graph_convolution(h, A, np.zeros((3, 2)), np.zeros(2))
    assert str(error.value) == "z = A_hat h W^T + b: b is [2], W is [3, 2]; b needs W's 3 rows"
