"""Image files of every bad kind, alone and in folders."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bad_input.conftest import FAST, Call, good

RANDOM = np.random.default_rng(0)


def picture(path: Path, mode: str = "L", size: tuple[int, int] = (12, 12)) -> Path:
    channels: dict[str, tuple[int, ...]] = {"L": (), "RGB": (3,), "CMYK": (4,), "RGBA": (4,)}
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RANDOM.integers(0, 255, (*size, *channels[mode]), np.uint8), mode).save(path)
    return path


def png(width: int, height: int) -> bytes:
    """A tiny file that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for kind in ("cat", "dog"):
        for number in range(12):
            picture(tmp_path / "pets" / kind / f"{number}.png")
    return tmp_path / "pets"


def fit_images(call: Call, folder: Path, *more: object, code: int = 2) -> str:
    out = folder.parent / "run"
    _, err = call("fit", folder, "-m", "linear", "--steps", "2", *more, "--out", out, "--overwrite", *FAST, code=code)
    return err


BROKEN = [
    (lambda data: data[:60], "truncated"),
    (lambda data: b"", "zero bytes"),
    (lambda data: b"hello", "not an image"),
    (lambda data: png(60_000, 60_000), "more than 64 million pixels (decompression bomb)"),
    (lambda data: png(11_000, 11_000), "11000 x 11000 pixels, more than 64 million (decompression bomb)"),
]


@pytest.mark.parametrize(("change", "reason"), BROKEN, ids=[reason[:12] for _, reason in BROKEN])
def test_files_that_cannot_be_read(call: Call, pets: Path, change: object, reason: str) -> None:
    path = pets / "cat" / "0.png"
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    err = fit_images(call, pets)
    assert f"every image must be readable\n  found:     1 of 24 are not: cat/0.png ({reason})" in err
    assert "or:        --set data.corrupt=skip" in err
    err = fit_images(call, pets, "--set", "data.corrupt=skip", code=0)
    assert "1 of 24 images could not be read and were skipped: cat/0.png" in err


def test_a_link_to_nowhere_is_not_passed_over(call: Call, pets: Path) -> None:
    (pets / "cat" / "away.png").symlink_to("/no/where.png")
    assert "1 of 25 are not: cat/away.png (cannot be read (No such file or directory))" in fit_images(call, pets)


def test_what_is_converted_is_said(call: Call, pets: Path) -> None:
    picture(pets / "cat" / "cmyk.jpg", "CMYK")
    picture(pets / "cat" / "rgba.png", "RGBA")
    Image.fromarray(RANDOM.integers(0, 65535, (12, 12)).astype(np.uint16)).save(pets / "cat" / "deep.png")
    frames = [Image.fromarray(RANDOM.integers(0, 255, (12, 12), np.uint8)) for _ in range(3)]
    frames[0].save(pets / "dog" / "moving.gif", save_all=True, append_images=frames[1:])
    picture(pets / "dog" / "large.png", size=(20, 30))
    err = fit_images(call, pets, code=0)
    for text in ("CMYK (converted to RGB)", "16-bit (scaled to 8 bits)", "animated (first frame used)"):
        assert f"1 image: {text}" in err
    assert "transparent (laid on white)" in err and "Images have 2 different sizes; all were resized to" in err


def test_folders(call: Call, pets: Path, tmp_path: Path) -> None:
    (pets / "bird").mkdir()
    (pets / "fish").mkdir()
    (pets / "fish" / "cod.heic").write_text("x")
    text = (
        "every class folder must hold images\n  found:     bird holds nothing, fish holds 1 other file, as cod.heic\n"
    )
    assert text in fit_images(call, pets)
    shutil.rmtree(pets / "fish")
    (pets / "notes.txt").write_text("x")
    err = fit_images(call, pets, "--set", "data.corrupt=skip", code=0)
    assert "Folders without images are no classes: bird." in err
    assert "1 file that is not an image in a class folder: left out (notes.txt)." in err
    (tmp_path / "nothing").mkdir()
    assert "must hold folders of images, one a class" in fit_images(call, tmp_path / "nothing")
    picture(tmp_path / "flat" / "a.png")
    assert "must hold one folder of images for each class\n  found:     1 images" in fit_images(call, tmp_path / "flat")
    picture(tmp_path / "lonely" / "cat" / "a.png")
    picture(tmp_path / "lonely" / "cat" / "b.png")
    assert "one class only, 'cat'" in fit_images(call, tmp_path / "lonely")


