"""A panel as a network sees it: every variable of every series made stationary by a chain of its own, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from learnloop.contracts import State
from learnloop.data.panel import Panel
from learnloop.errors import DataError, nearest
from learnloop.models.classical.forecast import Forecasts
from learnloop.transforms.chain import Chain, make_stationary

SHOWN = 3


class PanelChains:
    """z = chain(y) of each variable of each series, fitted on its training part; back exactly, given the past.

    A series gets shorter by the `lost` values at its beginning that differences have no past for. Columns known in the
    future and calendars stay as they are.
    """

    def __init__(
        self, ids: Sequence[str] = (), chains: Sequence[Sequence[Chain]] = (), notes: Sequence[str] = ()
    ) -> None:
        self.ids = tuple(ids)
        self.chains = tuple(tuple(row) for row in chains)  # [series][variables]
        self.notes = tuple(notes)

    @classmethod
    def fit(cls, panel: Panel, how: str, ends: np.ndarray) -> PanelChains:
        """how: as `make_stationary`; ends int64 [series]: of the training part.

        Raises RecipeError for an unknown name, DataError where a step that was asked for cannot be fitted. A series
        whose later values the chosen chain cannot take (a logarithm of what is not above 0) is left as it is.
        """
        rows, notes = [], []
        for place in range(len(panel)):
            chains = []
            for variable in range(len(panel.variables)):
                y = panel.series(place, variable)
                chain = make_stationary(how, y[: ends[place]], panel.season)
                if how == "auto" and not _takes(chain, y):
                    chain = make_stationary("none", y[: ends[place]], panel.season)
                    notes.append(
                        f"{_name(panel, place, variable)}: left as it is, later values do not allow a logarithm."
                    )
                chains.append(chain)
            rows.append(chains)
        return cls(panel.ids, rows, [*_said(panel, rows), *notes])

    @property
    def lost(self) -> np.ndarray:
        """Values cut off at the beginning of each series, int64 [series]."""
        return np.array([max(chain.lost for chain in row) for row in self.chains], dtype=np.int64)

    def apply(self, panel: Panel) -> Panel:
        """The panel as the network sees it; its series are the ones that were fitted, in their order."""
        values, lost = [], self.lost
        for place, row in enumerate(self.chains):
            columns = []
            for variable, chain in enumerate(row):
                z = chain.apply(panel.series(place, variable))
                columns.append(z[lost[place] - chain.lost :])
            values.append(np.stack(columns, axis=1))  # [n - lost, variables]
        return replace(
            panel,
            values=tuple(values),
            times=_cut(panel.times, lost),
            filled=_cut(panel.filled, lost),
            known={name: _cut(rows, lost) for name, rows in panel.known.items()},
            parts={name: ends - lost for name, ends in panel.parts.items()},
        )

    def invert(self, found: Forecasts, past: Panel) -> Forecasts:
        """Forecasts of z, rows as in `univariate()`, in the original units; past: the panel that was applied."""
        pairs = [(place, target) for place in range(len(past)) for target in range(past.targets)]
        histories = [past.series(place, target) for place, target in pairs]

        def back(rows: np.ndarray) -> np.ndarray:
            return np.stack(
                [
                    self.chains[place][target].invert(z, history, len(history))
                    for z, (place, target), history in zip(rows, pairs, histories, strict=True)
                ]
            )

        return Forecasts(
            back(found.mean),
            {level: back(rows) for level, rows in found.lower.items()},
            {level: back(rows) for level, rows in found.upper.items()},
            found.notes,
        )

    def of(self, panel: Panel) -> PanelChains:
        """Those of the panel's series, in its order. Raises DataError for a series that was not there."""
        if panel.ids == self.ids:
            return self
        places = {name: place for place, name in enumerate(self.ids)}
        strange = [name for name in panel.ids if name not in places]
        if strange:
            raise DataError(
                f"series {strange[0]!r}",
                "must be one of those that were trained on: what is taken out of its values was fitted there",
                available=nearest(strange[0], self.ids[:5000]),
            )
        return PanelChains(panel.ids, [self.chains[places[name]] for name in panel.ids], self.notes)

    def state_dict(self) -> State:
        return {
            "ids": list(self.ids),
            "chains": [[chain.state_dict() for chain in row] for row in self.chains],
            "notes": list(self.notes),
        }

    def load_state_dict(self, state: State) -> None:
        rows = []
        for kept in state["chains"]:
            row = [Chain(()) for _ in kept]
            for chain, one in zip(row, kept, strict=True):
                chain.load_state_dict(one)
            rows.append(row)
        self.__init__(state["ids"], rows, state["notes"])  # type: ignore[misc]


def _takes(chain: Chain, y: np.ndarray) -> bool:
    try:
        chain.apply(y)
    except DataError:
        return False
    return True


def _cut(rows: tuple[np.ndarray, ...], lost: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(values[count:] for values, count in zip(rows, lost, strict=True)) if rows else ()


def _name(panel: Panel, place: int, variable: int) -> str:
    parts = [panel.ids[place]] if panel.ids[place] else []
    return ", ".join([*parts, *([panel.variables[variable]] if len(panel.variables) > 1 else [])]) or "the series"


def _said(panel: Panel, rows: Sequence[Sequence[Chain]]) -> list[str]:
    """One sentence on each of a few series; of many, how often each chain was chosen."""
    each = [(place, variable) for place in range(len(rows)) for variable in range(len(rows[place]))]
    if len(each) <= SHOWN:
        return [_sentence(_name(panel, place, variable), rows[place][variable]) for place, variable in each]
    count = Counter(" + ".join(chain.names) or "as they are" for row in rows for chain in row)
    parts = ", ".join(f"{names} ({number})" for names, number in count.most_common(5))
    return [f"What the network sees of {len(each)} series: {parts}."]


def _sentence(name: str, chain: Chain) -> str:
    done = " + ".join(chain.names).replace("_", " ") or "its values as they are"
    why = f" ({'; '.join(each.rstrip('.') for each in chain.why)})" if chain.why else ""
    return f"The network sees of {name}: {done}{why}."
