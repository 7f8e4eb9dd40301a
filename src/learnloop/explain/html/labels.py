"""Where the weights of a network's picture are written: on their edges, without touching each other or a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALONG = sorted((share / 100 for share in range(10, 91, 4)), key=lambda share: abs(share - 0.5))
"""Where on its edge a label may stand, as a share of the way; nearest to the middle first."""


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True)
class Line:
    """An edge from (x1, y1) to (x2, y2), x1 < x2."""

    x1: float
    y1: float
    x2: float
    y2: float

    def at(self, x: float) -> float:
        return self.y1 + (self.y2 - self.y1) * (x - self.x1) / (self.x2 - self.x1)

    def crosses(self, box: Box) -> bool:
        if box.right <= self.x1 or box.left >= self.x2:
            return False
        low, high = sorted((self.at(max(box.left, self.x1)), self.at(min(box.right, self.x2))))
        return low < box.bottom and high > box.top


def place(
    lines: Sequence[Line], sizes: Sequence[tuple[float, float] | None], taken: Sequence[Box]
) -> list[tuple[float, float] | None]:
    """The centre of each line's label of that size (width, height), or None where there is no room (or no size).

    The free place that the fewest other lines run through is taken; earlier lines choose first.
    """
    occupied = list(taken)
    centres: list[tuple[float, float] | None] = []
    for line, size in zip(lines, sizes):
        best: tuple[int, float, float, Box] | None = None
        for share in ALONG if size is not None else ():
            assert size is not None
            x = line.x1 + share * (line.x2 - line.x1)
            y = line.at(x)
            box = Box(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)
            if any(box.touches(other) for other in occupied):
                continue
            crossings = sum(other is not line and other.crosses(box) for other in lines)
            if best is None or crossings < best[0]:
                best = (crossings, x, y, box)
        if best is not None:
            occupied.append(best[3])
        centres.append(None if best is None else (best[1], best[2]))
    return centres
