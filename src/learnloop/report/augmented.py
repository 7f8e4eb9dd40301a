"""A sheet of training images as they will be changed, drawn before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import torch

from learnloop.contracts import X, Y
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.augment.source import AugmentedSource
from learnloop.data.dataset import Dataset
from learnloop.data.sources import RowSource
from learnloop.report.thumbnail import thumbnail

IMAGES, DRAWS = 8, 6


@dataclass(frozen=True)
class AugmentedSheet:
    """Some images and what becomes of them.

    column   of the images
    rows     which rows are shown
    images   uint8 [rows, 1 + draws, height, width, channels]: first as they are
    line     what is done, in a line;  origin  why;  notes  what is not done, and why
    """

    column: str
    rows: tuple[int, ...]
    images: np.ndarray
    line: str
    origin: str
    notes: tuple[str, ...] = ()


def draw_sheet(
    dataset: Dataset,
    column: str,
    rows: Sequence[int],
    config: AugmentConfig,
    *,
    origin: str = "",
    notes: Sequence[str] = (),
    seed: int = 0,
) -> AugmentedSheet:
    """`rows` of an image column, each `DRAWS` times anew by `config`, as the batches of training are."""
    images = dataset.column(column)
    assert isinstance(images, np.ndarray)
    plain = np.stack([np.asarray(images[row]) for row in rows])
    plain = plain if plain.ndim == 4 else plain[..., None]  # [rows, height, width, channels]
    x = torch.from_numpy(np.ascontiguousarray(plain.transpose(0, 3, 1, 2)))
    data = {X: x, Y: torch.zeros(len(rows))}
    source = RowSource(data, len(rows), seed=seed, shuffle=False, index=True)
    mean = (x.float().mean((0, 2, 3)) / 255).tolist()
    stream = AugmentedSource(source, config, seed=seed, mean=mean)
    drawn = [x, *(next(stream)[X] for _ in range(DRAWS))]
    sheet = torch.stack([part.float().round().byte() for part in drawn], 1)  # [rows, 1 + draws, c, h, w]
    return AugmentedSheet(
        column, tuple(rows), sheet.permute(0, 1, 3, 4, 2).numpy(), config.line(), origin, tuple(notes)
    )


def sheet_section(sheet: AugmentedSheet) -> str:
    """The section of the page of `inspect`: one line an image, the image itself first."""
    why = f" ({sheet.origin})" if sheet.origin else ""
    hint = f"Training changes each image at random, anew in each pass: {sheet.line}{why}. Left: the image as it is."
    notes = "".join(f'<p class="hint">{escape(note[:1].upper() + note[1:])}.</p>' for note in sheet.notes)
    lines = "".join(
        '<div class="sheet">'
        + "".join(
            thumbnail(picture, f"row {row}" if number == 0 else f"row {row}, changed")
            for number, picture in enumerate(pictures)
        )
        + "</div>"
        for row, pictures in zip(sheet.rows, sheet.images)
    )
    head = f'<h2>Augmentation: {escape(sheet.column)}</h2><p class="hint">{escape(hint)}</p>{notes}'
    return f"<section>{head}{lines}</section>"
