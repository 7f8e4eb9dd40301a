from __future__ import annotations

import numpy as np

from learnloop.explain.topics.optimisers import walk
from learnloop.explain.walk import Curves, Table, Walk
from learnloop.scratch.surfaces import RULES
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results

WALK = walk()
PLAIN = ("sgd", "momentum", "momentum_classic", "nesterov")


def shown(walk: Walk, kind: type) -> list[object]:
    return [block for section in walk.sections for block in section.blocks if isinstance(block, kind)]


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(WALK)
    assert_spelled_out_sums_give_their_results(WALK, at_least=8)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = WALK.values
    np.testing.assert_allclose(values["adagrad"], [0.82, 0.82], rtol=1e-12)
    np.testing.assert_allclose(values["rmsprop"], [0.42611, 0.42611], atol=1e-6)
    # alpha / sqrt(t), and alpha / sqrt(1 - 0.9^t)
    t = np.arange(1, 61)
    np.testing.assert_allclose(values["adagrad, step by step"], 0.1 / np.sqrt(t), rtol=1e-9)
    np.testing.assert_allclose(values["rmsprop, step by step"], 0.1 / np.sqrt(1 - 0.9**t), rtol=1e-7)
    # sgd: along 0.982^60, across 0.8^60
    expected = (16 * 0.982**120 + 100 * 0.25 * 0.8**120) / 2
    np.testing.assert_allclose(values["height sgd"][[0, 60]], [20.5, expected], rtol=1e-9)


def test_every_optimiser_is_in_the_tables_of_the_valley_the_saddle_and_the_turned_valley() -> None:
    tables = [table for table in shown(WALK, Table) if isinstance(table, Table) and len(table.rows) == len(RULES)]
    assert len(tables) == 3
    for table in tables:
        assert [row[0] for row in table.rows] == list(RULES)


def test_the_pictures_show_paths_from_the_start_of_the_surface() -> None:
    curves = [block for block in shown(WALK, Curves) if isinstance(block, Curves)]
    one_rate, own_rates = curves[1:3]
    assert set(one_rate.lines) == {"sgd", "momentum", "nesterov"}
    assert set(own_rates.lines) == {"adagrad", "adadelta", "rmsprop", "adam"}
    for x, y in [*one_rate.lines.values(), *own_rates.lines.values()]:
        assert (x[0], y[0]) == (-4.0, 0.5) and len(x) == 61


def test_the_claims_of_the_text_hold() -> None:
    values = WALK.values
    off = {name: float(values[f"steps off {name}"]) for name in RULES}
    assert min(off.values()) > 0  # each did get off
    assert max(off[name] for name in RULES if name not in PLAIN) * 5 < min(off[name] for name in PLAIN)
    assert off["sgd"] > 5 * off["momentum"]
    for name in RULES:
        straight, turned = values[f"height {name}"][30], values[f"turned height {name}"][30]
        if name in PLAIN:
            np.testing.assert_allclose(turned, straight, rtol=1e-9)
        else:
            assert turned > 2 * straight, name
