"""The sheet of augmented images that `inspect` shows."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.errors import RecipeError
from learnloop.report.augmented import DRAWS, IMAGES
from learnloop.verbs.inspect import Inspection, inspect


def photos(names: tuple[str, ...] = ("cat", "dog"), side: int = 32) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).integers(0, 256, (40, side, side, 3)).astype(np.uint8)
    return x, np.array(names)[np.arange(40) % len(names)]


def section(found: Inspection) -> str:
    return found.html().split("<h2>Augmentation")[1].split("</section>")[0]


def test_images_are_shown_as_they_are_and_as_they_will_be() -> None:
    data = photos()
    found = inspect(data)
    (sheet,) = found.sheets
    assert sheet.images.shape == (IMAGES, 1 + DRAWS, 32, 32, 3) and sheet.images.dtype == np.uint8
    assert np.array_equal(sheet.images[:, 0], data[0][list(sheet.rows)])
    assert all((sheet.images[:, k] != sheet.images[:, 0]).any() for k in range(1, 1 + DRAWS))
    shown = section(found)
    assert shown.count("<img") == IMAGES * (1 + DRAWS)
    assert "flip alternate, crop 2, fill reflect (suggested by cnn)" in shown
    assert np.array_equal(sheet.images, inspect(data).sheets[0].images)


def test_what_was_asked_is_shown() -> None:
    (sheet,) = inspect(photos(), augment=["mixup", "cutout"]).sheets
    assert sheet.line == "cutout 0.25, mixup 0.2"
    (sheet,) = inspect(photos(), augment={"name": "none", "hue": 0.2}).sheets
    assert sheet.line == "hue 0.2"
    assert inspect(photos(), augment="none").sheets == []
    with pytest.raises(RecipeError, match="Did you mean 'strong'"):
        inspect(photos(), augment="strng")


def test_digits_are_not_mirrored_and_the_page_says_why() -> None:
    shown = section(inspect(photos(("3", "5"))))
    assert "crop 2, fill reflect" in shown and "flip " not in shown.split("Left:")[0]
    assert "Images are not mirrored: the classes (&#x27;3&#x27;, &#x27;5&#x27;) look like digits" in shown


def test_tables_have_no_sheet() -> None:
    assert inspect((np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2)).sheets == []
