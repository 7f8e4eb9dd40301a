"""What is asked of series that they do not allow: every such mistake, before anything is computed."""

from __future__ import annotations

import numpy as np

from learnloop.data.panel import Panel
from learnloop.errors import DataError, RecipeError, UserError, did_you_mean, nearest
from learnloop.recipe.draft import Draft
from learnloop.transforms.chain import CHOSEN, STATIONARY
from learnloop.verbs.forecast_parts import find_ends, usual_horizon

_POSITIVE = ("log", "boxcox")
"""Transforms of values above 0 alone."""


def check_series(draft: Draft, panel: Panel) -> list[UserError]:
    """The mistakes: a horizon that leaves no history, a logarithm of what is not above 0, percentages of zero."""
    found = [_horizon(draft, panel), _percentage(draft, panel), *_stationary(draft, panel)]
    return [error for error in found if error is not None]


def _horizon(draft: Draft, panel: Panel) -> UserError | None:
    horizon = int(draft.get("forecast.horizon", usual_horizon(panel)[0]))
    asked = {key: draft.get(f"forecast.{key}") for key in ("windows", "tests")}
    try:
        find_ends(panel, horizon, **asked, network=False)
    except UserError as error:
        return error
    return None


def _percentage(draft: Draft, panel: Panel) -> UserError | None:
    if draft.get("forecast.metric") != "mape":
        return None
    zeros = sum(int((values[:, : panel.targets] == 0).sum()) for values in panel.values)
    if not zeros:
        return None
    return RecipeError(
        draft.typed("forecast.metric"),
        "mape needs true values other than zero",
        found=f"{zeros:,} of {int(panel.lengths.sum()) * panel.targets:,} values are zero: the percentage of zero is "
        "undefined",
        do=[
            "--set forecast.metric=mase   # errors over those of seasonal naive",
            "--set forecast.metric=mae   # in the series' unit",
        ],
    )


def _stationary(draft: Draft, panel: Panel) -> list[UserError]:
    how = str(draft.get("series.stationary", "none"))
    names = [name.strip() for name in how.split("+")]
    options = (*CHOSEN, *STATIONARY)
    wrong = [name for name in names if name not in options or (name in CHOSEN and len(names) > 1)]
    errors: list[UserError] = [
        RecipeError(
            draft.typed("series.stationary"),
            "must be a way to make series stationary, or several joined by +",
            found=repr(name),
            cause=did_you_mean(name, options),
            available=nearest(name, options),
        )
        for name in wrong
    ]
    if names[0] in _POSITIVE:
        errors += [error for error in [_not_positive(draft, panel, names[0])] if error is not None]
    return errors


def _not_positive(draft: Draft, panel: Panel, name: str) -> UserError | None:
    """The series with a value that has no logarithm: how many there are, and the first."""
    for place, values in enumerate(panel.values):
        bad = np.argwhere(~(values > 0))
        if not len(bad):
            continue
        step, variable = (int(number) for number in bad[0])
        one = f"series {panel.ids[place]}, " if panel.ids[place] else ""
        column = f"{panel.variables[variable]}: " if len(panel.variables) > 1 else ""
        return DataError(
            f"--set series.stationary={draft.get('series.stationary')}",
            "needs values above 0",
            found=f"{one}{column}{len(bad):,} values are not; the first is {values[step, variable]:g} at step "
            f"{step + 1} ({panel.times[place][step]}; steps are counted from 1)",
            cause=f"a quantity that can be negative or nothing has no {'logarithm' if name == 'log' else 'power'}",
            do=("--set series.stationary=difference", "--set series.stationary=none"),
        )
    return None
