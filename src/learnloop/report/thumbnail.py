"""An image as an HTML element that holds its own bytes."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np

SIDE = 64
"""Of a thumbnail on the page, in pixels; smaller images are enlarged crisply, larger ones are stored at twice this."""


def thumbnail(pixels: np.ndarray, title: str) -> str:
    """`<img>` with a PNG inside. pixels: uint8 [height, width] or [height, width, channels]."""
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        pixels = pixels[:, :, 0]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if max(picture.size) > 2 * SIDE:
        picture.thumbnail((2 * SIDE, 2 * SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    crisp = " class=crisp" if max(picture.size) < SIDE else ""
    text = escape(title, quote=True)
    return f'<img{crisp} src="data:image/png;base64,{data}" alt="{text}" title="{text}">'
