"""The adversarial pair: objectives against BCEWithLogitsLoss, one step of each player against SGD, the best judge."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from learnloop.scratch.activations import sigmoid
from learnloop.scratch.dense import Dense, random_dense, stack
from learnloop.scratch.gan import (
    Objective,
    discriminator_step,
    example,
    generator_loss,
    generator_loss_backward,
    generator_step,
    jensen_shannon,
    log_sigmoid,
    optimal_discriminator,
    value,
    value_backward,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

OBJECTIVES: list[Objective] = ["minimax", "non-saturating"]


def test_the_worked_example_of_the_discriminator() -> None:
    values = example()
    np.testing.assert_array_equal(values["a_real"][:, 0], [0.5, 1.5])
    np.testing.assert_array_equal(values["a_fake"][:, 0], [-1.5, 0.0])
    np.testing.assert_allclose(values["D_real"][:, 0], [0.622459, 0.817574], atol=5e-7)
    np.testing.assert_allclose(values["D_fake"][:, 0], [0.182426, 0.5], atol=5e-7)
    # (log 0.622459 + log 0.817574) / 2 + (log 0.817574 + log 0.5) / 2 = -0.337745 - 0.447280
    assert values["V"] == pytest.approx(-0.785025, abs=1e-6)
    # [(0.622459 - 1) 3 + (0.817574 - 1) 5 + 0.182426 (-1) + 0.5 * 2] / 2 = (-1.132622 - 0.912129 + 0.817574) / 2
    np.testing.assert_allclose(values["dW_D"], [[-0.613588]], atol=1e-6)
    # (-0.377541 - 0.182426 + 0.182426 + 0.5) / 2
    np.testing.assert_allclose(values["db_D"], [0.061230], atol=1e-6)
    np.testing.assert_allclose(values["W_D after"], [[0.561359]], atol=1e-6)
    np.testing.assert_allclose(values["b_D after"], [-1.006123], atol=1e-6)
    assert values["V after D"] > values["V"]


def test_the_worked_example_of_the_generator() -> None:
    values = example()
    # sigmoid(-0.561359 - 1.006123), sigmoid(2 * 0.561359 - 1.006123)
    np.testing.assert_allclose(values["D_fake 2"][:, 0], [0.172576, 0.529116], atol=2e-6)
    # -1/2 * 0.561359 * (0.172576 * (-1) + 0.529116 * 2),  -1/2 * 0.561359 * (0.172576 + 0.529116)
    np.testing.assert_allclose(values["dW_G minimax"], [[-0.248585]], atol=2e-6)
    np.testing.assert_allclose(values["db_G minimax"], [-0.196950], atol=2e-6)
    # -1/2 * 0.561359 * (0.827424 * (-1) + 0.470884 * 2),  -1/2 * 0.561359 * (0.827424 + 0.470884)
    np.testing.assert_allclose(values["dW_G non-saturating"], [[-0.032094]], atol=2e-6)
    np.testing.assert_allclose(values["db_G non-saturating"], [-0.364408], atol=2e-6)
    assert values["L_G minimax"] == pytest.approx((math.log(0.827424) + math.log(0.470884)) / 2, abs=2e-6)
    assert values["L_G non-saturating"] == pytest.approx(-(math.log(0.172576) + math.log(0.529116)) / 2, abs=4e-6)


@given(m_real=st.integers(1, 5), m_fake=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_objectives_equal_bcewithlogits_and_their_gradients(m_real: int, m_fake: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a_real, a_fake = 3 * rng.normal(size=(m_real, 1)), 3 * rng.normal(size=(m_fake, 1))

    def minus_V(a_real: torch.Tensor, a_fake: torch.Tensor) -> torch.Tensor:
        bce = nn.BCEWithLogitsLoss()
        return bce(a_real, torch.ones_like(a_real)) + bce(a_fake, torch.zeros_like(a_fake))

    V = value(a_real, a_fake)
    assert V <= 0
    assert pytest.approx(-minus_V(torch64(a_real), torch64(a_fake)).item(), abs=1e-12) == V
    assert_autograd(minus_V, [a_real, a_fake], -1.0, value_backward(a_real, a_fake))
    assert_differences(value, [a_real, a_fake], 1.0, value_backward(a_real, a_fake))

    def torch_loss(objective: Objective, a: torch.Tensor) -> torch.Tensor:
        if objective == "minimax":
            return torch.log(1 - torch.sigmoid(a)).mean()
        return F.binary_cross_entropy_with_logits(a, torch.ones_like(a))

    for objective in OBJECTIVES:
        slope = [generator_loss_backward(a_fake, objective)]
        assert generator_loss(a_fake, objective) == pytest.approx(
            torch_loss(objective, torch64(a_fake)).item(), abs=1e-9
        )
        assert_autograd(lambda a, objective=objective: torch_loss(objective, a), [a_fake], 1.0, slope)
        assert_differences(lambda a, objective=objective: generator_loss(a, objective), [a_fake], 1.0, slope)
        assert (slope[0] < 0).all()


def test_only_the_non_saturating_loss_learns_from_a_judge_that_sees_through() -> None:
    sure = np.array([[-10.0]])
    assert -generator_loss_backward(sure, "minimax")[0, 0] == pytest.approx(math.exp(-10), rel=1e-4)
    assert -generator_loss_backward(sure, "non-saturating")[0, 0] == pytest.approx(1, abs=1e-4)
    # Where D is undecided they agree.
    even = np.array([[0.0]])
    np.testing.assert_array_equal(
        generator_loss_backward(even, "minimax"), generator_loss_backward(even, "non-saturating")
    )


def _players() -> tuple[list[Dense], list[Dense], nn.Sequential, nn.Sequential]:
    """G 2 -> 3 -> 1, D 1 -> 4 -> 1, and the same in torch."""
    rng = np.random.default_rng(0)
    G = [random_dense(2, 3, rng, "tanh"), random_dense(3, 1, rng)]
    D = [random_dense(1, 4, rng, "leaky_relu"), random_dense(4, 1, rng)]
    torch_G = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    torch_D = nn.Sequential(nn.Linear(1, 4), nn.LeakyReLU(0.01), nn.Linear(4, 1)).double()
    for layers, network in ((G, torch_G), (D, torch_D)):
        with torch.no_grad():
            for layer, linear in zip(layers, (network[0], network[2])):
                linear.weight.copy_(torch64(layer.W))
                linear.bias.copy_(torch64(layer.b))
    return G, D, torch_G, torch_D


def _assert_same(layers: list[Dense], network: nn.Sequential) -> None:
    for layer, linear in zip(layers, (network[0], network[2])):
        np.testing.assert_allclose(layer.W, linear.weight.detach(), atol=1e-12)
        np.testing.assert_allclose(layer.b, linear.bias.detach(), atol=1e-12)


@pytest.mark.parametrize(("m_real", "m_fake"), [(1, 1), (5, 3)])
def test_a_step_of_the_discriminator_equals_torchs(m_real: int, m_fake: int) -> None:
    G, D, torch_G, torch_D = _players()
    rng = np.random.default_rng(1)
    x, z = 4 + rng.normal(size=(m_real, 1)), rng.normal(size=(m_fake, 2))
    optimiser = torch.optim.SGD(torch_D.parameters(), lr=0.3)
    bce = nn.BCEWithLogitsLoss()
    real, fake = torch_D(torch64(x)), torch_D(torch_G(torch64(z)).detach())
    loss = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    loss.backward()
    optimiser.step()
    found = discriminator_step(x, z, G, D, 0.3)
    assert found.loss == pytest.approx(loss.item(), abs=1e-12)
    _assert_same(found.layers, torch_D)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("m", [1, 5])
def test_a_step_of_the_generator_equals_torchs(objective: Objective, m: int) -> None:
    G, D, torch_G, torch_D = _players()
    z = np.random.default_rng(2).normal(size=(m, 2))
    optimiser = torch.optim.SGD(torch_G.parameters(), lr=0.3)
    logits = torch_D(torch_G(torch64(z)))
    loss = F.logsigmoid(-logits).mean() if objective == "minimax" else -F.logsigmoid(logits).mean()
    loss.backward()
    optimiser.step()
    found = generator_step(z, G, D, 0.3, objective)
    assert found.loss == pytest.approx(loss.item(), abs=1e-12)
    _assert_same(found.layers, torch_G)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gradients_of_both_steps_equal_differences(objective: Objective) -> None:
    G, D, _, _ = _players()
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 1)), rng.normal(size=(3, 2))

    def flat(layers: list[Dense]) -> list[Array]:
        return [array for layer in layers for array in (layer.W, layer.b)]

    def built(values: tuple[Array, ...], like: list[Dense]) -> list[Dense]:
        return [Dense(values[2 * i], values[2 * i + 1], layer.g) for i, layer in enumerate(like)]

    def judge_loss(*values: Array) -> float:
        judge = built(values, D)
        return -value(stack(x, judge)[0], stack(stack(z, G)[0], judge)[0])

    def maker_loss(*values: Array) -> float:
        return generator_loss(stack(stack(z, built(values, G))[0], D)[0], objective)

    assert_differences(judge_loss, flat(D), 1.0, flat(discriminator_step(x, z, G, D, 0.1).gradients))
    assert_differences(maker_loss, flat(G), 1.0, flat(generator_step(z, G, D, 0.1, objective).gradients))


def _normal(x: Array, mean: float) -> Array:
    return np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi)


def test_no_judge_beats_p_over_p_plus_q() -> None:
    x = np.linspace(-8, 12, 2001)
    dx = x[1] - x[0]
    p, q = _normal(x, 4), _normal(x, 1)

    def V(D: Array) -> float:
        return float(dx * (p * np.log(D) + q * np.log(1 - D)).sum())

    best = optimal_discriminator(p, q)
    # Two normals of variance 1: log p - log q is a line, 3 x - 7.5.
    np.testing.assert_allclose(best, sigmoid(3 * x - 7.5), rtol=1e-9)
    inside = np.clip(best, 1e-12, 1 - 1e-12)
    assert V(inside) == pytest.approx(2 * jensen_shannon(p, q, dx) - math.log(4), abs=1e-6)
    rng = np.random.default_rng(4)
    for _ in range(20):
        assert V(np.clip(inside + 0.05 * rng.normal(size=x.shape), 1e-12, 1 - 1e-12)) < V(inside)


def test_the_value_is_minus_log_4_when_nothing_can_be_told_apart() -> None:
    x = np.linspace(-8, 8, 1601)
    p = _normal(x, 0)
    assert (optimal_discriminator(p, p) == 0.5).all()
    assert jensen_shannon(p, p, x[1] - x[0]) == 0
    assert value(np.zeros((3, 1)), np.zeros((2, 1))) == pytest.approx(-math.log(4))
    # Two densities that never meet are log 2 apart, however far.
    left, right = np.where(x < 0, 1 / 8, 0.0), np.where(x >= 0, 1 / 8, 0.0)
    assert jensen_shannon(left, right, x[1] - x[0]) == pytest.approx(math.log(2), rel=2e-3)


def test_a_trained_discriminator_comes_near_the_best_one() -> None:
    rng = np.random.default_rng(5)
    x, z = 3 + rng.normal(size=(4000, 1)), rng.normal(size=(4000, 1))
    D, G = [Dense(np.zeros((1, 1)), np.zeros(1))], [Dense(np.ones((1, 1)), np.zeros(1))]
    for _ in range(600):
        D = discriminator_step(x, z, G, D, 0.3).layers
    # log p / q = 3 x - 4.5; 8000 draws tell the slope to about 3 %.
    assert D[0].W[0, 0] == pytest.approx(3, rel=0.1)
    assert -D[0].b[0] / D[0].W[0, 0] == pytest.approx(1.5, abs=0.05)


def test_logits_far_out_stay_finite() -> None:
    np.testing.assert_allclose(log_sigmoid(np.array([-1000.0, 0.0, 1000.0])), [-1000, -math.log(2), 0], atol=1e-12)


def test_an_objective_that_does_not_exist_is_refused() -> None:
    for function in (generator_loss, generator_loss_backward):
        with pytest.raises(ValueError) as caught:
            function(np.zeros((1, 1)), "maximin")  # type: ignore[arg-type]
        assert str(caught.value) == 'objective must be "minimax" or "non-saturating", found \'maximin\''


def test_mistakes_are_named_with_the_equation() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError) as caught:
        discriminator_step(np.ones((4, 2)), np.ones((3, 1)), [random_dense(1, 1, rng)], [random_dense(2, 1, rng)], 0.1)
    assert str(caught.value) == (
        "V = E_x[log D(x)] + E_z[log(1 - D(G(z)))]: x is [4, 2], G(z) is [3, 1]; G's last layer needs 2 units"
    )
    with pytest.raises(ValueError) as caught:
        optimal_discriminator(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert str(caught.value) == (
        "D* = p / (p + q): p and q are both 0 somewhere; nothing comes from there, so D may say anything"
    )
