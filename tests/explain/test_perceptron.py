from __future__ import annotations

import numpy as np

from learnloop.explain.topics.perceptron import walk
from learnloop.explain.walk import Equation, Say, Table
from tests.explain.checks import assert_good_walk


def test_the_walk_holds_and_with_its_hand_set_weights_and_xor_with_its_round() -> None:
    told = walk()
    assert_good_walk(told)
    assert told.values["z"].tolist() == [-1.5, -0.5, -0.5, 0.5]
    assert told.values["yhat"].tolist() == [0, 0, 0, 1]
    assert told.values["AND mistakes"].tolist() == [2, 3, 3, 2, 1, 0]
    assert told.values["AND path"][-1].tolist() == [2, 1, -3]
    assert told.values["R^2"] == 3
    np.testing.assert_allclose(told.values["gamma^2"], 1 / 17, rtol=1e-12)
    np.testing.assert_allclose(told.values["most corrections"], 51, rtol=1e-12)
    assert told.values["XOR cycle"].tolist() == [1, 1, 1, 1]
    assert told.values["XOR sum"].tolist() == [0, 0, 0]


def test_the_four_inequalities_of_xor_stand_in_the_walk() -> None:
    told = walk()
    blocks = told.sections[5].blocks
    formulas = [block.formula for block in blocks if isinstance(block, Equation)]
    assert formulas[:4] == ["b < 0", "w2 + b >= 0", "w1 + b >= 0", "w1 + w2 + b < 0"]
    total = next(block for block in blocks if isinstance(block, Equation) and block.formula.startswith("sum"))
    assert total.numbers == "- 1 [0, 0, 1] + 1 [0, 1, 1] + 1 [1, 0, 1] - 1 [1, 1, 1]"


def test_the_learning_ends_with_the_sentence_of_the_learner_and_the_table_has_every_correction() -> None:
    told = walk()
    texts = [block.text for block in told.sections[2].blocks if isinstance(block, Say)]
    assert texts[-1] == "It converged: epoch 6 made no mistake, after 11 corrections."
    tables = [block for section in told.sections for block in section.blocks if isinstance(block, Table)]
    assert [len(table.rows) for table in tables] == [4, 11, 11]
    assert list(tables[1].rows[1]) == [1, "[1, 1]", 1, 1, 0]
