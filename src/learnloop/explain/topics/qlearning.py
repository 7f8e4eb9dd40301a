"""`learnloop explain qlearning`: a grid world, three updates by hand, and what is learnt against the best possible."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Grid, Say, Section, Table, Walk, factor, number
from learnloop.scratch.qlearning import WORLD, example, learn, move

ARROWS = ("↑", "→", "↓", "←")
NAMES = ("up", "right", "down", "left")
EPISODES = (0, 5, 10, 20, 40, 80, 160, 320)
SHOWN = (10, 40, 320)
EPSILON = 0.3
CLOSE = 1e-6
"""Actions whose values differ by no more are equally good."""


def walk() -> Walk:
    values = example()
    values |= _learnt(values)
    sections = [_grid(), _updates(values), _gradient(values), _learning(values), _best(values), _remember(values)]
    return Walk(
        "Q-learning: the value of every action, from single moves",
        sections,
        values,
        "Watkins and Dayan, Q-learning, 1992; Sutton and Barto, Reinforcement Learning, 2nd edition 2018, sections 4.4 "
        "and 6.5; the grid of Russell and Norvig, Artificial Intelligence, section 17.1 (course guide 000 names "
        "Q-learning and gives no equation). Code: learnloop.scratch.qlearning",
        ("learnloop explain sgd", "learnloop explain losses", "learnloop explain maml"),
    )


def _learnt(values: dict[str, Array]) -> dict[str, Array]:
    """Q after so many episodes of one learner (the same seed: the first episodes are the same), and its error."""
    alpha, gamma = float(values["alpha"]), float(values["gamma"])
    tables = {n: learn(WORLD, n, alpha, gamma, EPSILON, np.random.default_rng(0)) for n in EPISODES}
    best = values["Q_star"].max(axis=1)
    errors = np.array([np.abs(Q.max(axis=1) - best).max() for Q in tables.values()])
    return {f"Q after {n}": tables[n] for n in SHOWN} | {"largest error": errors}


def _by_cell(Q: Array) -> Array:
    """max_a Q(s, a) where an episode can be, the reward where it ends, 0 on a wall. [rows, columns]"""
    shown = Q.max(axis=1)
    for cell, reward in WORLD.rewards:
        shown[cell] = reward
    return shown.reshape(WORLD.rows, WORLD.columns)


def _ends() -> frozenset[tuple[int, int]]:
    return frozenset(divmod(cell, WORLD.columns) for cell, _ in WORLD.rewards)


def _arrows(Q: Array) -> list[list[str]]:
    """The best actions of each cell; # a wall, the reward where it ends."""
    ends = dict(WORLD.rewards)
    found = []
    for s in range(WORLD.states):
        best = [arrow for arrow, value in zip(ARROWS, Q[s]) if value >= Q[s].max() - CLOSE]
        found.append("#" if s in WORLD.walls else number(ends[s]) if s in ends else " ".join(best))
    return [found[row * WORLD.columns : (row + 1) * WORLD.columns] for row in range(WORLD.rows)]


def _columns() -> list[str]:
    return [f"column {c}" for c in range(WORLD.columns)]


def _grid() -> Section:
    cells = np.arange(float(WORLD.states)).reshape(WORLD.rows, WORLD.columns)
    wall = next(iter(WORLD.walls))
    (goal, prize), (pit, loss) = WORLD.rewards
    return Section(
        "A small world",
        [
            Grid("the number of each cell", cells, marked=_ends(), note="marked: the two cells where an episode ends"),
            Say(
                f"An agent walks up, right, down or left. Cell {wall} is a wall; against it or the border it stays. "
                f"Entering cell {goal} pays {number(prize)} and ends the episode; cell {pit} pays {number(loss)} and "
                f"ends it too. Every other move costs {number(-WORLD.living)}."
            ),
            Say(
                "It knows none of this. It keeps a table `Q(s, a)`: what it believes it will earn by action a in state "
                "s and the best actions after it. Later rewards count less, by gamma a move. It starts with zeros."
            ),
        ],
    )


