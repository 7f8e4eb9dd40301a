"""One image file -> uint8 [height, width, channels], whatever it is; or a reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
MOST_PIXELS = 64_000_000
DRAFT_GAP = 3
"""A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that is still this many times the size wanted."""
GREY_MODES = ("1", "L", "I;16", "I;16B", "I;16L", "I", "LA", "La")


class BadImage(Exception):
    """Why a file is not a usable image; collected and reported together."""


@dataclass(frozen=True)
class Header:
    """What can be known without decoding. `traits`: what was changed on reading, for one note over
    all files.
    """

    height: int
    width: int
    grey: bool
    traits: tuple[str, ...] = ()


def read_header(path: Path) -> Header:
    """Size after EXIF rotation, and the traits. Raises BadImage."""
    with _open(path) as image:
        width, height = image.size
        orientation = _orientation(image)
        traits = _traits(image, orientation)
        if orientation in (5, 6, 7, 8):
            width, height = height, width
        return Header(height, width, image.mode in GREY_MODES, traits)


def _orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF has it; 1 where that says nothing: the picture is then left as it is stored."""
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:  # Pillow's parser raises whatever the damage leads to; `decode` meets it again and says so
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _traits(image: Image.Image, orientation: int) -> tuple[str, ...]:
    traits = []
    if orientation != 1:
        traits.append("turned as their EXIF data says")
    if getattr(image, "is_animated", False):
        traits.append("animated (first frame used)")
    if image.mode == "CMYK":
        traits.append("CMYK (converted to RGB)")
    if image.mode in ("P", "PA"):
        traits.append("palette (converted to RGB)")
    if image.mode.startswith("I"):
        traits.append("16-bit (scaled to 8 bits)")
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        traits.append("transparent (laid on white)")
    return tuple(traits)


def _open(path: Path) -> Image.Image:
    try:
        if path.stat().st_size == 0:
            raise BadImage("zero bytes")
        image = Image.open(path)
    except Image.DecompressionBombError:
        raise BadImage(f"more than {MOST_PIXELS / 1e6:.0f} million pixels (decompression bomb)") from None
    except UnidentifiedImageError:
        raise BadImage("not an image") from None
    except OSError as error:
        raise BadImage(f"cannot be read ({error.strerror or error})") from None
    except (ValueError, SyntaxError) as error:
        raise BadImage(f"damaged ({error})") from None
    if image.size[0] * image.size[1] > MOST_PIXELS:
        size = image.size
        image.close()
        raise BadImage(f"{size[0]} x {size[1]} pixels, more than {MOST_PIXELS / 1e6:.0f} million (decompression bomb)")
    return image


def decode(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    """uint8 [height, width, channels]; resized with an antialiased bilinear filter when the size differs.

    Of a JPEG more than `2 * DRAFT_GAP` times as large as what is wanted only the coarse part of its cosine transform is
    computed, an exact average of 2, 4 or 8 pixels each way, before the rest is resized. Measured on photos, pixels then
    differ by less than one level of 255 on average from those of the whole picture.

    Raises BadImage for truncated and damaged files.
    """
    with _open(path) as image:
        try:
            if getattr(image, "is_animated", False):
                image.seek(0)
            _draft(image, size)
            image.load()
            pixels = to_mode(image, channels)
        except BadImage:
            raise
        except Exception as error:
            # Pillow's decoders raise OSError, SyntaxError, struct.error, ... on damaged bytes.
            raise BadImage(_reason(error)) from None
    return np.asarray(resized(pixels, size), dtype=np.uint8).reshape(*size, channels)


def _draft(image: Image.Image, size: tuple[int, int]) -> None:
    """Let a JPEG's decoder do the coarse part of shrinking; the picture may still have to be turned."""
    if image.format != "JPEG":
        return
    longest = DRAFT_GAP * max(size)
    image.draft(None, (longest, longest))


def _reason(error: Exception) -> str:
    text = str(error)
    return "truncated" if "truncated" in text or "Truncated" in text else f"damaged ({text or type(error).__name__})"


def to_mode(image: Image.Image, channels: int) -> Image.Image:
    """Upright, 8 bits, grey ("L") or RGB."""
    image = ImageOps.exif_transpose(image) or image
    if image.mode.startswith("I"):
        image = _sixteen_to_eight(image)
    elif image.mode == "F":
        raise BadImage("floating-point pixels")
    if image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def _sixteen_to_eight(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise BadImage("pixels of more than 16 bits")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """`size` is (height, width)."""
    height, width = size
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)


def resize_array(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 [n, h, w, c] -> [n, *shape]: resized like files, grey and colour converted."""
    height, width, channels = shape
    out = np.empty((len(images), *shape), np.uint8)
    for row, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels))
        if image.mode != ("L" if channels == 1 else "RGB") and channels in (1, 3):
            image = to_mode(image, channels)
        out[row] = np.asarray(resized(image, (height, width))).reshape(shape)
    return out
