"""Q-learning on a grid world: the value of each action in each state, learnt from single moves.

    the update       Q(s, a) := Q(s, a) + alpha [r + gamma max_a' Q(s', a') - Q(s, a)]
    its target       y = r + gamma max_a' Q(s', a'), or y = r where s' ends the episode
    exploring        a = argmax_a Q(s, a), but any action with probability epsilon
    Bellman optimum  Q*(s, a) = sum over s' of p(s' | s, a) [r + gamma max_a' Q*(s', a')]
    as a gradient    L = 1/2 (y - Q(s, a))^2 with y held fixed: dL/dQ(s, a) = -(y - Q(s, a)), Q := Q - alpha dL/dQ

    here             shape               PyTorch (a network in the place of the table)
    Q                [states, actions]   q_network(obs), [batch, actions]
    Q(s, a)          number              q.gather(1, action)
    max_a' Q(s', a') number              target_network(next_obs).amax(1).detach()
    ends             bool                done
    L                number              0.5 * F.mse_loss(..., reduction="sum")

Source: Watkins and Dayan, Q-learning, 1992, equation 1; Sutton and Barto, Reinforcement Learning, 2nd edition 2018,
equation 6.8 and section 4.4 (value iteration). The grid and its rewards are those of Russell and Norvig, Artificial
Intelligence, section 17.1; slipping is ours: with probability `slip` the move is drawn evenly from all four. The guide
"Data Science with Python, Module 11" names Q-learning under "Advanced Topics" and gives no equation.

Where it differs from a gradient. The target y holds Q too, yet is not differentiated (hence `.detach()`); the full
gradient of L would also move Q(s', a') and learns something else (Sutton and Barto, section 11.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Row and column steps of the actions 0 up, 1 right, 2 down, 3 left."""


@dataclass(frozen=True)
class GridWorld:
    """Cells are numbered row by row. A move against a wall or the border stays where it is.

    rewards   cell -> reward on entering it; the episode ends there
    living    reward of every other move
    slip      probability that the move is drawn from all four instead of being the action's
    """

    rows: int
    columns: int
    walls: frozenset[int]
    rewards: tuple[tuple[int, float], ...]
    living: float = -0.04
    slip: float = 0.0

    @property
    def states(self) -> int:
        return self.rows * self.columns

    @property
    def starts(self) -> list[int]:
        """The cells where an episode can be: no wall, no end."""
        ends = dict(self.rewards)
        return [s for s in range(self.states) if s not in self.walls and s not in ends]


def move(world: GridWorld, s: int, a: int) -> tuple[int, float, bool]:
    """s', r, ends: what action a does in state s when nothing slips."""
    row, column = divmod(s, world.columns)
    row, column = row + MOVES[a][0], column + MOVES[a][1]
    inside = 0 <= row < world.rows and 0 <= column < world.columns
    cell = row * world.columns + column
    after = cell if inside and cell not in world.walls else s
    ends = dict(world.rewards)
    return after, ends.get(after, world.living), after in ends


def update(Q: Array, s: int, a: int, r: float, after: int, ends: bool, alpha: float, gamma: float) -> Array:
    """Q(s, a) + alpha [r + gamma max_a' Q(s', a') - Q(s, a)] in the place of Q(s, a); all else as it was.

    Q [states, actions] -> [states, actions]. An ended episode has no next value: the target is r.
    Raises ValueError where s, s' or a is not in Q."""
    if not (0 <= s < len(Q) and 0 <= after < len(Q) and 0 <= a < Q.shape[1]):
        raise ValueError(f"Q(s, a): s is {s}, a is {a}, s' is {after}; Q is {list(Q.shape)}, [states, actions]")
    y = r if ends else r + gamma * Q[after].max()
    Q = Q.copy()
    Q[s, a] += alpha * (y - Q[s, a])
    return Q


def choose(Q: Array, s: int, epsilon: float, rng: np.random.Generator) -> int:
    """A random action with probability epsilon, else the best one; equals are drawn by lot."""
    if rng.random() < epsilon:
        return int(rng.integers(Q.shape[1]))
    return int(rng.choice(np.flatnonzero(Q[s] == Q[s].max())))


def learn(
    world: GridWorld, episodes: int, alpha: float, gamma: float, epsilon: float, rng: np.random.Generator
) -> Array:
    """Q [states, actions] after so many episodes from random starts, beginning with zeros.

    alpha is constant: without slip Q tends to Q*; with slip it keeps swaying about Q*, the less the smaller alpha."""
    Q = np.zeros((world.states, len(MOVES)))
    for _ in range(episodes):
        s, ends = int(rng.choice(world.starts)), False
        while not ends:
            a = choose(Q, s, epsilon, rng)
            done = int(rng.integers(len(MOVES))) if rng.random() < world.slip else a
            after, r, ends = move(world, s, done)
            Q, s = update(Q, s, a, r, after, ends, alpha, gamma), after
    return Q


def bellman(Q: Array, world: GridWorld, gamma: float) -> Array:
    """The right side of the Bellman optimum, which knows p(s' | s, a); rows of walls and ends stay 0. Shape of Q."""
    straight = np.zeros_like(Q)  # [states, actions]: the target of the move itself
    for s in world.starts:
        for a in range(len(MOVES)):
            after, r, ends = move(world, s, a)
            straight[s, a] = r if ends else r + gamma * Q[after].max()
    return (1 - world.slip) * straight + world.slip * straight.mean(axis=1, keepdims=True)


def value_iteration(world: GridWorld, gamma: float, tolerance: float = 1e-12) -> Array:
    """Q*: Q := bellman(Q) until no entry moves by more than `tolerance`. [states, actions]

    Raises ValueError unless 0 <= gamma < 1: each sweep then comes nearer to Q* by gamma."""
    if not 0 <= gamma < 1:
        raise ValueError(f"Q := r + gamma max_a' Q(s', a'): gamma is {gamma:g}; needs 0 <= gamma < 1 to settle")
    Q = np.zeros((world.states, len(MOVES)))
    while True:
        better = bellman(Q, world, gamma)
        if np.abs(better - Q).max() <= tolerance:
            return better
        Q = better


def example() -> dict[str, Array]:
    """Three moves on the grid below (walls #): right into the goal twice, then right towards it from one cell before.

    0  1  2  +1
    4  #  6  -1
    8  9 10  11
    """
    world, alpha, gamma = WORLD, 0.5, 0.9
    Q, moves = np.zeros((world.states, len(MOVES))), [(2, 1), (2, 1), (1, 1)]
    values = {"alpha": np.array(alpha), "gamma": np.array(gamma), "moves": np.array(moves, float)}
    for n, (s, a) in enumerate(moves, start=1):
        after, r, ends = move(world, s, a)
        Q = update(Q, s, a, r, after, ends, alpha, gamma)
        values[f"Q_{n}"] = np.array(Q[s, a])
    return values | {"Q": Q, "Q_star": value_iteration(world, gamma)}


WORLD = GridWorld(rows=3, columns=4, walls=frozenset({5}), rewards=((3, 1.0), (7, -1.0)))
