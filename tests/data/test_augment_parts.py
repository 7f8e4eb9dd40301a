"""Each operation of augmentation against a slow reference, pixel by pixel in NumPy."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch

from learnloop.data.augment.colour import blur, posterise, recolour, solarise
from learnloop.data.augment.config import AugmentConfig, Fill
from learnloop.data.augment.draws import NAMES, Draws
from learnloop.data.augment.erase import ERASED_AREA, box, cutout, erase_box, paint
from learnloop.data.augment.geometry import linear_map, step, warp
from learnloop.data.augment.mix import Mixing
from learnloop.data.augment.pictures import Pictures
from learnloop.data.augment.policy import TABLE, strengths

FILLS: tuple[Fill, ...] = ("nearest", "reflect", "constant")
SHAPE = (4, 3, 7, 9)


def pixels(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def drawn(size: int = 4, number: int = 0, seed: int = 1) -> Draws:
    return Draws(seed, number, size)


def at(image: np.ndarray, i: int, j: int, fill: Fill) -> np.ndarray:
    """The pixel [channels] at a whole place that may lie outside."""
    if fill == "constant" and not (0 <= i < image.shape[1] and 0 <= j < image.shape[2]):
        return np.zeros(len(image))
    place = []
    for k, size in ((i, image.shape[1]), (j, image.shape[2])):
        if fill == "reflect":
            while not 0 <= k < size:
                k = -k if k < 0 else 2 * (size - 1) - k
        place.append(min(max(k, 0), size - 1))
    return image[:, place[0], place[1]].astype(float)


# --- geometry ---


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_whole_pixel_moves_are_exact(fill: Fill, dtype: torch.dtype) -> None:
    x = pixels().to(dtype)
    down, right = np.array([0, 2, -3, 6]), np.array([0, -1, 4, -8])
    mirror, upside = np.array([False, True, False, True]), np.array([False, False, True, True])
    moved = step(x, down=down, right=right, mirror=mirror, upside=upside, fill=fill)
    assert moved.dtype == dtype
    for b in range(4):
        image = x[b].numpy()
        image = image[:, :, ::-1] if mirror[b] else image
        image = image[:, ::-1] if upside[b] else image
        for i in range(7):
            for j in range(9):
                expected = at(image, i - int(down[b]), j - int(right[b]), fill)
                assert np.array_equal(moved[b, :, i, j].numpy(), expected), (b, i, j)


def test_no_move_gives_the_same_bytes() -> None:
    x, none = pixels(), np.zeros(4, np.int64)
    assert torch.equal(step(x, down=none, right=none, mirror=None, upside=None, fill="reflect"), x)


def by_hand(image: np.ndarray, matrix: np.ndarray, down: float, right: float, fill: Fill) -> np.ndarray:
    """The inverse map at each pixel, then the four neighbours, or for the borders that have a nearest place, that."""
    _, height, width = image.shape
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    inverse = np.linalg.inv(matrix)
    y = np.zeros(image.shape)
    for i in range(height):
        for j in range(width):
            px, py = inverse @ (np.array([j, i]) - centre - [right, down]) + centre
            if fill == "reflect":
                px, py = (abs((p + s - 1) % (2 * (s - 1)) - (s - 1)) for p, s in ((px, width), (py, height)))
            elif fill == "nearest":
                px, py = min(max(px, 0), width - 1), min(max(py, 0), height - 1)
            j0, i0 = math.floor(px), math.floor(py)
            for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
                weight = (1 - abs(px - j0 - dj)) * (1 - abs(py - i0 - di))
                if weight > 1e-12:
                    y[:, i, j] += weight * at(image, i0 + di, j0 + dj, fill)
    return y


@pytest.mark.parametrize("fill", FILLS)
def test_the_composed_map_is_the_inverse_looked_up_bilinearly(fill: Fill) -> None:
    x = pixels().double()
    linear = linear_map(
        degrees=np.array([0.0, 30.0, -75.0, 10.0]),
        shear_x=np.array([0.0, 0.2, -0.1, 0.4]),
        shear_y=np.array([0.0, 0.0, 0.3, -0.2]),
        zoom=np.array([1.0, 1.3, 0.8, 0.9]),
        mirror=np.array([False, True, False, True]),
        upside=np.array([False, False, True, True]),
    )
    down, right = np.array([0.0, 1.5, -2.25, 0.3]), np.array([0.0, -0.7, 3.1, 4.0])
    moved = warp(x, linear, down=down, right=right, fill=fill)
    for b in range(4):
        expected = by_hand(x[b].numpy(), linear[b], float(down[b]), float(right[b]), fill)
        np.testing.assert_allclose(moved[b].numpy(), expected, atol=1e-4)


def test_the_linear_map_is_the_product_that_it_says() -> None:
    a = math.radians(25)
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    expected = 1.2 * turn @ np.array([[1, 0.1], [0.3, 1]]) @ np.diag([-1, 1])
    made = linear_map(
        degrees=np.array([25.0]),
        shear_x=np.array([0.1]),
        shear_y=np.array([0.3]),
        zoom=np.array([1.2]),
        mirror=np.array([True]),
        upside=None,
    )
    np.testing.assert_allclose(made[0], expected, rtol=1e-6)


def test_a_quarter_turn_is_a_quarter_turn_clockwise() -> None:
    x, one, none = pixels((1, 2, 5, 5)).float(), np.ones(1), np.zeros(1)
    linear = linear_map(degrees=90 * one, shear_x=none, shear_y=none, zoom=one, mirror=None, upside=None)
    torch.testing.assert_close(
        warp(x, linear, down=none, right=none, fill="constant"), x.rot90(-1, (2, 3)), atol=0.01, rtol=0
    )


def test_images_of_one_pixel_survive() -> None:
    x, one, none = pixels((1, 1, 1, 1)).float(), np.ones(1), np.zeros(1)
    linear = linear_map(degrees=30 * one, shear_x=none, shear_y=none, zoom=one, mirror=None, upside=None)
    assert torch.equal(warp(x, linear, down=none, right=none, fill="reflect"), x)


# --- colour ---


def factors(**given: list[float]) -> dict[str, np.ndarray]:
    plain = {"brightness": [1.0] * 4, "contrast": [1.0] * 4, "saturation": [1.0] * 4, "hue": [0.0] * 4}
    return {name: np.array(values, np.float32) for name, values in {**plain, **given}.items()}


def test_colours_by_hand() -> None:
    x = pixels().float()
    b, c, s = [1.0, 0.7, 1.4, 0.9], [1.0, 1.5, 0.5, 1.2], [1.0, 0.0, 1.5, 0.4]
    y = recolour(x, **factors(brightness=b, contrast=c, saturation=s))
    luma = np.array([0.299, 0.587, 0.114])
    for k in range(4):
        image = x[k].numpy().transpose(1, 2, 0).astype(float) * b[k]
        grey = (image @ luma).mean()
        image = c[k] * (image - grey) + grey
        dull = (image @ luma)[:, :, None]
        image = np.clip(s[k] * image + (1 - s[k]) * dull, 0, 255)
        np.testing.assert_allclose(y[k].numpy().transpose(1, 2, 0), image, atol=1e-3)
    assert torch.equal(y[0], x[0]), "factors of 1 change nothing"


def test_hue_keeps_grey_and_brightness_and_turns_colours() -> None:
    x = pixels().float() / 4 + 80  # far from the limits
    y = recolour(x, **factors(hue=[0.0, 0.1, -0.1, 0.5]))
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    torch.testing.assert_close((y * weights).sum(1), (x * weights).sum(1), atol=0.05, rtol=0)
    grey = torch.full((4, 3, 2, 2), 99.0)
    torch.testing.assert_close(recolour(grey, **factors(hue=[0.0, 0.1, -0.1, 0.5])), grey, atol=0.01, rtol=0)
    red = torch.tensor([160.0, 90.0, 90.0]).view(1, 3, 1, 1).expand(4, -1, -1, -1)
    turned = recolour(red, **factors(hue=[0.0, 1 / 3, -1 / 3, 0.5]))[:, :, 0, 0] / 255
    hues = [colorsys.rgb_to_hsv(*map(float, colour))[0] for colour in turned]
    # opposite turns give opposite colours, half a turn the complement
    assert hues[0] == 0 and abs(hues[3] - 0.5) < 0.08 and abs(hues[1] + hues[2] - 1) < 0.08 and 0.2 < hues[1] < 0.8


def test_one_channel_has_brightness_and_contrast() -> None:
    x = pixels((4, 1, 5, 5)).float()
    y = recolour(x, **factors(brightness=[1.0, 0.5, 0.8, 1.1], contrast=[1.0, 1.0, 0.5, 0.9], saturation=[0.3] * 4))
    bright = x[2] * 0.8
    torch.testing.assert_close(y[2], (0.5 * (bright - bright.mean()) + bright.mean()).clamp(0, 255))
    torch.testing.assert_close(y[1], x[1] / 2)


def test_autocontrast_stretches_the_chosen_images_only() -> None:
    x = (pixels().float() / 2 + 40).round()
    y = recolour(x, **factors(), stretch=np.array([True, False, True, False]))
    assert torch.equal(y[1], x[1]) and torch.equal(y[3], x[3])
    torch.testing.assert_close(y[0].amin((1, 2)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(y[0].amax((1, 2)), torch.full((3,), 255.0), atol=1e-3, rtol=0)
    more = {"brightness": [0.9] * 4, "contrast": [0.5] * 4}
    both = recolour(x, **factors(**more), stretch=np.array([True, False, True, False]))
    torch.testing.assert_close(both, recolour(y, **factors(**more)), atol=1e-3, rtol=0)  # one after the other
    flat = torch.full((1, 3, 2, 2), 7.0)
    one = {name: values[:1] for name, values in factors().items()}
    assert torch.equal(recolour(flat, **one, stretch=np.array([True])), flat)


def test_blur_is_a_gaussian_whose_weights_sum_to_one() -> None:
    point = torch.zeros(2, 1, 15, 15)
    point[:, 0, 7, 7] = 1
    y = blur(point, np.array([0.0, 1.5], np.float32))
    assert torch.equal(y[0], point[0])
    weights = np.exp(-((np.arange(15) - 7) ** 2) / (2 * 1.5**2))
    expected = np.outer(weights, weights) / weights.sum() ** 2
    np.testing.assert_allclose(y[1, 0].numpy()[5:10, 5:10], expected[5:10, 5:10], rtol=1e-3)
    flat = torch.full((2, 3, 6, 4), 50.0)
    torch.testing.assert_close(blur(flat, np.array([2.0, 9.0], np.float32)), flat)


def test_solarise_and_posterise() -> None:
    x = torch.tensor([0.0, 100.0, 129.0, 255.0]).view(1, 1, 2, 2).expand(2, -1, -1, -1)
    assert solarise(x, np.array([0.0, 0.5])).flatten().tolist() == [0, 100, 129, 255, 0, 100, 126, 0]
    assert posterise(x + 0.5, np.array([0.0, 4.0])).flatten().tolist() == [
        0.5,
        100.5,
        129.5,
        255.5,
        0,
        96,
        128,
        240,
    ]


def test_images_that_no_operation_was_drawn_for_keep_their_colours() -> None:
    """The colours of a policy, image by image: each operation on the images that drew it, and on no others."""
    config = AugmentConfig(policy_ops=2, policy_magnitude=8.0)
    draws, x = drawn(64), pixels((64, 3, 6, 6))
    chosen = strengths(draws, 2, 8.0)
    y = Pictures(config)(x, draws)
    still = np.all([chosen[name] == 0 for name in ("rotate", "shear_x", "shear_y", "shift_x", "shift_y")], axis=0)
    assert 10 < int(still.sum()) < 50
    for name in ("solarise", "posterise", "autocontrast", "saturation"):
        assert 0 < int((chosen[name][still] != 0).sum()) < int(still.sum()), name
    for k in np.flatnonzero(still):
        one = {name: values[k : k + 1] for name, values in chosen.items()}
        z = recolour(
            x[k : k + 1].float(),
            brightness=np.maximum(1 + one["brightness"], 0),
            contrast=np.maximum(1 + one["contrast"], 0),
            saturation=np.maximum(1 + one["saturation"], 0),
            stretch=one["autocontrast"] > 0,
        )
        expected = posterise(solarise(z, one["solarise"].clip(0, 1)), one["posterise"].clip(0, 8))
        # between whole pixels nothing is left of a move by 0 but rounding; at an edge of a step that is a step
        close = (y[k] - expected[0]).abs() < 0.05
        assert float(close.float().mean()) > 0.97, k


# --- rectangles ---


def test_boxes_and_paint() -> None:
    t = torch.tensor
    mask = box(4, 5, top=t([1, -2]), bottom=t([3, 9]), left=t([0, 4]), right=t([2, 99]))
    expected = np.zeros((2, 1, 4, 5), bool)
    expected[0, 0, 1:3, 0:2] = True
    expected[1, 0, :, 4] = True
    assert np.array_equal(mask.numpy(), expected)
    x = pixels((2, 3, 4, 5))
    y = paint(x, mask, torch.tensor(41.7))
    assert y.dtype == torch.uint8 and bool((y[mask.expand_as(y)] == 42).all())
    assert torch.equal(y[~mask.expand_as(y)], x[~mask.expand_as(x)])


def test_cutout_has_its_side_and_its_centre() -> None:
    x = pixels((3, 3, 20, 30)).clamp_(max=200)
    u_y, u_x = np.array([0.5, 0.999, 0.0]), np.array([0.5, 0.0, 0.999])
    y = cutout(x.clone(), 0.25, u_x, u_y, torch.tensor([201.0, 202.4, 203.0]))
    assert y.dtype == torch.uint8
    covered = (y == torch.tensor([201, 202, 203]).view(1, 3, 1, 1)).all(1)
    assert torch.equal(y.movedim(1, 3)[~covered], x.movedim(1, 3)[~covered]), "the rest is as it was"
    corners = ((1, 9, (17, 19, 0, 2)), (2, 9, (0, 2, 27, 29)))  # 3 by 3 are left of 5 by 5
    for number, count, ends in ((0, 25, (8, 12, 13, 17)), *corners):
        rows, columns = np.nonzero(covered[number].numpy())
        assert len(rows) == count and (rows.min(), rows.max(), columns.min(), columns.max()) == ends


def test_a_cutout_without_a_pixel_changes_nothing_and_floats_are_not_rounded() -> None:
    x, half = pixels((1, 1, 4, 4)).float(), np.array([0.5])
    assert torch.equal(cutout(x.clone(), 0.1, half, half, torch.tensor([7.0])), x)
    y = cutout(x.clone(memory_format=torch.channels_last), 0.25, half, half, torch.tensor([7.25]))
    assert y[0, 0, 2, 2] == 7.25 and int((y != x).sum()) == 1


def test_erased_areas_stay_inside_and_within_their_bounds() -> None:
    u = {name: torch.from_numpy(drawn(4000).uniform(f"erase{name}")) for name in ("", "_area", "_shape", "_x", "_y")}
    mask = erase_box(40, 50, chosen=u[""] < 0.5, area=u["_area"], shape=u["_shape"], u_x=u["_x"], u_y=u["_y"])
    area = mask.float().mean((1, 2, 3))
    erased = area[area > 0]
    assert abs(len(erased) / 4000 - 0.5) < 0.03
    assert 0.8 * ERASED_AREA[0] < erased.min() and erased.max() < 1.1 * ERASED_AREA[1]
    assert bool((mask[area > 0].any(0)).all()), "every pixel is erased in some image"


# --- mixing ---


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_images_and_labels_are_mixed_in_the_same_share(kind: str) -> None:
    mixing = Mixing(3, 5, 16, mixup=0.4 if kind == "mixup" else 0.0, cutmix=1.0 if kind == "cutmix" else 0.0)
    # image k is all k: what is left of it can be read off
    x = torch.arange(16.0).view(16, 1, 1, 1).expand(-1, 2, 8, 8)
    mixed, share = mixing.images(x)
    partner = (torch.arange(16) - mixing.roll) % 16
    own = torch.arange(16.0)
    torch.testing.assert_close(mixed.mean((1, 2, 3)), share * own + (1 - share) * partner)
    y = mixing.labels(torch.arange(16) % 5, share, 5)
    torch.testing.assert_close(y.sum(1), torch.ones(16))
    for k in range(16):
        expected = torch.zeros(5)
        expected[k % 5] += share[k]
        expected[int(partner[k]) % 5] += 1 - share[k]
        torch.testing.assert_close(y[k], expected)
    assert 0 < mixing.roll < 16 and 0.1 < share.mean() < 0.9


def test_labels_of_one_output_numbers_and_weights_are_mixed_too() -> None:
    mixing, share = Mixing(3, 5, 4, mixup=1.0, cutmix=0.0), torch.tensor([1.0, 0.5, 0.25, 0.0])
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    expected = share * y + (1 - share) * y.roll(mixing.roll)
    assert torch.equal(mixing.labels(y.long(), share, 1), expected[:, None])
    assert torch.equal(mixing.labels(y, share, None), expected)
    assert torch.equal(mixing.labels(y[:, None], share, None), expected[:, None])


def test_cutmix_keeps_bytes_and_a_batch_of_one_is_left_alone() -> None:
    x = pixels()
    assert Mixing(0, 0, 4, mixup=0.0, cutmix=1.0).images(x)[0].dtype == torch.uint8
    alone, _ = Mixing(0, 0, 1, mixup=0.0, cutmix=1.0).images(x[:1])
    assert torch.equal(alone, x[:1])


def test_with_both_alphas_a_coin_decides() -> None:
    cut = [Mixing(0, number, 4, mixup=0.2, cutmix=1.0).cut for number in range(200)]
    assert 70 < sum(cut) < 130


# --- draws ---


def test_draws_are_uniform_and_a_function_of_seed_and_number() -> None:
    draws = drawn(20_000)
    for name in NAMES:
        u = draws.uniform(name)
        assert (
            u.min() >= 0 and u.max() < 1 and abs(float(u.mean()) - 0.5) < 0.01 and abs(float(u.var()) - 1 / 12) < 0.01
        )
    again, other, later = drawn(), drawn(seed=2), drawn(number=1)
    assert np.array_equal(drawn().uniform("zoom"), again.uniform("zoom"))
    assert not np.array_equal(again.uniform("zoom"), other.uniform("zoom"))
    assert not np.array_equal(again.uniform("zoom"), later.uniform("zoom"))


def test_whole_moves_are_all_as_likely() -> None:
    counts = np.bincount(drawn(50_000).whole("crop_x", 2) + 2)
    assert len(counts) == 5 and bool((abs(counts - 10_000) < 500).all())


def test_strengths_are_the_sum_over_the_draws() -> None:
    draws = drawn(300)
    chosen, one_sided = strengths(draws, 3, 4.0), ("posterise", "solarise", "autocontrast")
    for place, (name, greatest) in enumerate(TABLE.items()):
        expected = np.zeros(300)
        for number in range(3):
            hit = np.floor(draws.uniform(f"policy_choice_{number}") * len(TABLE)) == place
            sign = np.where(draws.uniform(f"policy_sign_{number}") < 0.5, -1, 1)
            expected += 0.4 * greatest * hit * (1 if name in one_sided else sign)
        np.testing.assert_allclose(chosen[name], expected, rtol=1e-6, atol=1e-6, err_msg=name)


def test_a_policy_draws_so_many_operations() -> None:
    chosen = strengths(drawn(24_000), 1, 10.0)
    hits = np.stack([values != 0 for name, values in chosen.items() if name != "identity"])
    assert int(hits.sum(0).max()) == 1
    assert bool((abs(hits.mean(1) - 1 / len(TABLE)) < 0.01).all())
    turned = chosen["rotate"][chosen["rotate"] != 0]
    assert set(turned.tolist()) == {-30.0, 30.0} and abs(float(turned.mean())) < 3
    assert float(chosen["solarise"].min()) == 0, "what has one direction gets no sign"
    half = strengths(drawn(24_000), 3, 5.0)
    assert float(abs(half["rotate"]).max()) == 45.0, "drawn three times at half strength"
