"""Arrays as pictures: what a pixel means, and that nothing grows large."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from learnloop.report.pictures import (
    HEATED,
    PHOTO,
    data_url,
    enlarged,
    filter_pictures,
    heat_colours,
    heated,
    map_pictures,
    photo,
    sheet,
)

RNG = np.random.default_rng(0)


def opened(url: str) -> Image.Image:
    kind, _, data = url.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert kind == f"data:image/{str(image.format).lower()}"
    return image


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_small_pictures_are_exact(channels: int) -> None:
    pixels = RNG.integers(0, 256, (28, 20, channels), dtype=np.uint8)
    image = opened(data_url(pixels))
    assert image.format == "PNG" and image.size == (20, 28)
    assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)


def test_photographs_are_small_in_bytes_and_keep_their_look() -> None:
    across = np.linspace(0, 255, 96)
    pixels = np.stack([np.tile(across, (96, 1)), np.tile(across[:, None], (1, 96)), np.full((96, 96), 90.0)], -1)
    url = data_url(pixels.astype(np.uint8))
    assert opened(url).format == "JPEG" and len(url) < 6000
    assert np.abs(np.asarray(opened(url)).astype(float) - pixels).mean() < 3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28, 1), (28, 28, 1)),
        ((200, 400, 3), (48, 96, 3)),
        ((3000, 10, 1), (96, 1, 1)),
        ((8, 8, 2), (8, 8, 1)),
        ((192, 192, 7), (96, 96, 3)),
    ],
)
def test_photos_are_at_most_so_large(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert photo(np.full(shape, 77, np.uint8)).shape == expected and PHOTO == 96
    assert (photo(np.full(shape, 77, np.uint8)) == 77).all()


def test_enlarging_repeats_whole_pixels() -> None:
    assert enlarged(np.array([[[1], [2]]], np.uint8), 4)[..., 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
    large = np.zeros((50, 10, 1), np.uint8)
    assert enlarged(large, 40) is large


def test_heat_is_where_it_belongs_and_the_picture_shows_through() -> None:
    picture = np.zeros((28, 28, 1), np.uint8)
    picture[:, 14:] = 255
    heat = np.zeros((7, 7))
    heat[0, 0] = 1
    shown = heated(picture, heat).astype(float).sum(-1)
    assert shown.shape == (HEATED, HEATED)
    assert shown[8, 8] > 3 * shown[-8, 8], "dark parts of the picture: only the heat differs"
    assert shown[-8, -8] > 3 * shown[-8, 8], "places without heat: the picture shows"
    covered = heated(np.full((8, 8, 1), 255, np.uint8), np.ones((2, 2)))
    assert (covered[..., 2] < 200).all(), "much heat: its yellow covers the white"


def test_heat_colours_become_lighter_all_the_way() -> None:
    light = heat_colours(np.linspace(0, 1, 101)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(light) > 0).all() and light[0] < 5 and light[-1] > 230


def test_filters_are_grey_at_zero_and_scaled_one_by_one() -> None:
    weight = np.array([[[[0.0, 2.0, -1.0]]], [[[0.0, -0.01, 0.005]]], [[[0.0, 0.0, 0.0]]]])
    shown = [picture[..., 0].tolist() for picture in filter_pictures(weight)]
    assert shown == [[[128, 255, 64]], [[128, 0, 191]], [[128, 128, 128]]]
    colour = filter_pictures(np.stack([np.full((1, 1), 1.0), np.zeros((1, 1)), np.full((1, 1), -1.0)])[None])
    assert colour[0].tolist() == [[[255, 128, 0]]]
    assert filter_pictures(np.array([1.0, 3.0]).reshape(1, 2, 1, 1))[0].shape == (1, 1, 1)


def test_maps_go_from_their_lowest_to_their_highest_value() -> None:
    low, high = np.round(heat_colours(np.array([0.0, 1.0]))).astype(np.uint8)
    first, flat = map_pictures(np.array([[[-3.0, 5.0]], [[7.0, 7.0]]]))
    assert np.array_equal(first[0], [low, high]) and np.array_equal(flat[0], [low, low])


def test_a_sheet_has_clear_gaps_and_every_picture_in_order() -> None:
    found = sheet([np.full((40, 40, 1), value, np.uint8) for value in (10, 20, 30, 40, 50)], columns=3)
    assert found.shape == (84, 128, 4)
    assert [found[5, 44 * k + 5, 0] for k in range(3)] == [10, 20, 30] and found[60, 50, 0] == 50
    assert (found[:, 40:44, 3] == 0).all() and (found[40:44, :, 3] == 0).all() and (found[44:, 88:, 3] == 0).all()
    assert sheet([np.zeros((5, 5, 3), np.uint8)], columns=8).shape == (40, 40, 4)
