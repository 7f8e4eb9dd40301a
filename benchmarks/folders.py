"""A big folder of photos: seconds to decode it, to open it again and for one pass; peak memory must stay below 2 GB.

    python benchmarks/folders.py [--images 100000] [--size 32] [--keep FOLDER]

The folder holds JPEGs of 10 classes with sides from 40 to 200 pixels, made from random pictures with a bright shape in
a place and colour of its class. Every 50th is greyscale, every 40th is turned by its EXIF data, every 1000th is a PNG
with transparency, and every 2000th is cut off in the middle.

Memory: /proc/PID/status of the command is read every 50 ms. `anonymous` is what the process holds for itself (RssAnon);
`resident` (VmRSS) has the pages of the mapped cache in it as well, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from shared import environment, learnloop, machine, say, table, write_results, yes

LIMIT = 2_000_000_000
"""Bytes."""
CLASSES = 10
LEAST_SIDE, MOST_SIDE = 40, 200
GREY, TURNED, TRANSPARENT, CUT = 50, 40, 1000, 2000
"""Every so many-th picture is of this kind."""


def make(folder: Path, images: int, processes: int = 2) -> None:
    """The folder, in parallel; the same files for the same number."""
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True, exist_ok=True)
    step = max(1, images // (processes * 20))
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_make_some, [(folder, start, min(start + step, images)) for start in range(0, images, step)]))


def _make_some(task: tuple[Path, int, int]) -> None:
    folder, start, stop = task
    for number in range(start, stop):
        _make_one(folder, number)


def _make_one(folder: Path, number: int) -> None:
    stream = np.random.default_rng(number)
    label = number % CLASSES
    height, width = stream.integers(LEAST_SIDE, MOST_SIDE, 2)
    small = stream.integers(0, 160, (8, 8, 3), dtype=np.uint8)
    row, column = divmod(label, 5)
    small[1 + 3 * row : 4 + 3 * row, column : column + 4, label % 3] = 230
    picture = Image.fromarray(small).resize((int(width), int(height)), Image.Resampling.BICUBIC)
    path = folder / f"class{label}" / f"{number:06d}.jpg"
    if number % TRANSPARENT == TRANSPARENT - 1:
        picture.convert("RGBA").save(path.with_suffix(".png"))
        return
    exif = Image.Exif()
    if number % TURNED == TURNED - 1:
        exif[0x0112] = 6
    buffer = io.BytesIO()
    picture.convert("L" if number % GREY == GREY - 1 else "RGB").save(buffer, "JPEG", quality=85, exif=exif)
    whole = buffer.getvalue()
    path.write_bytes(whole[: len(whole) // 2] if number % CUT == CUT - 1 else whole)


@dataclass(frozen=True)
class Watched:
    """A command that has ended. wall: seconds; anonymous, resident: bytes, largest of the whole process tree."""

    code: int
    wall: float
    anonymous: int
    resident: int
    stdout: str
    stderr: str


def watched(command: list[str], env: Mapping[str, str]) -> Watched:
    """Run a command and read its memory, children included, until it ends."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=out, stderr=err, env=environment(env))
        peaks, ended = [0, 0], threading.Event()
        watcher = threading.Thread(target=_watch, args=(child.pid, peaks, ended))
        watcher.start()
        code = child.wait()
        wall = time.perf_counter() - began
        ended.set()
        watcher.join()
        out.seek(0)
        err.seek(0)
        text, errors = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    return Watched(code, wall, peaks[0], peaks[1], text, errors)


def _watch(pid: int, peaks: list[int], ended: threading.Event) -> None:
    while not ended.wait(0.05):
        found = [_memory(each) for each in [pid, *_children(pid)]]
        peaks[0] = max(peaks[0], sum(anonymous for anonymous, _ in found))
        peaks[1] = max(peaks[1], sum(resident for _, resident in found))


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    direct = [int(word) for word in text.split()]
    return direct + [deeper for each in direct for deeper in _children(each)]


def _memory(pid: int) -> tuple[int, int]:
    """(RssAnon, VmRSS) in bytes; zeros where the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {line.partition(":")[0]: line.split() for line in lines}
    return tuple(1024 * int(values[key][1]) if key in values else 0 for key in ("RssAnon", "VmRSS"))  # type: ignore[return-value]


def measure(folder: Path, images: int, size: int, home: Path, options: list[str]) -> list[dict[str, Any]]:
    """inspect twice (decodes, then opens what was decoded), then a fit of one pass."""
    sets = ["--set", f"data.image_size={size}", "--set", "data.corrupt=skip"]
    fit = ["fit", str(folder), "--epochs", "1", "--model", "cnn", *sets, "--out", str(home / "run"), *options]
    commands = {
        "inspect, first time": ["inspect", str(folder), *sets],
        "inspect, again": ["inspect", str(folder), *sets],
        "fit, one pass": [*fit, "--json"],
    }
    found = []
    for name, command in commands.items():
        say(name)
        ended = watched([*learnloop(), *command], {"LEARNLOOP_HOME": str(home)})
        if ended.code:
            raise SystemExit(f"{name} ended with code {ended.code}\n{ended.stderr[-3000:]}")
        line: dict[str, Any] = {
            "name": name,
            "wall_s": round(ended.wall, 1),
            "images_a_second": round(images / ended.wall),
            "anonymous": ended.anonymous,
            "resident": ended.resident,
            "met": ended.anonymous < LIMIT,
            "decoded": [text for text in ended.stderr.splitlines() if "decoded" in text][-1:],
        }
        if name.startswith("fit"):
            line["training_s"] = _training_seconds(home / "run")
        found.append(line)
    return found


def _training_seconds(run: Path) -> float:
    import json

    report = json.loads((run / "report.json").read_text())
    return float(report["training"]["seconds"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=32, help="data.image_size")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--keep", type=Path, help="folder for the pictures; used again when it is there")
    parser.add_argument("--out", type=Path, help="results file")
    parser.add_argument("--make-only", action="store_true", help="make the pictures and end")
    arguments = parser.parse_args()
    here = machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "photos"
        if not folder.exists():
            say(f"making {arguments.images:,} pictures")
            draft = folder.with_name(folder.name + ".part")
            shutil.rmtree(draft, ignore_errors=True)
            make(draft, arguments.images)
            os.replace(draft, folder)
        if arguments.make_only:
            return 0
        options = [part for value in arguments.set for part in ("--set", value)]
        found = measure(folder, arguments.images, arguments.size, Path(temporary) / "home", options)
    met = all(line["met"] for line in found)
    facts = {"images": arguments.images, "size": arguments.size, "machine": here, "met": met, "commands": found}
    where = write_results("folders", facts, arguments.out)
    head = ["command", "seconds", "images a second", "anonymous", "resident", "under 2 GB"]
    rows = [
        [
            line["name"], line["wall_s"], f"{line['images_a_second']:,}", f"{line['anonymous'] / 1e9:.2f} GB",
            f"{line['resident'] / 1e9:.2f} GB", yes(line["met"]),
        ]
        for line in found
    ]  # fmt: skip
    print(table(head, rows))
    say(f"written: {where}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
