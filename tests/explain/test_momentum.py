from __future__ import annotations

import numpy as np

from learnloop.explain.topics.momentum import walk
from learnloop.explain.walk import Curves
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=9)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = walk().values
    np.testing.assert_allclose(values["momentum"][0], 1 - 0.1 * (0.05 + 0.145), rtol=1e-12)
    np.testing.assert_allclose(values["momentum_classic_v"][0], 1.45, rtol=1e-12)
    # 2 (1 - 0.9^40), and ten times that
    np.testing.assert_allclose(values["constant momentum"][-1], 2 * (1 - 0.9**40), rtol=1e-12)
    np.testing.assert_allclose(values["constant momentum_classic"][-1], 20 * (1 - 0.9**40), rtol=1e-12)
    # v: 1, then 0.9 + 0.81; w: 0.9, then 0.9 - 0.171
    np.testing.assert_allclose(values["nesterov, w"][:3], [1, 0.9, 0.729], rtol=1e-12)


def test_the_claims_of_the_text_hold() -> None:
    values = walk().values
    np.testing.assert_allclose(values["classic, mapped alpha"], values["averaging"], rtol=1e-12)
    assert abs(values["classic, same alpha"][-1] - values["averaging"][-1]) > 0.5
    np.testing.assert_allclose(values["nesterov, PyTorch"], values["nesterov, ahead"], rtol=1e-12)
    sgd, momentum = values["sgd height in the valley"], values["momentum height in the valley"]
    assert momentum[-1] < 0.1 * sgd[-1]
    assert values["momentum in the valley"][:, 0].max() > 0.5  # past the lowest point
    across = values["sgd in the valley"][:, 1]
    assert (across[1:] * across[:-1] < 0).all()  # from wall to wall


def test_the_pictures_show_the_paths() -> None:
    pictures = [block for section in walk().sections for block in section.blocks if isinstance(block, Curves)]
    assert [set(picture.lines) for picture in pictures] == [{"averaging form", "classic form"}, {"sgd", "momentum"}]
