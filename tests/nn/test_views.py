"""Test-time views against what they mean pixel by pixel."""

from __future__ import annotations

import pytest
import torch

from learnloop.nn.views import VIEWS, mirrored, seen, shifted


def test_a_shift_repeats_the_border() -> None:
    x = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    assert shifted(x, 1, 0)[0, 0].tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    assert shifted(x, 0, -1)[0, 0].tolist() == [[1, 2, 2], [4, 5, 5], [7, 8, 8]]
    assert shifted(x, 1, 0).dtype == torch.uint8


def test_a_mirror_exchanges_left_and_right() -> None:
    x = torch.arange(4).view(1, 1, 2, 2)
    assert mirrored(x)[0, 0].tolist() == [[1, 0], [3, 2]]


@pytest.mark.parametrize(("name", "count"), [("none", 1), ("mirror", 2), ("shifts", 3), ("mirror+shifts", 6)])
def test_views_are_different_and_begin_with_the_picture_itself(name: str, count: int) -> None:
    x = torch.randint(0, 255, (2, 3, 5, 4), dtype=torch.uint8)
    found = [seen(x, chain) for chain in VIEWS[name]]
    assert torch.equal(found[0], x) and all(view.shape == x.shape for view in found)
    assert len({view.numpy().tobytes() for view in found}) == count