@pytest.mark.parametrize("model", ["linear", "cnn"])
def test_one_image_of_each_class(call: Call, tmp_path: Path, model: str) -> None:
    for kind in ("a", "b"):
        picture(tmp_path / "few" / kind / "0.png")
    err = fit_images(call, tmp_path / "few", "--model", model, code=0)
    assert "too few to hold any out" in err


def test_labels_only_in_test_and_models_for_tables(call: Call, pets: Path, tmp_path: Path) -> None:
    split = tmp_path / "split"
    for part, kinds in (("train", ("cat", "dog")), ("test", ("cat", "bird"))):
        for kind in kinds:
            for number in range(3):
                picture(split / part / kind / f"{number}.png")
    assert "'bird' in 3 test rows only" in fit_images(call, split)
    err = fit_images(call, pets, "--model", "tabular")
    assert "--model: must be a model for images\n  found:     'tabular' takes tables" in err


def test_predicting_with_the_wrong_kind(call: Call, pets: Path, tmp_path: Path, trained: Path) -> None:
    fit_images(call, pets, code=0)
    run = tmp_path / "run"
    good().to_csv(tmp_path / "table.csv", index=False)
    _, err = call("predict", run, tmp_path / "table.csv")
    assert "found:     no image\n  probably:  a table; the model was trained on images" in err
    _, err = call("predict", trained, pets / "cat" / "0.png")
    assert "probably:  images; the model was trained on a table" in err
    (tmp_path / "letter.txt").write_text("Dear all, this is no picture.")
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "readme.md").write_text("x")
    _, err = call("predict", run, tmp_path / "letter.txt")
    assert "letter.txt: must be a picture: the model was trained on images\n" in err
    assert (
        "found:     a file ending in '.txt' (not an image)\n  do:        learnloop predict RUN photo.jpg folder/" in err
    )
    _, err = call("predict", run, tmp_path / "none", pets)
    assert "none: must hold pictures: the model was trained on images\n" in err
    assert "found:     a folder with 1 other file: readme.md" in err
    whole = (pets / "cat" / "1.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    _, err = call("predict", run, tmp_path / "cut.png", pets / "cat" / "1.png")
    assert "every image must be readable\n  found:     1 of 2 are not:" in err and "cut.png (truncated)" in err
    out, _ = call("predict", run, pets / "dog", pets / "cat" / "1.png", "--json", code=0)
    assert [Path(row["file"]).name for row in json.loads(out)][-2:] == ["9.png", "1.png"]
    (pets / "cat" / "0.png").write_bytes(b"")
    _, err = call("predict", run, pets / "cat" / "0.png")
    assert "cat/0.png (zero bytes)" in err and "--set" not in err


def test_damaged_bytes_never_end_in_a_traceback(call: Call, tmp_path: Path, trained: Path) -> None:
    """A little fuzzing: bytes of real files changed at random, images and .npz."""
    random = np.random.default_rng(1)
    for name in ("a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.tif"):
        data = picture(tmp_path / name, "RGB").read_bytes()
        for _ in range(8):
            broken = bytearray(data)
            for place in random.integers(0, len(broken), 6):
                broken[place] = random.integers(0, 256)
            (tmp_path / name).write_bytes(bytes(broken[: random.integers(20, len(broken) + 1)]))
            call("predict", trained, tmp_path / name)  # 2: unreadable, or read and not a table
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((9, 3)), y=np.arange(9) % 2)
    data = (tmp_path / "a.npz").read_bytes()
    for _ in range(40):
        broken = bytearray(data)
        for place in random.integers(0, len(broken), 4):
            broken[place] = random.integers(0, 256)
        (tmp_path / "a.npz").write_bytes(bytes(broken[: random.integers(20, len(broken) + 1)]))
        call("predict", trained, tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.webp", "a.bmp", "a.tif", "a.ppm"])
def test_damaged_pictures_in_a_class_folder_never_end_in_a_traceback(call: Call, pets: Path, name: str) -> None:
    """`fit` names the file and `inspect` too, or the damage leaves a picture that can be read."""
    random = np.random.default_rng(3)
    path = picture(pets / "cat" / name, "RGB")
    data = path.read_bytes()
    for _ in range(2):
        broken = bytearray(data)
        for place in random.integers(0, len(broken), 6):
            broken[place] = random.integers(0, 256)
        path.write_bytes(bytes(broken[: random.integers(20, len(broken))]))
        for refuse in (("fit", pets, "--check"), ("inspect", pets)):
            _, err = call(*refuse, code=2)
            assert f"every image must be readable\n  found:     1 of 25 are not: cat/{name} (" in err
        err = fit_images(call, pets, "--set", "data.corrupt=skip", code=0)
        assert f"1 of 25 images could not be read and were skipped: cat/{name}" in err
