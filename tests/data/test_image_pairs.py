"""Pairs of pictures: read from arrays and folders, told from other data, computed from the pictures themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from learnloop.data.image_pairs import PicturePairs, made_from, read_pairs
from learnloop.errors import DataError


def pictures(count: int, side: int = 6, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels)).astype(np.uint8)


def write(folder: Path, names: list[str], seed: int = 0, side: int = 6) -> None:
    folder.mkdir(parents=True)
    for name, picture in zip(names, pictures(len(names), side, seed=seed), strict=True):
        Image.fromarray(picture[..., 0]).save(folder / name)


def pairs_of(source: object) -> PicturePairs:
    found = read_pairs(source)
    assert found is not None
    return found


def test_arrays_x_and_y_of_pictures_are_pairs(tmp_path: Path) -> None:
    x, y = pictures(5), pictures(5, 12, 3, seed=1)
    np.savez(tmp_path / "pairs.npz", x=x, y=y)
    for source in ({"x": x, "y": y}, (x, y), str(tmp_path / "pairs.npz")):
        found = pairs_of(source)
        assert found.paired and found.larger and found.heaps == "5 pairs of pictures"
        assert (found.source == x).all() and (found.wanted == y).all() and found.source_part is None
    assert len(pairs_of(str(tmp_path / "pairs.npz")).origin["sha256"]) == 64


def test_parts_of_arrays_are_kept(tmp_path: Path) -> None:
    arrays = {"x_train": pictures(4), "y_train": pictures(4, seed=1), "x_test": pictures(2), "y_test": pictures(2)}
    found = pairs_of(arrays)
    assert found.paired and not found.larger
    assert found.source_part is not None and found.source_part.tolist() == ["train"] * 4 + ["test"] * 2


def test_arrays_of_different_length_are_two_heaps() -> None:
    found = pairs_of({"x": pictures(5), "y": pictures(3)})
    assert not found.paired and found.heaps == "5 and 3 pictures without pairs"


@pytest.mark.parametrize(
    "source",
    [
        {"x": pictures(4), "y": np.arange(4)},
        {"x": np.zeros((4, 3)), "y": np.zeros((4, 3))},
        (pictures(4), [0, 1, 0, 1]),
        {"x": pictures(4)},
        "mnist",
        [1, 2],
    ],
)
def test_other_data_holds_no_pairs(source: object) -> None:
    assert read_pairs(source) is None


def test_files_of_the_same_name_are_a_pair(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png", "2.png", "3.png"])
    write(tmp_path / "b", ["3.png", "2.png"], seed=1)
    found = pairs_of(tmp_path)
    assert found.paired and len(found.source) == len(found.wanted) == 2
    third = np.asarray(Image.open(tmp_path / "b" / "3.png"))
    assert (found.wanted[1, ..., 0] == third).all() and (found.source[1] == pictures(3)[2]).all()
    assert found.notes == ("1 files of a/ and b/ have no partner: left out.",)


def test_folders_without_a_name_in_common_are_two_heaps(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png", "2.png", "3.png"])
    write(tmp_path / "b", ["x.png", "y.png"])
    found = pairs_of(tmp_path)
    assert not found.paired and (len(found.source), len(found.wanted)) == (3, 2)


def test_train_a_and_train_b_are_two_heaps_whatever_their_files_are_called(tmp_path: Path) -> None:
    for name, count in (("trainA", 3), ("trainB", 4), ("testA", 1), ("testB", 2)):
        write(tmp_path / name, [f"{number}.png" for number in range(count)])
    found = pairs_of(tmp_path)
    assert not found.paired and (len(found.source), len(found.wanted)) == (4, 6)
    assert found.wanted_part is not None and found.wanted_part.tolist().count("test") == 2


def test_pairs_may_stand_in_the_folders_of_their_parts(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("val", 2)):
        for kind in ("A", "B"):
            write(tmp_path / part / kind, [f"{number}.png" for number in range(count)])
    found = pairs_of(tmp_path)
    assert found.paired and found.source_part is not None
    assert found.source_part.tolist() == ["train"] * 3 + ["validation"] * 2


def test_class_folders_hold_no_pairs(tmp_path: Path) -> None:
    for name in ("cat", "dog", "train"):
        write(tmp_path / name, ["1.png"])
    assert read_pairs(tmp_path) is None


def test_an_empty_folder_of_a_pair_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", ["1.png"])
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match=r"must hold pictures of both kinds\n  found:     none in b/"):
        read_pairs(tmp_path)


# --- computed


def test_edges_are_the_largest_minus_the_smallest_value_around() -> None:
    picture = np.zeros((1, 5, 5, 1), np.uint8)
    picture[0, 2, 2] = 200
    source, wanted = made_from(picture, "edges")
    assert (wanted == picture).all()
    assert (source[0, 1:4, 1:4] == 200).all() and source.sum() == 9 * 200


def test_inverted_pictures_add_up_to_white() -> None:
    picture = pictures(3, channels=3)
    source, wanted = made_from(picture, "invert")
    assert (source.astype(int) + wanted == 255).all() and (wanted == picture).all()


def test_colour_leads_from_grey_to_colour() -> None:
    grey = np.full((1, 4, 4, 1), 90, np.uint8)
    source, wanted = made_from(grey, "colour")
    assert (source == grey).all() and wanted.shape == (1, 4, 4, 3)
    assert wanted[0, 0, :, 0].tolist() == [0, 30, 60, 90] and wanted[0, :, 0, 1].tolist() == [0, 30, 60, 90]
    assert wanted[0, 0, :, 2].tolist() == [90, 60, 30, 0]
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 100
    source, wanted = made_from(red, "colour")
    assert (source == 30).all() and source.shape == (1, 4, 4, 1) and (wanted == red).all()


def test_smaller_sources_are_means_of_tiles() -> None:
    picture = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1) * 2
    source, wanted = made_from(picture, "halve")
    assert source[0, ..., 0].tolist() == [[5, 9], [21, 25]] and (wanted == picture).all()
    assert made_from(picture, "quarter")[0].ravel().tolist() == [15]


def test_sides_that_cannot_be_halved_are_refused_with_the_nearest_that_can() -> None:
    with pytest.raises(
        DataError, match=r"generate.make=quarter: needs pictures whose sides are multiples of 4"
    ) as error:
        made_from(pictures(2, 6), "quarter")
    assert "found:     6 x 6" in str(error.value)
    assert "--set data.image_size=4   # or 8" in str(error.value)


def test_many_pictures_are_computed_as_few_are() -> None:
    many = np.tile(pictures(50, 4), (100, 1, 1, 1))
    assert (made_from(many, "edges")[0][4990:] == made_from(many[4990:], "edges")[0]).all()
