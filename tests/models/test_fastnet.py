"""fastnet: wider where time allows, and what the user fixed stays."""

from __future__ import annotations

import pytest

from learnloop.contracts import InputSpec
from learnloop.models.fastnet import FastNetConfig

SPEC = InputSpec(kind="image", shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3)


@pytest.mark.parametrize(
    ("minutes", "rows", "widths"),
    [
        (1.0, 45_000, [32, 128, 256]),
        (4.8, 45_000, [32, 128, 256]),
        (9.7, 45_000, [48, 192, 256]),
        (11.7, 45_000, [64, 256, 256]),
        (1.0, 1_000, [64, 256, 256]),
    ],
)
def test_wider_where_every_row_is_still_seen_often(minutes: float, rows: int, widths: list[int]) -> None:
    advice = FastNetConfig().suggest(rows, SPEC, 10, minutes)
    assert advice["model.widths"] == widths
    assert "train.epochs" not in advice


def test_widths_of_the_user_stay() -> None:
    assert "model.widths" not in FastNetConfig(widths=(8, 8)).suggest(45_000, SPEC, 10, 11.7)


def test_without_minutes_as_many_passes_as_rows_need() -> None:
    few, many = (FastNetConfig().suggest(rows, SPEC, 10, None) for rows in (1_000, 50_000))
    assert (few["train.epochs"], many["train.epochs"]) == (57, 8)
    assert "model.widths" not in many
