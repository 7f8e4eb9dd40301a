from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from learnloop.scratch.frechet import covariance, example, fid, frechet_distance, square_root
from tests.scratch.checks import Array

sizes, seeds = st.integers(1, 6), st.integers(0, 999)


def gaussian(k: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(k, k))
    return rng.normal(size=k), factor @ factor.T + 0.1 * np.eye(k)


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    # [[2, 1], [1, 2]]^2 = [[5, 4], [4, 5]]
    np.testing.assert_allclose(values["root"], [[2, 1], [1, 2]], rtol=1e-12)
    # 1 + 4 + (1 + 1) + (5 + 5) - 2 (2 + 2)
    np.testing.assert_allclose(values["distance"], 9.0, rtol=1e-12)


def test_in_one_dimension_it_is_the_distance_of_means_and_of_deviations() -> None:
    # (1 - 4)^2 + (sqrt(4) - sqrt(25))^2
    found = frechet_distance(np.array([1.0]), np.array([[4.0]]), np.array([4.0]), np.array([[25.0]]))
    np.testing.assert_allclose(found, 9 + 9, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(sizes, seeds)
def test_the_root_squared_is_the_matrix_and_equals_scipys(k: int, seed: int) -> None:
    _, S = gaussian(k, seed)
    root = square_root(S)
    np.testing.assert_allclose(root @ root, S, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(root, np.real(sqrtm(S)), rtol=1e-7, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(sizes, seeds)
def test_the_distance_equals_the_formula_with_scipys_root_of_the_product(k: int, seed: int) -> None:
    (mu_1, S_1), (mu_2, S_2) = gaussian(k, seed), gaussian(k, seed + 1000)
    expected = ((mu_1 - mu_2) ** 2).sum() + np.trace(S_1 + S_2 - 2 * np.real(sqrtm(S_1 @ S_2)))
    found = frechet_distance(mu_1, S_1, mu_2, S_2)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found, frechet_distance(mu_2, S_2, mu_1, S_1), rtol=1e-9, atol=1e-9)
    assert found >= -1e-9
    np.testing.assert_allclose(frechet_distance(mu_1, S_1, mu_1, S_1), 0, atol=1e-9)


def test_a_covariance_without_full_rank_is_no_obstacle() -> None:
    x = np.outer(np.arange(4.0), [1.0, 2.0, 3.0])  # all on one line: rank 1
    # an eigenvalue 0 that rounding leaves at 1e-14 is 1e-7 under the root: fewer digits than elsewhere
    np.testing.assert_allclose(fid(x, x), 0, atol=1e-5)
    np.testing.assert_allclose(fid(x, x + 1), 3.0, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 20), sizes, seeds)
def test_the_covariance_is_numpys_and_the_fid_is_made_of_it(n: int, k: int, seed: int) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, n, k))
    np.testing.assert_allclose(covariance(x), np.atleast_2d(np.cov(x, rowvar=False)), rtol=1e-9, atol=1e-12)
    expected = frechet_distance(x.mean(axis=0), covariance(x), y.mean(axis=0), covariance(y))
    assert fid(x, y) == expected


def test_what_does_not_fit_is_named_with_the_equation() -> None:
    mu, S = np.zeros(2), np.eye(2)
    equation = r"^d\^2 = \|\|mu_1 - mu_2\|\|\^2 \+ .*: mu_1 is \[2\], "
    with pytest.raises(ValueError, match=equation + r"mu_2 is \[3\]; it must be \[2\]"):
        frechet_distance(mu, S, np.zeros(3), S)
    with pytest.raises(ValueError, match=equation + r"S_1 is \[3, 3\]; it must be \[2, 2\]"):
        frechet_distance(mu, np.eye(3), mu, S)
    with pytest.raises(ValueError, match=equation + r"S_2 is \[2\]; it must be \[2, 2\]"):
        frechet_distance(mu, S, mu, mu)
    with pytest.raises(ValueError, match=r"^S = Q diag\(l\) Q': S is \[2, 3\]; it must be square and symmetric"):
        square_root(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="square and symmetric"):
        square_root(np.array([[1.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"S has the eigenvalue -1; a covariance has none below 0"):
        square_root(np.diag([-1.0, 1.0]))
    with pytest.raises(ValueError, match=r"^S = 1/\(n - 1\) .*: x is \[1, 3\]; it takes \[n, features\], n >= 2"):
        covariance(np.zeros((1, 3)))
