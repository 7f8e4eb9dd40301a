"""The GRU against hand-worked numbers, torch.nn.GRU, differences and autograd, in both of its forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.gru import GRUWeights, Reset, example, gru, gru_backward, gru_step, gru_step_backward
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SHAPES = [(1, 1, 1, 1), (1, 5, 3, 2), (3, 4, 1, 5), (2, 6, 2, 3)]  # batch, time, features, hidden
FORMS: tuple[Reset, Reset] = ("before", "after")


def _arrays(batch: int, time: int, features: int, hidden: int, seed: int = 0) -> list[Array]:
    """x, h_0, and the seven of GRUWeights."""
    rng = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [(batch, time, features), (batch, hidden)]
    shapes += [(hidden, hidden + features), (hidden,)] * 3 + [(hidden,)]
    return [rng.normal(size=shape) for shape in shapes]


def _run(reset: Reset):
    return lambda x, h_0, *weights: gru(x, h_0, GRUWeights(*weights), reset)[0]


def _torch_after(x: torch.Tensor, h_0: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """torch.nn.GRU: its z is 1 - ours, so what makes it changes sign."""
    W_r, b_r, W_z, b_z, W, b, b_h = weights
    hidden = len(b)
    stacked = torch.cat([W_r, -W_z, W])
    network = torch.nn.GRU(x.shape[2], hidden, batch_first=True, dtype=torch.float64)
    mapped = {"weight_hh_l0": stacked[:, :hidden], "weight_ih_l0": stacked[:, hidden:]}
    mapped |= {"bias_ih_l0": torch.cat([b_r, -b_z, b]), "bias_hh_l0": torch.cat([0 * b_r, 0 * b_z, b_h])}
    return torch.func.functional_call(network, mapped, (x, h_0[None]))[0]


def _torch_before(x: torch.Tensor, h_0: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """The course guide's equations 49 to 52 in torch, which has no module of that form."""
    W_r, b_r, W_z, b_z, W, b, b_h = weights
    h, outputs = h_0, []
    for t in range(x.shape[1]):
        hx = torch.cat([h, x[:, t]], 1)
        r, z = torch.sigmoid(hx @ W_r.T + b_r), torch.sigmoid(hx @ W_z.T + b_z)
        h = (1 - z) * h + z * torch.tanh(torch.cat([r * h, x[:, t]], 1) @ W.T + b + b_h)
        outputs.append(h)
    return torch.stack(outputs, 1)


IN_TORCH = {"before": _torch_before, "after": _torch_after}


def test_the_example_is_the_numbers_by_hand_in_both_forms() -> None:
    values = example()
    expected = {
        "r": [0.5, 0.268941421],  # sigmoid(-1 + 1), sigmoid(1 - 2)
        "z": [0.622459331, 0.731058579],  # sigmoid(0.5), sigmoid(1)
        "h_new, before": [0.305458906, -0.093666049],  # tanh(0.25 - 0.5 * 0.268941 + 0.2), ...
        "h_new, after": [0.197375320, -0.036161003],  # tanh(0.5 * (0.5 - 0.5) + 0.2), ...
        "h, before": [0.378906081, -0.337416790],
        "h, after": [0.311628444, -0.295377233],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-9, err_msg=name)


def test_the_example_backwards_is_what_autograd_gives() -> None:
    values = example()
    inputs = [values["x"][None], values["h_0"][None], *[values[name] for name in GRUWeights._fields]]
    for form in FORMS:
        gradients = [values[f"dx, {form}"][None], values[f"dh_0, {form}"][None]]
        gradients += [values[f"d{name}, {form}"] for name in GRUWeights._fields]
        assert_autograd(IN_TORCH[form], inputs, 1.0, gradients)


