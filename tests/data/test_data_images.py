"""Folders of images: every odd file, mixed sizes, the cache."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from learnloop.data import imagecache, images, imagestore
from learnloop.data.images import decode, read_header
from learnloop.data.progress import Count, silent
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
    pixels = data.arrays["image"]
    assert data.schema["image"].shape == (12, 10, 3)
    assert (pixels[rows["sixteen.png"]] == 255).all() and (pixels[rows["transparent.png"]] == 255).all()
    assert pixels[rows["moving.gif"]][0, 0, 0] > 200 and pixels[rows["moving.gif"]][0, 0, 2] < 50
    assert (pixels[rows["turned.png"]][0, 9] == 0).all()  # the corner went from the left to the right
    for said in ("CMYK", "16-bit", "animated", "transparent", "EXIF"):
        assert any(said in note for note in data.notes), said


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (struct.pack("<HHII", 0x0112, 4, 1, 0), 0),
        (struct.pack("<HHII", 0x0112, 4, 1, 9), 9),
        (struct.pack("<HHI4s", 0x0112, 2, 4, b"top\0"), "top"),
    ],
)
def test_an_exif_orientation_that_is_none_turns_nothing_and_is_not_said(
    stored: bytes, found: int | str, tmp_path: Path
) -> None:
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + stored + bytes(4)
    Image.new("RGB", (12, 10), "white").save(tmp_path / "one.jpg", exif=exif)
    with Image.open(tmp_path / "one.jpg") as image:
        assert image.getexif()[0x0112] == found
    header = read_header(tmp_path / "one.jpg")
    assert (header.height, header.width, header.traits) == (10, 12, ())
    assert decode(tmp_path / "one.jpg", (10, 12), 3).shape == (10, 12, 3)


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
    monkeypatch.setattr(imagestore, "MOST_BYTES", 4500)
    picture().save(folder / "cat" / "0.png")
    read(folder)
    assert len(list((own_home / "cache" / "images").glob("*.npy"))) == 1
    monkeypatch.setattr(imagestore, "MOST_BYTES", 100)
    picture().save(folder / "cat" / "1.png")
    assert "decoded images must fit the cache" in message(folder) and "--set data.image_size=128" in message(folder)


def entries(home: Path) -> list[str]:
    return sorted(path.suffix for path in (home / "cache" / "images").iterdir())


def test_bad_files_are_remembered_and_not_decoded_again(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = read(folder).arrays["image"]
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    whole = (folder / "cat" / "4.png").read_bytes()
    (folder / "cat" / "3cut.png").write_bytes(whole[: len(whole) // 2])
    assert "1 of 11 are not: cat/3cut.png (truncated)" in message(folder)
    assert entries(own_home) == [".json", ".npy"]
    monkeypatch.setattr(imagecache, "decode", None)
    monkeypatch.setattr(imagecache, "read_header", None)
    skipped = read(folder, corrupt="skip")
    assert (skipped.arrays["image"] == plain).all() and isinstance(skipped.arrays["image"], np.memmap)
    assert list(skipped.frame["file"])[3:5] == ["cat/3.png", "cat/4.png"]
    assert any("1 of 11 images could not be read and were skipped" in note for note in skipped.notes)
    assert "1 of 11 are not: cat/3cut.png (truncated)" in message(folder)


def test_nothing_is_kept_when_no_file_can_be_read(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    for path in folder.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:60])
    assert "10 of 10 are not" in message(folder, corrupt="skip")
    assert entries(own_home) == []


def test_many_small_files_are_kept_too(folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagecache, "MANY_FILES", 10)
    plain = read(folder).arrays["image"]
    assert entries(own_home) == [".json", ".npy"] and not isinstance(plain, np.memmap)
    monkeypatch.setattr(imagecache, "decode", None)
    assert (read(folder).arrays["image"] == plain).all()


@pytest.mark.parametrize("harm", ["no text", "cut array", "other count"])
def test_half_an_entry_is_none(harm: str, folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    plain = np.array(read(folder).arrays["image"])
    (text,) = (own_home / "cache" / "images").glob("*.json")
    array = text.with_suffix(".npy")
    if harm == "no text":
        text.unlink()
    elif harm == "cut array":
        array.write_bytes(array.read_bytes()[:-1])
    else:
        text.write_text(text.read_text().replace('"files": 10', '"files": 11'))
    assert (read(folder).arrays["image"] == plain).all()
    assert entries(own_home) == [".json", ".npy"]


KILLED = """
import sys, time
from pathlib import Path
from learnloop.data import imagecache
from learnloop.data.read import read

def slow(path, size, channels):
    sys.stdout.write("decoding\\n")  # one piece: two threads decode at once
    sys.stdout.flush()
    time.sleep(60)

