from __future__ import annotations

import numpy as np

from learnloop.explain.topics.graph import walk
from learnloop.explain.walk import Equation, Grid, Network, Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=17)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_array_equal(values["z"][2], [0, 2.5])
    np.testing.assert_allclose(values["y"][2], [0.5, 0.924142], atol=5e-7)
    np.testing.assert_allclose(values["dh"][3], [0.367502, 0.007498], atol=5e-7)
    np.testing.assert_allclose(values["gcn_z"][2], [-0.176777, 0.454459], atol=5e-7)


def test_news_reaches_node_3s_neighbour_first_and_the_others_after_it() -> None:
    # by hand: h_v := h_v + sum of the neighbours, from (0, 0, 0, 1)
    wanted = [[0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 2, 2], [4, 4, 6, 4]]
    np.testing.assert_array_equal(walk().values["news"], wanted)


def test_sums_grow_by_the_largest_eigenvalue_and_means_do_not() -> None:
    values = walk().values
    passed, weighed = values["largest, equation 81"], values["largest, GCN"]
    largest = np.linalg.eigvalsh(values["A"] + np.eye(4)).max()
    np.testing.assert_allclose(passed[-1] / passed[-2], largest, rtol=1e-6)
    assert weighed.max() == 1


def test_another_order_gives_the_same_states_in_that_order() -> None:
    values = walk().values
    np.testing.assert_allclose(values["renamed y"], values["y"][[3, 0, 1, 2]], atol=1e-15)
    equation = next(block for block in walk().sections[5].blocks if isinstance(block, Equation))
    assert float(np.asarray(equation.result)) < 1e-15


def test_pictures_show_the_edges_and_the_two_nodes_that_gcn_confuses() -> None:
    sections = walk().sections
    network = next(block for block in sections[0].blocks if isinstance(block, Network))
    assert sorted((edge.start, edge.end) for edge in network.edges) == [
        *((0, 1), (0, 2), (1, 0), (1, 2)),
        *((2, 0), (2, 1), (2, 3), (3, 2)),
    ]
    marked = next(block for block in sections[1].blocks if isinstance(block, Grid))
    assert marked.marked == {(0, 0), (1, 0), (3, 0)}
    table = next(block for block in sections[4].blocks if isinstance(block, Table))
    assert table.rows[0][1] != table.rows[1][1] and table.rows[0][2] == table.rows[1][2]
