"""Which picture sizes transposed convolutions of stride 2 reach: each doubles the side."""

from __future__ import annotations

from learnloop.errors import ModelError

_COARSEST = 8
"""The maps that are doubled first are smaller than this, so that noise says little of each place."""


def doublings_of(name: str, height: int, width: int, given: int | None = None) -> int:
    """How often a coarsest map is doubled to make height x width: until its larger side is below 8, once at least.

    given  doublings that the recipe asks for (one a width). Raises ModelError for a side that is not a multiple of
    2^doublings, naming the nearest sizes that are.
    """
    count = given or needed(max(height, width))
    factor = 2**count
    if height % factor or width % factor or min(height, width) < factor:
        ups = {1: "once", 2: "twice"}.get(count, f"{count} times")
        near = nearest_sizes(height, width, factor)
        square = sorted({size[0] for size in near if size[0] == size[1]})
        raise ModelError(
            f"model {name!r}",
            f"doubles its maps {ups}, so both sides of a picture must be multiples of {factor}",
            found=f"pictures of {height} x {width}",
            do=[f"--set data.image_size={side}" for side in square],
            available=[f"{h} x {w}" for h, w in near],
        )
    return count


def needed(side: int) -> int:
    """Doublings that bring a coarsest side below 8, at least one."""
    count = 1
    while side / 2**count >= _COARSEST:
        count += 1
    return count


def nearest_sizes(height: int, width: int, factor: int) -> list[tuple[int, int]]:
    """(height, width) of multiples of `factor` below and above, the nearest first."""
    if height == width:
        sides = _multiples(height, factor)
        return sorted(((side, side) for side in sides), key=lambda size: abs(size[0] - height))
    sizes = [(h, w) for h in _multiples(height, factor) for w in _multiples(width, factor)]
    return sorted(sizes, key=lambda size: abs(size[0] - height) + abs(size[1] - width))


def _multiples(side: int, factor: int) -> list[int]:
    below = side // factor * factor
    return [multiple for multiple in dict.fromkeys((below, -(-side // factor) * factor)) if multiple]


def need_same_size(name: str, source: tuple[int, int, int], wanted: tuple[int, int, int]) -> None:
    """Refuse pairs whose pictures differ in size."""
    if source[1:] != wanted[1:]:
        raise ModelError(
            f"model {name!r}",
            "makes pictures of the size of their sources",
            found=f"{source[1]} x {source[2]} to {wanted[1]} x {wanted[2]}",
            do=("--model superres   # makes them larger", f"--set data.image_size={max(source[1:])}"),
        )