imagecache.IN_MEMORY, imagecache.decode = 0, slow
read(Path(sys.argv[1]))
"""


def test_a_killed_decoding_leaves_no_entry_and_the_next_one_cleans_up(
    folder: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "decoding\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert entries(own_home) == [".partial"]
    monkeypatch.setattr(imagecache, "IN_MEMORY", 0)
    expected = np.asarray(Image.open(folder / "dog" / "3.png"))
    assert (read(folder).arrays["image"][8] == expected).all()
    assert entries(own_home) == [".json", ".npy"]


def test_a_draft_of_a_living_process_is_left_alone(folder: Path, own_home: Path) -> None:
    _, partial = imagestore.draft("key", (2, 3), "x")
    imagestore.draft("other", (2, 3), "x")
    assert partial.exists() and len(entries(own_home)) == 2


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, columns = np.mgrid[0:600, 0:400]
    pixels = np.stack([rows / 600, columns / 400, np.sin(rows / 40) / 2 + 0.5], axis=-1)
    Image.fromarray((255 * pixels).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    coarse = decode(tmp_path / "a.jpg", (32, 32), 3).astype(int)
    sizes: list[tuple[int, int]] = []
    real = images.resized
    monkeypatch.setattr(images, "resized", lambda image, size: sizes.append(image.size) or real(image, size))
    assert (decode(tmp_path / "a.jpg", (32, 32), 3) == coarse).all()
    monkeypatch.setattr(images, "DRAFT_GAP", 1000)
    whole = decode(tmp_path / "a.jpg", (32, 32), 3).astype(int)
    assert sizes == [(100, 150), (400, 600)]  # a quarter is still 3 times as large as 32
    assert abs(coarse - whole).mean() < 1 and abs(coarse - whole).max() <= 6


def test_grey_and_palette_among_colours_are_said(folder: Path) -> None:
    picture(mode="L").save(folder / "cat" / "grey.png")
    picture(mode="P").save(folder / "cat" / "palette.png")
    notes = read(folder).notes
    assert "1 image: grey (the same value in all three colours)." in notes
    assert "1 image: palette (converted to RGB)." in notes


def test_progress_shows_pace_and_what_is_left() -> None:
    clock, stream = [0.0], io.StringIO()
    count = Count("decoding images", 1000, stream=stream, live=False, now=lambda: clock[0])
    for seconds in (1.0, 2.0, 3.0, 12.0):
        clock[0] = seconds
        count.add(100)
    assert stream.getvalue().splitlines() == [
        "decoding images: 200 of 1,000 (20 %), 100 a second, about 8 s left",
        "decoding images: 400 of 1,000 (40 %), 33 a second, about 18 s left",
    ]
    count.end("1,000 images decoded")
    assert stream.getvalue().splitlines()[-1] == "1,000 images decoded"


def test_what_is_over_at_once_shows_no_progress() -> None:
    stream = io.StringIO()
    count = Count("x", 10, stream=stream, now=lambda: 1.9)
    count.add(5)
    count.end("done")
    assert stream.getvalue() == ""


def test_silent_counts_show_nothing_and_only_while_it_is_asked_for() -> None:
    def shown(asked: bool) -> str:
        clock, stream = [0.0], io.StringIO()
        with silent(asked):
            count = Count("x", 10, stream=stream, live=True, now=lambda: clock[0])
        clock[0] = 3.0
        count.add(5)
        count.end("done")
        return stream.getvalue()

    assert shown(True) == "" and "5 of 10" in shown(False)
    with silent():
        assert shown(False) == "", "who asked first is not overruled"
    assert "done" in shown(False)


def test_the_fingerprint_of_a_folder_follows_its_images_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    def fingerprint(path: Path = folder) -> Any:
        return read(path).origin["sha256"]

    before = fingerprint()
    assert len(before) == 64 and fingerprint() == before
    shutil.copytree(folder, tmp_path / "moved")  # with its times
    assert fingerprint(tmp_path / "moved") == before
    (folder / "cat" / "notes.txt").write_text("not an image")
    assert fingerprint() == before
    image, seen = folder / "cat" / "0.png", [before]
    times = image.stat().st_mtime_ns
    os.utime(image, ns=(times, times + 1_000_000_000))
    seen.append(fingerprint())
    os.utime(image, ns=(times, times))
    image.write_bytes(image.read_bytes() + b"\0")  # one byte longer, as old
    os.utime(image, ns=(times, times))
    seen.append(fingerprint())
    image.rename(folder / "dog" / "9.png")  # another class
    seen.append(fingerprint())
    (folder / "dog" / "9.png").unlink()
    seen.append(fingerprint())
    assert len(set(seen)) == 5


def test_a_folder_of_idx_files_has_a_fingerprint_too(tmp_path: Path) -> None:
    def write(name: str, array: np.ndarray) -> None:
        head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (tmp_path / name).write_bytes(head + array.tobytes())

    write("train-images-idx3-ubyte", np.zeros((6, 4, 4), np.uint8))
    write("train-labels-idx1-ubyte", np.arange(6, dtype=np.uint8) % 2)
    before = read(tmp_path).origin["sha256"]
    write("train-images-idx3-ubyte", np.zeros((6, 4, 5), np.uint8))
    assert len(before) == 64 and read(tmp_path).origin["sha256"] != before


def test_folders_without_classes(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.png")
    assert "1 images without class folders" in message(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "must hold folders of images, one a class, or MNIST idx files" in message(empty)
    (empty / "t.csv").write_text("a,y\n1,2\n")
    assert f"do:        learnloop fit {empty / 't.csv'}" in message(empty)
    assert "must bring a target for each row" in message(tmp_path / "a.png")
