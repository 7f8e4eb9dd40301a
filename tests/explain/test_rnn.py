from __future__ import annotations

import numpy as np
import pytest

from learnloop.explain.topics.rnn import walk
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
        "h": [[0.604367777, -0.379948962], [0.672979108, -0.227077613], [-0.095098911, 0.416760192]],
        "dz_3": [-1.498186147, 1.249265720],
        "dz_2": [-0.273133726, 0.900219306],
        "dz_1": [0.027596572, 0.378216165],
        "dW_hh": [[-1.173321200, 0.443981410], [1.384793271, -0.625717669]],
        "loss": [1.142858974],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-9, err_msg=name)


def test_the_steps_one_by_one_end_where_the_whole_backward_ends() -> None:
    values = walk().values
    dz = [values["dz_1"], values["dz_2"], values["dz_3"]]
    np.testing.assert_allclose(sum(dz), values["db"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(values["dh_1"] * (1 - values["h"][0] ** 2), values["dz_1"], rtol=0, atol=1e-12)


def test_the_update_lowers_the_loss() -> None:
    values = walk().values
    assert values["W_hh after"][0, 0] == pytest.approx(0.5 + 0.05 * 1.173321200)
    assert values["loss after"][0] < values["loss"][0] / 2


def test_the_picture_shows_the_states_and_the_same_weights_at_every_step() -> None:
    network = walk().sections[0].blocks[1]
    assert isinstance(network, Network)
    assert [len(layer) for layer in network.layers] == [3, 3, 3, 2, 1]
    by_layer = [[edge.weight for edge in network.edges if edge.layer == layer] for layer in range(3)]
    assert by_layer[0] == by_layer[1] == by_layer[2] == [0.5, -0.3, 0.6, 0.2, 0.4, -0.4]
    assert network.layers[3][1].value == pytest.approx(0.416760192)
