"""Many pictures as one: sheets for a page and for files, from what networks make."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from learnloop.report.pictures import data_url, photo
from learnloop.runs.atomic import write_bytes

_GAP, _PAPER = 2, 255
_LEAST, _MOST = 48, 48
"""Sides of a picture on a page: smaller ones are enlarged by whole pixels, larger ones reduced."""


def tiled(pictures: np.ndarray, columns: int | None = None, scale: int = 1) -> np.ndarray:
    """uint8 [n, c, h, w] -> one picture uint8 [H, W, 1 or 3], row by row on white paper.

    columns  None: about as many as rows.   scale: every pixel becomes a square of so many
    Two channels show the first, more than three the first three.
    """
    tiles = [_shown(picture, scale) for picture in pictures]
    height, width, depth = tiles[0].shape
    across = min(columns or math.ceil(math.sqrt(len(tiles))), len(tiles))
    down = math.ceil(len(tiles) / across)
    sheet = np.full((down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, depth), _PAPER, np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // across * (height + _GAP), place % across * (width + _GAP)
        sheet[top : top + height, left : left + width] = tile
    return sheet


def sheet_url(pictures: np.ndarray, columns: int | None = None) -> str:
    """The sheet as a data URL of a size that suits a page. pictures uint8 [n, c, h, w]."""
    small, scale = _fitted(pictures)
    return data_url(tiled(small, columns, scale), lossless=True)


def picture_url(picture: np.ndarray) -> str:
    """One picture uint8 [c, h, w] as a data URL."""
    small, scale = _fitted(picture[None])
    return data_url(tiled(small, 1, scale), lossless=True)


def rows_of(*groups: np.ndarray) -> np.ndarray:
    """Groups of as many pictures each -> one sheet's pictures: the first group in the first line, and so on.

    Pictures of other sizes are enlarged to the largest one's size by repeating pixels; grey ones become coloured where
    any group is.
    """
    side = max(group.shape[2] for group in groups), max(group.shape[3] for group in groups)
    depth = max(group.shape[1] for group in groups)
    return np.concatenate([_enlarged(group, side, depth) for group in groups])


def write_sheet(path: Path, pictures: np.ndarray, columns: int | None = None) -> None:
    """A PNG with every pixel as it is; small pictures are enlarged by whole pixels."""
    scale = max(1, round(_LEAST / max(pictures.shape[2:])))
    write_bytes(path, _png(tiled(pictures, columns, scale)))


def write_pictures(folder: Path, pictures: Sequence[np.ndarray]) -> list[Path]:
    """`00001.png`, `00002.png`, ... in the folder: each picture uint8 [c, h, w] as it is."""
    paths = [folder / f"{place:05d}.png" for place in range(1, len(pictures) + 1)]
    for path, picture in zip(paths, pictures):
        write_bytes(path, _png(_shown(picture, 1)))
    return paths


def _shown(picture: np.ndarray, scale: int) -> np.ndarray:
    """uint8 [c, h, w] -> [scale h, scale w, 1 or 3]."""
    pixels = picture.transpose(1, 2, 0)
    pixels = pixels[..., :1] if pixels.shape[-1] < 3 else pixels[..., :3]
    return pixels.repeat(scale, 0).repeat(scale, 1)


def _fitted(pictures: np.ndarray) -> tuple[np.ndarray, int]:
    """Pictures of at most 48 pixels a side, and how much small ones are to be enlarged."""
    side = max(pictures.shape[2:])
    if side > _MOST:
        small = [photo(picture.transpose(1, 2, 0), _MOST).transpose(2, 0, 1) for picture in pictures]
        return np.stack(small), 1
    return pictures, max(1, round(_LEAST / side))


def _enlarged(pictures: np.ndarray, side: tuple[int, int], depth: int) -> np.ndarray:
    down = np.arange(side[0]) * pictures.shape[2] // side[0]
    across = np.arange(side[1]) * pictures.shape[3] // side[1]
    shown = pictures[:, :, down][:, :, :, across]
    if shown.shape[1] < depth:
        shown = np.repeat(shown[:, :1], depth, axis=1)
    return shown


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)).save(buffer, "PNG")
    return buffer.getvalue()