def _updates(values: dict[str, Array]) -> Section:
    alpha, gamma = float(values["alpha"]), float(values["gamma"])
    blocks: list[Block] = [
        Equation("Q(s, a) := Q(s, a) + alpha [y - Q(s, a)]"),
        Equation("y = r + gamma max_a' Q(s', a')", meaning="the target; y = r where the episode ends"),
        Say(f"Three moves with alpha = {number(alpha)} and gamma = {number(gamma)}:"),
    ]
    table = np.zeros((WORLD.states, len(NAMES)))
    for n, (s, a) in enumerate(values["moves"].astype(int), start=1):
        after, r, ends = move(WORLD, int(s), int(a))
        y = r if ends else r + gamma * float(table[after].max())
        old, new = float(table[s, a]), float(values[f"Q_{n}"])
        follow = "" if ends else f" + {number(gamma)}*{number(table[after].max())}"
        blocks += [
            Say(f"Move {n}: from cell {s} {NAMES[a]} to cell {after}{', the end' if ends else ''}."),
            Equation("y = r" if ends else f"y = r + gamma max Q({after}, .)", f"{number(r)}{follow}", y),
            Equation(
                f"Q({s}, {NAMES[a]}) := Q + alpha (y - Q)",
                f"{number(old)} + {number(alpha)}*({number(y)} - {number(old)})",
                new,
            ),
        ]
        table[s, a] = new
    return Section(
        "Three updates by hand",
        [
            *blocks,
            Say(
                "The reward has begun to travel back: first the cell before the goal knew of it, now the one before "
                "that does."
            ),
            Grid("max_a Q(s, a)", _by_cell(values["Q"]), marked=_ends()),
        ],
    )


def _gradient(values: dict[str, Array]) -> Section:
    alpha, gamma = float(values["alpha"]), float(values["gamma"])
    s, a = (int(part) for part in values["moves"][2])
    y = WORLD.living + gamma * float(values["Q_2"])
    slope = -(y - 0.0)
    return Section(
        "The same as a gradient step",
        [
            Say("An update is one step of gradient descent on `L = 1/2 (y - Q(s, a))^2`. The third one again:"),
            Equation(f"dL/dQ({s}, {NAMES[a]}) = -(y - Q)", f"-({number(y)} - 0)", slope),
            Equation("Q := Q - alpha dL/dQ", f"0 - {number(alpha)}*{factor(slope)}", float(values["Q_3"])),
            Say(
                "But y holds Q as well, and its derivative is left out: the target is held fixed (`.detach()` in "
                "PyTorch). That is why it is called a semi-gradient."
            ),
        ],
    )


def _learning(values: dict[str, Array]) -> Section:
    pictures: list[Block] = [
        Grid(f"max_a Q(s, a) after {n} episodes", _by_cell(values[f"Q after {n}"]), marked=_ends()) for n in SHOWN
    ]
    return Section(
        "Learning by walking",
        [
            Say(
                f"Now many episodes from random cells. The agent takes the best action it knows, but any action with "
                f"probability epsilon = {number(EPSILON)}: what is never tried is never learnt."
            ),
            *pictures,
            Curves(
                "How far max_a Q is from the best possible, in the worst cell",
                "episodes",
                "largest error",
                {"Q-learning": (np.array(EPISODES, float), values["largest error"])},
            ),
        ],
    )


def _best(values: dict[str, Array]) -> Section:
    gamma, best = float(values["gamma"]), values["Q_star"]
    living = number(WORLD.living)
    last = SHOWN[-1]
    return Section(
        "The best possible",
        [
            Say(
                "Who knows the world can compute it, for all s and a at once: the Bellman optimum, "
                "`Q_best(s, a) = r + gamma max_a' Q_best(s', a')`. Backwards from the goal:"
            ),
            Equation("Q_best(2, right) = r", "", float(best[2, 1])),
            Equation(
                "Q_best(1, right) = r + gamma Q_best(2, right)",
                f"{living} + {number(gamma)}*{number(best[2, 1])}",
                best[1, 1],
            ),
            Equation(
                "Q_best(0, right) = r + gamma Q_best(1, right)",
                f"{living} + {number(gamma)}*{number(best[1, 1])}",
                best[0, 1],
            ),
            Grid(
                "max_a Q_best(s, a)", _by_cell(best), marked=_ends(), note=f"cell {next(iter(WORLD.walls))} is the wall"
            ),
            Table(_columns(), _arrows(best), "the best actions; where there are two, both are equally good"),
            Table(_columns(), _arrows(values[f"Q after {last}"]), f"what the learner thinks after {last} episodes"),
        ],
    )


def _remember(values: dict[str, Array]) -> Section:
    error = float(values["largest error"][-1])
    return Section(
        "Remember",
        [
            Say("Learn from each move: pull `Q(s, a)` towards the reward plus what the next state seems to be worth."),
            Say(
                "The target uses the best next action, whatever the agent does next: Q-learning is off-policy, and "
                f"learns the best values while it explores. After {EPISODES[-1]} episodes its worst cell is off by "
                f"{number(error)}."
            ),
            Say(
                "Where moves slip, one alpha must not stay large: the values would keep swaying. And where states are "
                "too many for a table, a network takes its place, with the target held fixed."
            ),
        ],
    )