@pytest.mark.parametrize("shape", SHAPES)
def test_reset_after_is_torchs_gru_with_z_turned_round(shape: tuple[int, int, int, int]) -> None:
    arrays = _arrays(*shape)
    expected = _torch_after(*map(torch64, arrays)).detach().numpy()
    np.testing.assert_allclose(_run("after")(*arrays), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_reset_before_is_the_guides_equations(shape: tuple[int, int, int, int]) -> None:
    arrays = _arrays(*shape)
    expected = _torch_before(*map(torch64, arrays)).numpy()
    np.testing.assert_allclose(_run("before")(*arrays), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_backward_is_differences_and_autograd(shape: tuple[int, int, int, int], form: Reset) -> None:
    arrays = _arrays(*shape)
    weights = GRUWeights(*arrays[2:])
    h, steps = gru(*arrays[:2], weights, form)
    dh = np.random.default_rng(1).normal(size=h.shape)
    dx, dh_0, dweights = gru_backward(dh, steps, weights, form)
    gradients = [dx, dh_0, *dweights]
    assert_differences(_run(form), arrays, dh, gradients)
    assert_autograd(IN_TORCH[form], arrays, dh, gradients)


@pytest.mark.parametrize("form", FORMS)
def test_one_steps_backward_is_differences(form: Reset) -> None:
    x, *arrays = _arrays(2, 1, 3, 2)
    arrays = [x[:, 0], *arrays]
    weights = GRUWeights(*arrays[2:])
    dh = np.random.default_rng(1).normal(size=(2, 2))
    *gradients, dweights = gru_step_backward(dh, gru_step(*arrays[:2], weights, form), weights, form)
    assert_differences(
        lambda x_t, h, *weights: gru_step(x_t, h, GRUWeights(*weights), form).h, arrays, dh, [*gradients, *dweights]
    )


def test_the_two_forms_differ_with_two_units_and_not_with_one() -> None:
    for hidden, differ in ((1, False), (2, True)):
        x, h_0, *arrays = _arrays(3, 4, 2, hidden)
        weights = GRUWeights(*arrays)._replace(b_h=np.zeros(hidden))
        gap = np.abs(gru(x, h_0, weights, "before")[0] - gru(x, h_0, weights, "after")[0]).max()
        assert (gap > 1e-2) if differ else (gap < 1e-14)


def test_the_two_biases_of_the_candidate_are_one_before_and_two_after() -> None:
    x, h_0, *arrays = _arrays(2, 3, 2, 3)
    weights = GRUWeights(*arrays)
    moved = weights._replace(b=weights.b + 0.5, b_h=weights.b_h - 0.5)
    np.testing.assert_allclose(gru(x, h_0, moved, "before")[0], gru(x, h_0, weights, "before")[0], rtol=0, atol=1e-14)
    assert np.abs(gru(x, h_0, moved, "after")[0] - gru(x, h_0, weights, "after")[0]).max() > 1e-2


@pytest.mark.parametrize("form", FORMS)
def test_an_update_gate_that_is_shut_keeps_the_state(form: Reset) -> None:
    x, h_0, *arrays = _arrays(2, 20, 2, 3)
    shut = GRUWeights(*arrays)._replace(b_z=np.full(3, -50.0))
    np.testing.assert_allclose(gru(x, h_0, shut, form)[0][:, -1], h_0, rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(*[st.integers(1, 4)] * 4, st.integers(0, 1000), st.sampled_from(FORMS))
def test_shapes_and_bounds(batch: int, time: int, features: int, hidden: int, seed: int, form: Reset) -> None:
    arrays = _arrays(batch, time, features, hidden, seed)
    weights = GRUWeights(*arrays[2:])
    h, steps = gru(*arrays[:2], weights, form)
    assert h.shape == (batch, time, hidden)
    # h is a mean of h_before and a tanh
    assert (np.abs(h) <= np.maximum(1, np.abs(arrays[1]))[:, None] + 1e-15).all()
    dx, dh_0, dweights = gru_backward(np.ones_like(h), steps, weights, form)
    assert [part.shape for part in (dx, dh_0, *dweights)] == [array.shape for array in arrays]
    np.testing.assert_allclose(_run(form)(arrays[0][:1], arrays[1][:1], *weights), h[:1], rtol=0, atol=1e-12)


def test_errors_name_shapes_and_equation() -> None:
    x, h_0, *arrays = _arrays(2, 4, 3, 5)
    weights = GRUWeights(*arrays)
    with pytest.raises(ValueError) as error:
        gru(x, h_0, weights._replace(W_z=np.zeros((5, 7))))
    assert str(error.value) == (
        "W_z [h_(t-1), x_t]: W_z is [5, 7], h is [2, 5], x_t is [2, 3]; "
        "W_z must be [hidden, hidden + features], here [5, 8]"
    )
    with pytest.raises(ValueError, match='reset is "before" or "after" the matrix product, not \'middle\''):
        gru(x, h_0, weights, "middle")
    with pytest.raises(ValueError, match=r"dh is \[2, 5\], h is \[2, 4, 5\]; they must be equal"):
        gru_backward(h_0, gru(x, h_0, weights)[1], weights)
