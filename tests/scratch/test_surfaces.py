from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.optimisers import path, sgd
from learnloop.scratch.surfaces import (
    RULES,
    SADDLE_START,
    VALLEY_START,
    example,
    paths,
    rotation,
    saddle,
    saddle_gradient,
    turned,
    valley,
    valley_gradient,
)
from tests.scratch.checks import Array, assert_differences

STEPS = 60
places = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


@pytest.fixture(scope="module")
def down() -> dict[str, Array]:
    return paths(valley_gradient, np.array(VALLEY_START), STEPS)


@pytest.fixture(scope="module")
def off() -> dict[str, Array]:
    return paths(saddle_gradient, np.array(SADDLE_START), STEPS)


def steps_to_leave(path: Array) -> int:
    """Steps until the way from the saddle is half of the way to the minimum; STEPS + 1: not yet."""
    out = np.abs(path[:, 1]) > 0.5
    return int(np.argmax(out)) if out.any() else STEPS + 1


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    # along: -4 times 0.982, 0.982, 0.982; across: 0.5 times -0.8 = 1 - 0.018 * 100 each step
    np.testing.assert_allclose(values["valley_path"][:, 0], [-4, -3.928, -3.857296, -3.787864672], rtol=1e-12)
    np.testing.assert_allclose(values["valley_path"][:, 1], [0.5, -0.4, 0.32, -0.256], rtol=1e-12)
    # (16 + 25) / 2, (15.429184 + 16) / 2
    np.testing.assert_allclose(values["valley_f"][:2], [20.5, 15.714592], rtol=1e-12)
    np.testing.assert_allclose(values["saddle_path"][:, 0], [1, 0.982, 0.964324, 0.946966168], rtol=1e-12)
    # 0.001 + 0.018 (0.001 - 1e-9)
    np.testing.assert_allclose(values["saddle_path"][1, 1], 0.001017999982, rtol=1e-12)
    np.testing.assert_allclose(values["saddle_f"][0], 0.49999950000025, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(places, st.floats(-4, 4))
def test_the_gradients_are_the_slopes_of_the_surfaces(place: tuple[float, float], angle: float) -> None:
    w = np.array(place)
    assert_differences(valley, [w], 1.0, [valley_gradient(w)])
    assert_differences(saddle, [w], 1.0, [saddle_gradient(w)])
    assert_differences(lambda v: valley(rotation(angle).T @ v), [w], 1.0, [turned(valley_gradient, angle)(w)])


def test_the_surfaces_are_as_the_head_of_the_file_says() -> None:
    np.testing.assert_array_equal(saddle_gradient(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), np.zeros((3, 2)))
    np.testing.assert_allclose(saddle(np.array([[0.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), [0, -0.25, -0.25])
    assert valley(np.zeros(2)) == 0 and valley(np.array([1.0, 0.0])) * 100 == valley(np.array([0.0, 1.0]))
    np.testing.assert_allclose(rotation(np.pi / 2) @ np.array([1.0, 0.0]), [0, 1], atol=1e-15)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_comes_down_the_valley_and_off_the_saddle(
    name: str, down: dict[str, Array], off: dict[str, Array]
) -> None:
    assert down[name].shape == off[name].shape == (STEPS + 1, 2)
    assert valley(down[name][-1]) < 0.05 * valley(down[name][0])
    assert saddle(off[name][-1]) < saddle(off[name][0])


def test_sgd_zigzags_across_the_valley_and_diverges_above_two_over_the_steepness(down: dict[str, Array]) -> None:
    across = down["sgd"][:, 1]
    assert (across[1:] * across[:-1] < 0).all()
    for alpha, falls in ((0.0199, True), (0.0201, False)):
        places = path(partial(sgd, alpha=alpha), valley_gradient, np.array(VALLEY_START), 400)
        assert (valley(places[-1]) < valley(places[0])) == falls


def test_both_momentum_forms_take_one_path_when_their_alphas_are_mapped(down: dict[str, Array]) -> None:
    np.testing.assert_allclose(down["momentum"], down["momentum_classic"], rtol=0, atol=1e-12)


def test_rules_that_divide_by_the_gradients_size_leave_the_saddle_five_times_sooner(off: dict[str, Array]) -> None:
    adaptive = [steps_to_leave(off[name]) for name in ("adagrad", "adadelta", "rmsprop", "adam", "amsgrad", "adamw")]
    plain = [steps_to_leave(off[name]) for name in ("sgd", "momentum", "momentum_classic", "nesterov")]
    assert max(adaptive) * 5 <= min(plain), (adaptive, plain)


@pytest.mark.parametrize("name", RULES)
def test_a_turn_changes_the_path_of_the_adaptive_rules_only(name: str, down: dict[str, Array]) -> None:
    R = rotation(np.pi / 4)
    found = paths(turned(valley_gradient, np.pi / 4), R @ np.array(VALLEY_START), STEPS)[name] @ R  # turned back
    difference = np.abs(found - down[name]).max()
    if name in ("sgd", "momentum", "momentum_classic", "nesterov"):
        assert difference < 1e-12
    else:
        assert difference > 0.1
