from __future__ import annotations

import numpy as np

from learnloop.explain.topics.lstm import walk
from learnloop.explain.walk import Network
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=25)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    expected = {
        "C": [[0.556769941], [0.482438145]],
        "h": [[0.369606353], [0.244745249]],
        "dC_2": [0.436376374],
        "dz_f, time 2": [0.043573853],
        "dz_i, time 2": [0.016957705],
        "dz_C, time 2": [0.129403419],
        "dz_o, time 2": [0.111097271],
        "dh_1": [0.150516124],
        "dC_1": [0.416091526],
        "dz_f, time 1": [0],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-9, err_msg=name)


def test_the_steps_one_by_one_end_where_the_whole_backward_ends() -> None:
    values = walk().values
    for gate in ("f", "i", "C", "o"):
        both = values[f"dz_{gate}, time 1"] + values[f"dz_{gate}, time 2"]
        np.testing.assert_allclose(both, values[f"db_{gate}"], rtol=0, atol=1e-12, err_msg=gate)


def test_the_pictures_show_the_gates_of_both_steps() -> None:
    networks = [block for section in walk().sections for block in section.blocks if isinstance(block, Network)]
    shown = [[round(node.value or 0, 6) for node in network.layers[1]] for network in networks]
    assert shown == [[0.880797, 0.731059, 0.761594, 0.731059], [0.76581, 0.306784, 0.182728, 0.54607]]
