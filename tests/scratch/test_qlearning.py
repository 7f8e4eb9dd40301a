"""Q-learning: its update as a gradient with the target held fixed, and what it learns against the Bellman optimum."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch import qlearning
from learnloop.scratch.qlearning import WORLD, GridWorld
from tests.scratch.checks import Array, torch64

GAMMA = 0.9
UP, RIGHT, DOWN, LEFT = range(4)


def moves_to_the_goal(world: GridWorld) -> dict[int, int]:
    """Fewest moves from each cell to the best end without touching another end: breadth first, on its own map."""
    ends = dict(world.rewards)
    goal = max(ends, key=lambda cell: ends[cell])
    distance, queue = {goal: 0}, deque([goal])
    while queue:
        cell = queue.popleft()
        row, column = divmod(cell, world.columns)
        for near in [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]:
            number = near[0] * world.columns + near[1]
            free = 0 <= near[0] < world.rows and 0 <= near[1] < world.columns
            if free and number not in world.walls and number not in ends and number not in distance:
                distance[number] = distance[cell] + 1
                queue.append(number)
    return distance


def assert_optimal(Q: Array, best: Array, states: list[int]) -> None:
    """The greedy action of Q is one of the best actions in every state (there may be several equally good)."""
    for s in states:
        assert best[s, Q[s].argmax()] >= best[s].max() - 1e-9, f"state {s}: {Q[s]} against {best[s]}"


def test_the_worked_example_has_the_numbers_of_the_hand() -> None:
    e = qlearning.example()
    # 0 + 0.5 (1 - 0); 0.5 + 0.5 (1 - 0.5); 0 + 0.5 (-0.04 + 0.9 * 0.75 - 0)
    np.testing.assert_allclose([e["Q_1"], e["Q_2"], e["Q_3"]], [0.5, 0.75, 0.3175], atol=1e-15)
    wanted = np.zeros((12, 4))
    wanted[1, RIGHT], wanted[2, RIGHT] = 0.3175, 0.75
    np.testing.assert_allclose(e["Q"], wanted, atol=1e-15)
    # one, two, three moves before the goal: 1, -0.04 + 0.9 * 1, -0.04 + 0.9 * 0.86
    np.testing.assert_allclose(e["Q_star"][[2, 1, 0], RIGHT], [1, 0.86, 0.734], atol=1e-12)
    assert e["Q_star"][6, RIGHT] == -1
    # nothing follows an end, whatever the table says of it
    assert qlearning.bellman(np.ones((12, 4)), WORLD, GAMMA)[2, RIGHT] == 1


def test_moves_stop_at_walls_and_borders_and_end_where_rewards_lie() -> None:
    assert qlearning.move(WORLD, 0, UP) == (0, -0.04, False)
    assert qlearning.move(WORLD, 0, LEFT) == (0, -0.04, False)
    assert qlearning.move(WORLD, 4, LEFT) == (4, -0.04, False)
    assert qlearning.move(WORLD, 11, RIGHT) == (11, -0.04, False)
    assert qlearning.move(WORLD, 11, DOWN) == (11, -0.04, False)
    assert qlearning.move(WORLD, 1, DOWN) == (1, -0.04, False)
    assert qlearning.move(WORLD, 8, UP) == (4, -0.04, False)
    assert qlearning.move(WORLD, 2, RIGHT) == (3, 1.0, True)
    assert qlearning.move(WORLD, 11, UP) == (7, -1.0, True)
    assert WORLD.starts == [0, 1, 2, 4, 6, 8, 9, 10, 11]


@pytest.mark.parametrize("world", [WORLD, GridWorld(5, 3, frozenset({4, 7}), ((2, 1.0),), living=0.0)])
def test_value_iteration_finds_the_value_of_the_shortest_way(world: GridWorld) -> None:
    """n moves from the goal: living (1 + gamma + ... + gamma^(n-2)) + gamma^(n-1)."""
    best = qlearning.value_iteration(world, GAMMA)
    for s, n in moves_to_the_goal(world).items():
        if n > 0:
            value = world.living * sum(GAMMA**k for k in range(n - 1)) + GAMMA ** (n - 1)
            np.testing.assert_allclose(best[s].max(), value, atol=1e-11)


def test_the_bellman_optimum_with_slip_solves_the_policy_as_a_linear_system() -> None:
    """Q* = R + gamma P Q*, with P and R of the greedy policy put together from single moves."""
    world = GridWorld(3, 4, frozenset({5}), WORLD.rewards, slip=0.4)
    best = qlearning.value_iteration(world, GAMMA)
    size = world.states * 4
    P, R = np.zeros((size, size)), np.zeros(size)
    for s in world.starts:
        for a in range(4):
            for b in range(4):
                chance = 0.4 / 4 + (0.6 if a == b else 0.0)
                after, r, ends = qlearning.move(world, s, b)
                R[s * 4 + a] += chance * r
                if not ends:
                    P[s * 4 + a, after * 4 + best[after].argmax()] += chance
    solved = np.linalg.solve(np.eye(size) - GAMMA * P, R).reshape(-1, 4)
    np.testing.assert_allclose(best, solved, atol=1e-10)


@pytest.mark.parametrize("ends", [False, True])
def test_the_update_is_a_gradient_step_with_the_target_held_fixed(ends: bool) -> None:
    rng = np.random.default_rng(0)
    Q, s, a, after, r, alpha = rng.normal(size=(5, 3)), 1, 2, 1, 0.7, 0.3
    table = torch64(Q).requires_grad_()
    target = r + GAMMA * table[after].max() * (not ends)
    for fixed in (True, False):
        loss = 0.5 * torch.nn.functional.mse_loss(table[s, a], target.detach() if fixed else target, reduction="sum")
        (slope,) = torch.autograd.grad(loss, table, retain_graph=True)
        stepped = Q - alpha * slope.numpy()
        ours = qlearning.update(Q, s, a, r, after, ends, alpha, GAMMA)
        if fixed or ends:
            np.testing.assert_allclose(ours, stepped, atol=1e-9)
        else:
            # the full gradient also moves the best action of the next state
            assert np.abs(ours - stepped).max() > 0.1


def test_without_slip_random_moves_alone_teach_the_whole_optimum() -> None:
    """Off-policy: the moves may all be random (epsilon = 1), Q still tends to the value of the best ones."""
    Q = qlearning.learn(WORLD, 300, alpha=0.5, gamma=GAMMA, epsilon=1.0, rng=np.random.default_rng(0))
    best = qlearning.value_iteration(WORLD, GAMMA)
    np.testing.assert_allclose(Q, best, atol=1e-6)
    assert_optimal(Q, best, WORLD.starts)
    assert not Q[[3, 5, 7]].any()


def test_a_mostly_greedy_learner_finds_an_optimal_policy_and_its_values() -> None:
    Q = qlearning.learn(WORLD, 600, alpha=0.5, gamma=GAMMA, epsilon=0.3, rng=np.random.default_rng(0))
    best = qlearning.value_iteration(WORLD, GAMMA)
    assert_optimal(Q, best, WORLD.starts)
    # the actions that it does not like are tried too seldom to be known this well
    np.testing.assert_allclose(Q.max(axis=1), best.max(axis=1), atol=1e-4)


def test_with_slip_the_learnt_policy_is_optimal_too() -> None:
    """A small constant alpha: Q sways about Q* by a few hundredths, the policy is that of Q*."""
    world = GridWorld(3, 4, frozenset({5}), WORLD.rewards, slip=0.2)
    Q = qlearning.learn(world, 3000, alpha=0.02, gamma=GAMMA, epsilon=1.0, rng=np.random.default_rng(0))
    best = qlearning.value_iteration(world, GAMMA)
    assert_optimal(Q, best, world.starts)
    np.testing.assert_allclose(Q, best, atol=0.15)


def test_choosing_is_greedy_but_for_epsilon_and_draws_equals_by_lot() -> None:
    rng = np.random.default_rng(0)
    Q = np.array([[0.0, 2.0, 1.0, 2.0]])
    drawn = np.bincount([qlearning.choose(Q, 0, 0.0, rng) for _ in range(2000)], minlength=4)
    assert drawn[0] == drawn[2] == 0 and min(drawn[1], drawn[3]) > 900
    # any action 0.4 / 4 of the time, the two best 0.3 more each: 4 standard deviations of 2000 draws are 0.04
    drawn = np.bincount([qlearning.choose(Q, 0, 0.4, rng) for _ in range(2000)], minlength=4) / 2000
    np.testing.assert_allclose(drawn, [0.1, 0.4, 0.1, 0.4], atol=0.045)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), states=st.integers(1, 5), actions=st.integers(1, 4), alpha=st.floats(0, 1))
def test_one_update_moves_one_entry_by_alpha_of_its_error(seed: int, states: int, actions: int, alpha: float) -> None:
    rng = np.random.default_rng(seed)
    Q = rng.normal(size=(states, actions))
    s, a, after, r = int(rng.integers(states)), int(rng.integers(actions)), int(rng.integers(states)), rng.normal()
    before = Q.copy()
    new = qlearning.update(Q, s, a, r, after, False, alpha, GAMMA)
    np.testing.assert_array_equal(Q, before)
    target = r + GAMMA * Q[after].max()
    np.testing.assert_allclose(target - new[s, a], (1 - alpha) * (target - Q[s, a]), atol=1e-12)
    new[s, a] = Q[s, a]
    np.testing.assert_array_equal(new, Q)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), slip=st.floats(0, 1))
def test_the_bellman_right_side_brings_any_two_tables_closer_by_gamma(seed: int, slip: float) -> None:
    """It is a contraction: that is why value iteration converges."""
    rng = np.random.default_rng(seed)
    world = GridWorld(3, 4, frozenset({5}), WORLD.rewards, slip=slip)
    one, other = rng.normal(size=(2, 12, 4))
    apart = np.abs(qlearning.bellman(one, world, GAMMA) - qlearning.bellman(other, world, GAMMA)).max()
    assert apart <= GAMMA * np.abs(one - other).max() + 1e-12


def test_places_outside_the_table_and_a_discount_of_one_are_named() -> None:
    with pytest.raises(ValueError) as error:
        qlearning.update(np.zeros((3, 4)), 1, 4, 0.0, 2, False, 0.5, GAMMA)
    assert str(error.value) == "Q(s, a): s is 1, a is 4, s' is 2; Q is [3, 4], [states, actions]"
    with pytest.raises(ValueError, match=r"s is 1, a is 0, s' is 3; Q is \[3, 4\]"):
        qlearning.update(np.zeros((3, 4)), 1, 0, 0.0, 3, False, 0.5, GAMMA)
    with pytest.raises(ValueError) as error:
        qlearning.value_iteration(WORLD, 1.0)
    assert str(error.value) == "Q := r + gamma max_a' Q(s', a'): gamma is 1; needs 0 <= gamma < 1 to settle"
