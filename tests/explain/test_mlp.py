from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from learnloop.explain.topics.mlp import walk
from learnloop.explain.walk import Curves, Network, Table
from tests.explain.checks import assert_good_walk


def test_the_walk_holds_and_gives_the_numbers_worked_out_by_hand() -> None:
    told = walk()
    assert_good_walk(told)
    golden = {
        "loss": 1.247803,
        "dW2": [[-0.319288, 0.256987], [0.319288, -0.256987]],
        "dW1": [[-0.087543, -0.094256], [0.326447, 0.185280]],
        "W2 after": [[-0.340356, 0.871506], [0.340356, -0.871506]],
        "loss after": 0.933113,
    }
    for name, numbers in golden.items():
        np.testing.assert_allclose(told.values[name], numbers, rtol=0, atol=1e-6, err_msg=name)


def test_the_numbers_are_those_of_torch_s_backward() -> None:
    values = walk().values
    tensors = {
        name: torch.tensor(values[name], dtype=torch.float64, requires_grad=True) for name in ("W1", "b1", "W2", "b2")
    }
    hidden = torch.tanh(F.linear(torch.tensor(values["X"].T), tensors["W1"], tensors["b1"][:, 0]))
    loss = F.cross_entropy(F.linear(hidden, tensors["W2"], tensors["b2"][:, 0]), torch.tensor(values["Y"].T))
    loss.backward()
    np.testing.assert_allclose(values["loss"], loss.item(), rtol=1e-12)
    for name, tensor in tensors.items():
        np.testing.assert_allclose(values["d" + name], tensor.grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


def test_the_picture_shows_the_sample_and_in_the_second_one_its_gradients() -> None:
    told = walk()
    first, second = (block for section in told.sections for block in section.blocks if isinstance(block, Network))
    assert [node.value for node in first.layers[0]] == [1, 0]
    np.testing.assert_allclose([node.value for node in first.layers[2]], [0.843675, 0.156325], rtol=0, atol=1e-6)
    assert all(edge.gradient is None for edge in first.edges)
    gradients = {(edge.layer, edge.start, edge.end): edge.gradient for edge in second.edges}
    assert len(gradients) == 8
    np.testing.assert_allclose([gradients[0, 0, 1], gradients[1, 1, 0]], [0.326447, 0.256987], rtol=0, atol=1e-6)


def test_all_three_descents_learn_xor() -> None:
    told = walk()
    table = next(block for block in told.sections[4].blocks if isinstance(block, Table))
    assert [list(row[:3]) for row in table.rows] == [["batch", 4, 200], ["mini-batch", 2, 400], ["stochastic", 1, 800]]
    for row in table.rows:
        assert [round(float(share)) for share in row[3:]] == [0, 1, 1, 0]
    curves = next(block for block in told.sections[4].blocks if isinstance(block, Curves))
    for _, losses in curves.lines.values():
        assert losses[-1] < 0.05 < 1 < losses[0]
