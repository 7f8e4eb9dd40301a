"""`Freezing`: parts of a network that stay as they are, some of them only until a share of the run is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn


class Freezing:
    """Frozen: no gradient, and evaluation mode, so that the statistics of norms stay, too, and dropout is off.

    always  modules that are frozen throughout
    later   (share, modules): frozen until this share of the run is done, 0..1

    What is frozen at a moment is a function of the share alone: a resumed run needs no state of it. A parameter that
    was frozen before (a norm's scale, say) stays so.
    """

    def __init__(self, always: Iterable[nn.Module], later: Sequence[tuple[float, Sequence[nn.Module]]] = ()) -> None:
        self._always = list(always)
        for module in self._always:
            module.requires_grad_(False)
        self._later = [
            (share, list(modules), [p for module in modules for p in module.parameters() if p.requires_grad])
            for share, modules in later
        ]
        self._fraction = 0.0
        self._frozen: frozenset[int] = frozenset()
        self._known = False

    def progress(self, fraction: float) -> None:
        """Thaw what is due. Called before every step."""
        self._fraction = fraction
        frozen = self._due()
        if frozen != self._frozen or not self._known:
            self._set(frozen)

    def hold(self) -> None:
        """Put what is frozen into evaluation mode again, after the network was put into training mode."""
        self._set(self._due())

    def _due(self) -> frozenset[int]:
        return frozenset(number for number, (share, *_) in enumerate(self._later) if self._fraction < share)

    def _set(self, frozen: frozenset[int]) -> None:
        self._frozen, self._known = frozen, True
        for number, (_, modules, parameters) in enumerate(self._later):
            held = number in frozen
            for parameter in parameters:
                parameter.requires_grad_(not held)
                if held:
                    parameter.grad = None
            for module in modules:
                module.train(not held)
        for module in self._always:
            module.eval()
