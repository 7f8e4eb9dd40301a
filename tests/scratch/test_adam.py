from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.optim.optimisers import OPTIMISERS
from learnloop.scratch.adam import Moments, adam, adamw, amsgrad, average, correct, example
from learnloop.scratch.optimisers import path
from learnloop.scratch.regularise import l2_backward
from tests.scratch.torch_paths import STEPS, assert_same_path, engine_path, gradient, start, torch_path

OURS = {"alpha": 0.05, "beta1": 0.7, "beta2": 0.9, "epsilon": 1e-6}
THEIRS = {"lr": 0.05, "betas": (0.7, 0.9), "eps": 1e-6}
ENGINE = {"lr": 0.05, "beta1": 0.7, "beta2": 0.9, "eps": 1e-6}


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    # 0.1 * 0.1; 0.9 * 0.01 - 0.1 * 0.3; 0.9 * -0.021 + 0.1 * 0.2
    np.testing.assert_allclose(values["m"], [0.01, -0.021, 0.0011], rtol=1e-12)
    # 0.001 * 0.01; 0.999 * 1e-5 + 0.001 * 0.09; 0.999 * 9.999e-5 + 0.001 * 0.04
    np.testing.assert_allclose(values["v"], [1e-5, 9.999e-5, 1.3989001e-4], rtol=1e-12)
    # divided by 1 - 0.9^t = 0.1, 0.19, 0.271
    np.testing.assert_allclose(values["m_hat"], [0.1, -0.11052632, 0.00405904], atol=5e-9)
    # divided by 1 - 0.999^t = 0.001, 0.001999, 0.002997001
    np.testing.assert_allclose(values["v_hat"], [0.01, 0.05002001, 0.04667666], atol=5e-9)
    # 1 - 0.1 * 0.1/0.1; + 0.1 * 0.11052632/0.22365154; - 0.1 * 0.00405904/0.21604783
    np.testing.assert_allclose(values["w"], [0.9, 0.94941899, 0.94754022], atol=1e-8)


def test_adam_amsgrad_and_adamw_take_the_path_of_torch_and_of_the_engine() -> None:
    plain = path(partial(adam, **OURS), gradient, start(), STEPS)
    assert_same_path(plain, torch_path(lambda p: torch.optim.Adam(p, **THEIRS)))
    assert_same_path(plain, engine_path(OPTIMISERS["adam"](**ENGINE)))
    largest = path(partial(amsgrad, **OURS), gradient, start(), STEPS)
    assert_same_path(largest, torch_path(lambda p: torch.optim.Adam(p, amsgrad=True, **THEIRS)))
    assert_same_path(largest, engine_path(OPTIMISERS["amsgrad"](**ENGINE)))
    decayed = path(partial(adamw, decay=0.3, **OURS), gradient, start(), STEPS)
    assert_same_path(decayed, torch_path(lambda p: torch.optim.AdamW(p, weight_decay=0.3, **THEIRS)))
    assert_same_path(decayed, engine_path(OPTIMISERS["adamw"](weight_decay=0.3, **ENGINE)))
    # three rules, three paths
    assert np.abs(plain - largest).max() > 1e-3 and np.abs(plain - decayed).max() > 1e-3


def test_an_l2_penalty_in_adam_is_torchs_weight_decay_and_not_adamw() -> None:
    def penalised(w: np.ndarray) -> np.ndarray:
        return gradient(w) + l2_backward([w], 0.3)[0]

    found = path(partial(adam, **OURS), penalised, start(), STEPS)
    assert_same_path(found, torch_path(lambda p: torch.optim.Adam(p, weight_decay=0.3, **THEIRS)))
    assert np.abs(found - path(partial(adamw, decay=0.3, **OURS), gradient, start(), STEPS)).max() > 1e-2


def test_the_papers_decay_is_alpha_times_torchs() -> None:
    # Loshchilov and Hutter: w := w - (alpha m_hat / (sqrt(v_hat) + epsilon) + lambda w)
    w, g, alpha, decay = np.array([2.0]), np.array([1.0]), 0.1, 0.5
    ours, _ = adamw(w, g, None, alpha=alpha, decay=decay)
    without_decay, _ = adam(w, g, None, alpha=alpha)
    np.testing.assert_allclose(ours, without_decay - (alpha * decay) * w, rtol=1e-12)


def test_the_papers_amsgrad_has_no_correction() -> None:
    w, g = np.array([0.0]), np.array([2.0])
    ours, state = amsgrad(w, g, None, alpha=0.1)
    paper = w - 0.1 * state.moments.m / np.sqrt(state.v_max)
    # 0.1 * 2/2, and without the corrections 0.1 * 0.2 / sqrt(0.004)
    np.testing.assert_allclose([ours[0], paper[0]], [-0.1, -0.1 * 0.2 / 0.004**0.5], rtol=1e-7)


def test_amsgrad_does_not_forget_a_large_gradient() -> None:
    forgetting, remembering, a, b = None, None, np.zeros(1), np.zeros(1)
    for g in [100.0] + [1.0] * 60:
        a, forgetting = adam(a, np.array([g]), forgetting, 0.1, 0.9, 0.9)
        b, remembering = amsgrad(b, np.array([g]), remembering, 0.1, 0.9, 0.9)
    assert forgetting is not None and remembering is not None
    # v_max is still 0.1 * 100^2; v has faded to 1000 * 0.9^60 + 1 - 0.9^60
    np.testing.assert_allclose(remembering.v_max, [1000.0], rtol=1e-12)
    np.testing.assert_allclose(forgetting.v, [1000 * 0.9**60 + 1 - 0.9**60], rtol=1e-9)
    np.testing.assert_allclose(remembering.moments.v, forgetting.v, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(-100, 100).filter(lambda g: abs(g) > 1e-3), st.floats(1e-4, 1), st.integers(1, 12))
def test_a_constant_gradient_moves_adam_by_alpha_a_step_whatever_its_size(g: float, alpha: float, steps: int) -> None:
    found = path(partial(adam, alpha=alpha, epsilon=0.0), lambda w: np.array([g]), np.zeros(1), steps)
    np.testing.assert_allclose(found[:, 0], -np.sign(g) * alpha * np.arange(steps + 1), rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 0.99), st.floats(0, 0.999), st.integers(1, 9), st.floats(-5, 5))
def test_the_correction_makes_the_averages_of_a_constant_exact(b1: float, b2: float, steps: int, g: float) -> None:
    state: Moments | None = None
    for _ in range(steps):
        state = average(np.zeros(1), np.array([g]), state, b1, b2)
    assert state is not None and state.t == steps
    m_hat, v_hat = correct(state, b1, b2)
    np.testing.assert_allclose([m_hat[0], v_hat[0]], [g, g**2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_any_shape_goes_through_and_the_input_stays(shape: tuple[int, ...]) -> None:
    w = np.ones(shape)
    for rule in (adam, amsgrad, adamw):
        after, _ = rule(w, np.full(shape, 0.5), None)
        assert after.shape == shape and (after < w).all() and (w == 1).all()


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    for rule in (adam, amsgrad, adamw):
        with pytest.raises(ValueError, match=r"^m := beta1 m \+ \(1 - beta1\) g: w is \[2\], g is \[3\]; g needs one"):
            rule(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match=r"w is \[2\], v is \[3\]"):
        adam(np.zeros(2), np.zeros(2), Moments(np.zeros(2), np.zeros(3), 1))
