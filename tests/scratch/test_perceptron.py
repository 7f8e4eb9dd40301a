from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from learnloop.contracts import Y as LABELS
from learnloop.models.perceptron import Perceptron
from learnloop.nn.inputs import TableInput
from learnloop.scratch.perceptron import (
    AND,
    INPUTS,
    XOR,
    contradiction,
    criterion,
    criterion_backward,
    example,
    learn,
    most_corrections,
    predict,
    score,
)
from learnloop.tasks.perceptron import PerceptronTask
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64


def rows(m: int, n: int, seed: int, margin: float = 0.1) -> tuple[Array, Array, Array, float]:
    """(x, y, w, b): w, b separates the rows with at least `margin` to either side."""
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=n), float(rng.normal())
    x = rng.normal(size=(m, n))
    z = (x @ w + b) / np.sqrt(w @ w)
    x += np.outer(np.where(z >= 0, margin, -margin), w / np.sqrt(w @ w))
    return x, (z >= 0).astype(float), w, b


def test_and_with_weights_1_1_and_bias_minus_1_5() -> None:
    found = example()
    assert found["z"].tolist() == [-1.5, -0.5, -0.5, 0.5]
    assert found["yhat"].tolist() == [0, 0, 0, 1]


def test_and_is_learnt_from_zero_in_the_steps_worked_out_by_hand() -> None:
    found = example()
    path = [[0, 0, 0], [0, 0, -1], [1, 1, 0], [1, 1, -1], [1, 0, -2], [2, 1, -1], [2, 0, -2], [1, 0, -3], [2, 1, -2]]
    path += [[1, 1, -3], [2, 2, -2], [2, 1, -3]]
    assert found["AND path"].tolist() == path
    assert found["AND mistakes"].tolist() == [2, 3, 3, 2, 1, 0]
    # R^2 = 3, gamma^2 = 0.5^2 / (1 + 1 + 1.5^2) = 1 / 17.
    np.testing.assert_allclose(found["most corrections"], 51, rtol=1e-12)
    learning = learn(INPUTS, AND, np.zeros(2), 0.0)
    assert learning.converged and learning.why == "converged: epoch 6 made no mistake, after 11 corrections"
    assert predict(INPUTS, learning.w, learning.b).tolist() == AND.tolist()
    assert learning.cycle.tolist() == [0, 0, 0, 0]


def test_xor_goes_round_and_its_four_inequalities_contradict_each_other() -> None:
    learning = learn(INPUTS, XOR, np.zeros(2), 0.0)
    assert learning.mistakes.tolist() == [3, 3, 4] and not learning.converged
    assert learning.path[-1].tolist() == learning.path[6].tolist() == [-1, 0, 0]
    assert learning.rows[6:].tolist() == [0, 1, 2, 3]
    lines, total = contradiction(INPUTS, XOR, learning.cycle)
    assert lines == ["1 times  b < 0", "1 times  w2 + b >= 0", "1 times  w1 + b >= 0", "1 times  w1 + w2 + b < 0"]
    assert total.tolist() == [0, 0, 0]
    assert learning.why == (
        "does not converge: after epoch 3 w and b are where they were before, and will go round for ever; "
        "the corrections of one round add up to 0, so no line separates the rows"
    )


def test_xor_really_goes_round_when_it_is_carried_on() -> None:
    first = learn(INPUTS, XOR, np.zeros(2), 0.0)
    again = learn(INPUTS, XOR, first.w, first.b)
    assert again.mistakes.tolist() == [4]
    assert [*again.w, again.b] == [*first.w, first.b]


def test_a_limit_of_epochs_is_no_proof_and_says_so() -> None:
    learning = learn(INPUTS, AND, np.zeros(2), 0.0, epochs=2)
    assert not learning.converged and not learning.cycle.any()
    assert learning.why == "not converged in 2 epochs (5 corrections), and no cycle seen: it may need more"


def test_standing_still_by_rounding_is_not_called_a_cycle() -> None:
    """1e20 + 1 is 1e20: the weights do not move, yet a line does separate these rows."""
    x, y = np.array([[1.0], [-1.0]]), np.array([0.0, 1.0])
    learning = learn(x, y, np.array([1e20]), 0.0, epochs=3)
    assert learning.mistakes.tolist() == [2, 2, 2]
    assert not learning.converged and not learning.cycle.any()
    assert learn(x, y, np.zeros(1), 0.0).converged


