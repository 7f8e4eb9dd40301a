from __future__ import annotations

import numpy as np

from learnloop.explain.topics.adam import walk
from learnloop.explain.walk import Equation
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=17)


def test_the_three_steps_are_those_worked_out_by_hand() -> None:
    sections = walk().sections[1:4]
    results = [[float(b.result) for b in section.blocks if isinstance(b, Equation)] for section in sections]  # type: ignore[arg-type]
    expected = [
        # m, v, m_hat = m / (1 - 0.9^t), v_hat = v / (1 - 0.999^t), w
        [0.01, 1e-5, 0.1, 0.01, 0.9],
        [-0.021, 9.999e-5, -0.11052632, 0.05002001, 0.94941899],
        [0.0011, 1.3989001e-4, 0.00405904, 0.04667666, 0.94754022],
    ]
    np.testing.assert_allclose(results, expected, rtol=2e-6)


def test_the_claims_of_the_text_hold() -> None:
    values = walk().values
    # 0.1 / sqrt(0.001)
    np.testing.assert_allclose(values["step without correction"][0], 3.16227766, rtol=1e-8)
    np.testing.assert_allclose(values["step with correction"], 1, rtol=1e-9)
    ends = [float(values[f"w, slopes times {scale}"]) for scale in ("0.01", "1", "100")]
    np.testing.assert_allclose(ends, ends[1], rtol=1e-5)
    none, l2, adamw = (values[f"decay {kind}"] for kind in ("none", "L2", "AdamW"))
    np.testing.assert_allclose(adamw[:, 0], adamw[:, 1], rtol=1e-5)
    # beside what the turning slopes do: large slopes nearly keep their weight, small ones lose it
    assert none[-1, 0] - l2[-1, 0] < 0.1 < 0.7 < none[-1, 1] - l2[-1, 1]
