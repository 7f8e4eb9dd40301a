"""Folders of images: every odd file, mixed sizes, the cache."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from learnloop.data import imagecache
from learnloop.data.read import read
from learnloop.errors import DataError, RecipeError

RANDOM = np.random.default_rng(0)


def picture(height: int = 12, width: int = 10, mode: str = "RGB") -> Image.Image:
    return Image.fromarray(RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            picture().save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


def message(source: Any, **options: Any) -> str:
    with pytest.raises((DataError, RecipeError)) as caught:
        read(source, **options)
    return str(caught.value)


def bomb(path: Path, side: int = 100_000) -> None:
    """A PNG header that claims 10,000 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def test_class_folders(folder: Path) -> None:
    data = read(folder)
    assert data.schema["image"].shape == (12, 10, 3) and data.schema["label"].categories == ("cat", "dog")
    expected = np.asarray(Image.open(folder / "dog" / "3.png"))
    assert (data.arrays["image"][8] == expected).all() and data.frame["file"][8] == "dog/3.png"
    assert data.schema["file"].role == "id" and data.part is None


def test_parts(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "parts"
    for part in ("train", "val", "test"):
        for name in ("cat", "dog"):
            (root / part / name).mkdir(parents=True)
            picture(mode="L").save(root / part / name / "a.png")
    data = read(root)
    assert data.part is not None and sorted(data.part) == ["test"] * 2 + ["train"] * 2 + ["validation"] * 2
    assert data.schema["image"].shape == (12, 10, 1)


def test_every_bad_file_in_one_error(folder: Path) -> None:
    whole = (folder / "cat" / "0.png").read_bytes()
    (folder / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "cat" / "empty.jpg").write_bytes(b"")
    (folder / "dog" / "text.png").write_text("not an image")
    bomb(folder / "dog" / "bomb.png")
    bomb(folder / "dog" / "half.png", side=9000)
    text = message(folder)
    assert "every image must be readable" in text and "found:     5 of 15 are not: cat/cut.png (truncated)" in text
    assert "empty.jpg (zero bytes)" in text and "text.png (not an image)" in text
    assert "bomb.png (more than 64 million pixels (decompression bomb))" in text
    assert "half.png (9000 x 9000 pixels, more than 64 million (decompression bomb))" in text
    assert "--set data.corrupt=skip" in text
    data = read(folder, corrupt="skip")
    assert len(data) == 10 and any("5 of 15 images could not be read and were skipped" in note for note in data.notes)
    expected = np.asarray(Image.open(folder / "dog" / "4.png"))
    assert (data.arrays["image"][9] == expected).all()


def test_many_bad_files_are_counted(folder: Path) -> None:
    for number in range(20):
        (folder / "cat" / f"bad{number:02d}.png").write_bytes(b"")
    text = message(folder)
    assert "bad09.png" in text and "bad10.png" not in text and "and 10 more" in text


def test_modes_and_what_is_said(folder: Path) -> None:
    picture(mode="CMYK").save(folder / "cat" / "cmyk.jpg")
    picture(mode="P").save(folder / "cat" / "palette.png")
    Image.fromarray(np.full((12, 10), 65535, np.uint16)).save(folder / "cat" / "sixteen.png")
    clear = Image.new("RGBA", (10, 12), (255, 0, 0, 0))
    clear.save(folder / "cat" / "transparent.png")
    frames = [Image.new("RGB", (10, 12), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "cat" / "moving.gif", save_all=True, append_images=frames[1:])
    turned = Image.new("RGB", (12, 10), "white")
    turned.putpixel((0, 0), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "cat" / "turned.png", exif=exif)
    data = read(folder)
    rows = {name.split("/")[1]: row for row, name in enumerate(data.frame["file"]) if name.startswith("cat")}
    images = data.arrays["image"]
    assert data.schema["image"].shape == (12, 10, 3)
    assert (images[rows["sixteen.png"]] == 255).all() and (images[rows["transparent.png"]] == 255).all()
    assert images[rows["moving.gif"]][0, 0, 0] > 200 and images[rows["moving.gif"]][0, 0, 2] < 50
    assert (images[rows["turned.png"]][0, 9] == 0).all()  # the corner went from the left to the right
    for said in ("CMYK", "16-bit", "animated", "transparent", "EXIF"):
        assert any(said in note for note in data.notes), said


def test_mixed_sizes_are_resized_and_said(folder: Path) -> None:
    picture(40, 44).save(folder / "cat" / "large.png")
    data = read(folder)
    assert data.schema["image"].shape == (12, 10, 3)  # small ones keep the exact median
    assert any("2 different sizes; all were resized to 12 x 10 pixels (the median)" in note for note in data.notes)
    for place in range(30):
        picture(70 + place % 2, 45).save(folder / "cat" / f"wide{place}.png")
    assert read(folder).schema["image"].shape == (72, 48, 3)  # above 32: multiples of 8
    sized = read(folder, image_size=20)
    assert sized.schema["image"].shape == (20, 20, 3)
    assert "must be pixels from 4 to 2048" in message(folder, image_size=1)


def test_the_cache_is_memory_mapped_atomic_and_bounded(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read(folder).arrays["image"]
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    first = read(folder).arrays["image"]
    assert isinstance(first, np.memmap) and (first == plain).all()
    stored = list((own_home / "cache" / "images").iterdir())
    assert sorted(path.suffix for path in stored) == [".json", ".npy"]
    monkeypatch.setattr(imagecache, "decode", None)  # a second reading decodes nothing
    assert (read(folder).arrays["image"] == plain).all()
    monkeypatch.undo()
    monkeypatch.setenv("LEARNLOOP_HOME", str(own_home))
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    picture().save(folder / "cat" / "0.png")
    assert not (read(folder).arrays["image"][0] == plain[0]).all()  # a changed file is another entry
    monkeypatch.setattr(imagecache, "MOST_CACHE", 4500)
    picture().save(folder / "cat" / "0.png")
    read(folder)
    assert len(list((own_home / "cache" / "images").glob("*.npy"))) == 1
    monkeypatch.setattr(imagecache, "MOST_CACHE", 100)
    picture().save(folder / "cat" / "1.png")
    assert "decoded images must fit the cache" in message(folder) and "--set data.image_size=128" in message(folder)


def test_bad_files_leave_nothing_in_the_cache(folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    (folder / "cat" / "empty.png").write_bytes(b"")
    message(folder)
    assert list((own_home / "cache" / "images").iterdir()) == []
    assert len(read(folder, corrupt="skip")) == len(read(folder, corrupt="skip")) == 10
    assert "1 of 11 are not" in message(folder)


def test_folders_without_classes(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    assert "1 images without class folders" in message(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "must hold folders of images, one a class, or MNIST idx files" in message(empty)
    (empty / "t.csv").write_text("a,y\n1,2\n")
    assert f"do:        learnloop fit {empty / 't.csv'}" in message(empty)
    assert "must bring a target for each row" in message(tmp_path / "a.png")