def test_alpha_only_scales_the_weights_when_they_start_at_zero() -> None:
    one, half = (learn(INPUTS, AND, np.zeros(2), 0.0, alpha) for alpha in (1.0, 0.5))
    np.testing.assert_array_equal(half.path, one.path / 2)
    elsewhere = [learn(INPUTS, AND, np.array([0.3, -0.7]), 0.1, alpha).mistakes.tolist() for alpha in (1.0, 0.125)]
    assert elsewhere[0] != elsewhere[1]


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_separable_rows_converge_within_novikoff_s_bound(m: int, n: int, seed: int) -> None:
    x, y, w, b = rows(m, n, seed)
    learning = learn(x, y, np.zeros(n), 0.0, epochs=20_000)
    assert learning.converged and not learning.cycle.any()
    assert predict(x, learning.w, learning.b).tolist() == y.tolist()
    assert len(learning.rows) == len(learning.path) - 1 == learning.mistakes.sum()
    assert len(learning.rows) <= most_corrections(x, y, w, b)


@given(st.integers(0, 255))
@settings(max_examples=25, deadline=None)
def test_every_truth_table_of_three_inputs_ends_in_weights_or_in_a_proof(code: int) -> None:
    x = np.array([[a, b, c] for a in (0.0, 1.0) for b in (0.0, 1.0) for c in (0.0, 1.0)])
    y = np.array([float(code >> i & 1) for i in range(8)])
    learning = learn(x, y, np.zeros(3), 0.0, epochs=1000)
    assert learning.converged != learning.cycle.any()
    if learning.converged:
        assert predict(x, learning.w, learning.b).tolist() == y.tolist()
    else:
        assert contradiction(x, y, learning.cycle)[1].tolist() == [0, 0, 0, 0]
        # Rows of both kinds take part: one of them makes the sum of the inequalities strict.
        assert learning.cycle[y == 0].sum() == learning.cycle[y == 1].sum() > 0


@pytest.mark.parametrize(("m", "n"), [(1, 1), (7, 3)])
def test_the_rule_is_gradient_descent_on_the_criterion(m: int, n: int) -> None:
    rng = np.random.default_rng(4)
    x, y, w = rng.normal(size=(m, n)), rng.integers(2, size=m).astype(float), rng.normal(size=n)
    b = -1.0 if m == 1 and y[0] else 0.3
    dw, db = criterion_backward(x, y, w, b)
    assert np.abs(dw).max() > 0
    sign = torch64(np.where(y > 0, 1.0, -1.0))

    def of_torch(w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.clamp(-sign * (torch64(x) @ w + b), min=0).sum()

    inputs = [w, np.array([b])]
    assert_autograd(of_torch, inputs, 1.0, [dw, np.array([db])])
    assert_differences(lambda w, b: criterion(x, y, w, float(b[0])), inputs, 1.0, [dw, np.array([db])])
    # One row: the correction is a step of SGD with the same alpha.
    learning = learn(x[:1], y[:1], w, b, alpha=0.5, epochs=1)
    step = criterion_backward(x[:1], y[:1], w, b)
    np.testing.assert_allclose(learning.path[-1], np.append(w - 0.5 * step[0], b - 0.5 * step[1]), rtol=1e-15)


def test_the_library_s_task_makes_the_same_corrections() -> None:
    x, y, _, _ = rows(15, 3, seed=2)
    net = Perceptron(TableInput(3, ()), 3, 1).double()
    task = PerceptronTask(net, ("x",))
    for epochs in (1, 2, 3):
        task.train_step({"x": torch64(x), LABELS: torch64(y)})
        learning = learn(x, y, np.zeros(3), 0.0, epochs=epochs)
        np.testing.assert_allclose(net.weight.detach().numpy()[0], learning.w, rtol=1e-12)
        np.testing.assert_allclose(net.bias.detach().numpy(), [learning.b], rtol=1e-12)


def test_the_step_equals_heaviside_of_a_linear_layer() -> None:
    x, _, w, b = rows(9, 4, seed=1)
    linear = nn.Linear(4, 1, dtype=torch.float64)
    linear.load_state_dict({"weight": torch64(w[None]), "bias": torch64(np.array([b]))})
    z = linear(torch64(x))[:, 0].detach()
    np.testing.assert_allclose(score(x, w, b), z.numpy(), rtol=1e-12, atol=1e-14)
    assert predict(x, w, b).tolist() == torch.heaviside(z, torch.tensor(1.0, dtype=z.dtype)).tolist()


def test_shapes_and_margins_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError) as error:
        score(np.zeros((4, 2)), np.zeros(3), 0.0)
    assert str(error.value) == "z = w . x + b: x is [4, 2], w is [3]; x's columns (2) must equal w's entries (3)"
    with pytest.raises(ValueError) as error:
        most_corrections(INPUTS, XOR, np.array([1.0, 1.0]), -1.5)
    assert str(error.value) == "t (w . x + b) > 0 must hold in every row; the smallest is -0.2425"
