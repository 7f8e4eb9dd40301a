"""`ForecastBundle`: what forecasts series, as it is served: the series up to their end, a network or methods, and the
intervals that past windows have calibrated."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from learnloop.bundle.forecast_about import ForecastAbout, read_about
from learnloop.bundle.forecast_answer import Answer, counted
from learnloop.bundle.forecast_card import card
from learnloop.bundle.forecast_exam import exam_of, failed
from learnloop.bundle.forecast_intervals import (
    calibrated_steps,
    calibration_of,
    calibration_state,
    check_levels,
    main_level,
    with_intervals,
)
from learnloop.bundle.forecast_panel import panel_of, panel_state
from learnloop.bundle.stored import damaged
from learnloop.data.newer import Continued, continued
from learnloop.data.newer_read import Reading
from learnloop.data.panel import Panel
from learnloop.errors import DataError, RecipeError, RunError
from learnloop.models.classical.blend import blended
from learnloop.models.classical.forecast import Forecasts
from learnloop.models.classical.many import forecast_many
from learnloop.models.classical.table import METHODS
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.runs.atomic import whole_folder, write_bytes, write_json, write_text
from learnloop.runs.pack import pack, unpack
from learnloop.scores.conformal import Conformal
from learnloop.scores.forecasts import seasonal_scale
from learnloop.tasks.forecast_ahead import forecast_ahead
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.transforms.panel_stationary import PanelChains


class ForecastBundle:
    """`predict() -> rows` and `forecasts() -> arrays`: the one path for evaluation, report and command line.

    panel        the series up to their end: what was known when the run ended
    net, features, chains  the network, what it is told of each step, and what makes series stationary for it; None
                 where only methods answer, or where nothing is taken out
    calibration  of the intervals; None where past windows were too few
    """

    def __init__(
        self,
        about: ForecastAbout,
        panel: Panel,
        net: nn.Module | None = None,
        features: PanelFeatures | None = None,
        calibration: Conformal | None = None,
        chains: PanelChains | None = None,
    ) -> None:
        self.about = about
        self.panel = panel
        self.net = None if net is None else net.eval()
        self.features = features
        self.calibration = calibration
        self.chains = chains

    def __repr__(self) -> str:
        served = " + ".join(self.about.weights)
        return f"ForecastBundle({served}, {len(self.panel):,} series, horizon {self.about.horizon})"

    def newer(self, source: Any) -> Continued:
        """The bundle's series with newer rows behind them. See `learnloop.data.newer.continued`. Variables that are no
        targets are asked for where a network answers: methods read none of them."""
        return continued(self.panel, source, Reading.from_json(self.about.series, others=self.net is not None))

    def answer(
        self, panel: Panel | None = None, horizon: int | None = None, levels: Sequence[float] | None = None
    ) -> Answer:
        """The steps behind the end of each series, with what is to be said of them.

        panel    None: the bundle's own; else series of it, with other ends
        horizon  None: the one it was measured for; a longer one is allowed and its intervals are then not calibrated
        levels   None: all that it has
        Raises RecipeError for a horizon or level out of range.
        """
        panel = self.panel if panel is None else panel
        horizon = self.about.horizon if horizon is None else horizon
        _check_horizon(horizon, panel)
        found = self.forecasts(panel, horizon, levels)
        return Answer(panel, found, (*counted(found.notes), *self._remarks(horizon)))

    def predict(
        self, panel: Panel | None = None, horizon: int | None = None, levels: Sequence[float] | None = None
    ) -> list[dict[str, Any]]:
        """`Answer.rows` at the main one of the levels: 90 % where it is there. See `answer`."""
        level = main_level(self.about.levels if levels is None else levels)
        return self.answer(panel, horizon, levels).rows(level)

    def forecasts(
        self, panel: Panel | None = None, horizon: int | None = None, levels: Sequence[float] | None = None
    ) -> Forecasts:
        """The same as arrays [rows, horizon], rows in the order of `panel.univariate()`."""
        panel = self.panel if panel is None else panel
        horizon = self.about.horizon if horizon is None else horizon
        levels = check_levels(self.about.levels if levels is None else levels, self.about.levels)
        found = blended({name: self.member(name, panel, horizon, levels) for name in self.about.weights},
                        self.about.weights)  # fmt: skip
        one = panel.univariate()
        scale = np.array([seasonal_scale(one.series(place), one.season) for place in range(len(one))])
        return with_intervals(found, scale, self.calibration, levels)

    def member(self, name: str, panel: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        """What one of those that answer forecasts, with its own intervals."""
        if name in METHODS:
            one = panel.univariate()
            series = [one.series(place) for place in range(len(one))]
            return forecast_many(METHODS[name], series, horizon, one.season, levels, ids=one.ids, jobs=0)
        assert self.net is not None and self.about.spec is not None and self.features is not None
        _check_plans(self.features, panel, horizon)
        if self.chains is None:
            return forecast_ahead(self.net, self.about.spec, self.features, panel, horizon, levels)
        chains = self.chains.of(panel)
        found = forecast_ahead(self.net, self.about.spec, self.features, chains.apply(panel), horizon, levels)
        return chains.invert(found, panel)

    def _remarks(self, horizon: int) -> list[str]:
        """What is to be said of the intervals of so many steps."""
        if not self.about.levels:
            return []
        if self.calibration is None:
            return ["The intervals are those of the methods themselves: past windows were too few to calibrate them."]
        steps = calibrated_steps(self.calibration)
        if horizon <= steps:
            return []
        return [
            f"The intervals are calibrated for {steps} steps ahead. Those of the {horizon - steps} steps behind that "
            "are not: they widen as the methods' own do, and may be far from what they promise."
        ]

    # --- saving and loading -------------------------------------------------------------------------------------

    def save(self, path: Path) -> None:
        """Write the folder as a whole or not at all."""
        state = {
            "features": None if self.features is None else self.features.state_dict(),
            "chains": None if self.chains is None else self.chains.state_dict(),
            "calibration": calibration_state(self.calibration),
        }
        with whole_folder(path) as fresh:
            write_json(fresh / "bundle.json", self.about.to_json())
            if self.net is not None:
                weights = {name: one.detach().cpu().contiguous().clone() for name, one in self.net.state_dict().items()}
                write_bytes(fresh / "model.safetensors", save_safetensors(weights, metadata={"format": "pt"}))
            write_bytes(fresh / "series.safetensors", pack(panel_state(self.panel)))
            write_bytes(fresh / "transforms.safetensors", pack(state))
            write_json(fresh / "probe.json", exam_of(self.member, self.about.weights, self.panel, self.about.horizon))
            write_text(fresh / "README.md", card(self.about.to_json(), self.panel))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ForecastBundle:
        """Read a bundle and make it pass its own exam.

        Raises RunError when files are missing or damaged, of a newer format or another kind, or when the exam fails.
        """
        path = Path(path)
        about = read_about(path)
        try:
            panel = panel_of(unpack(str(path / "series.safetensors")))
            state = unpack(str(path / "transforms.safetensors"))
            features = None if state["features"] is None else PanelFeatures()
            if features is not None:
                features.load_state_dict(state["features"])
            chains = None if state["chains"] is None else PanelChains()
            if chains is not None:
                chains.load_state_dict(state["chains"])
            net = _rebuild(about)
            if net is not None:
                net.load_state_dict(load_safetensors((path / "model.safetensors").read_bytes()))
            calibration = calibration_of(state["calibration"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
            raise damaged(path, f"{type(error).__name__}: {str(error).splitlines()[-1]}") from error
        bundle = cls(about, panel, net, features, calibration, chains)
        bundle._examine(path)
        return bundle

    def _examine(self, path: Path) -> None:
        try:
            exam = json.loads((path / "probe.json").read_text(encoding="utf-8"))
            wrong = failed(exam, self.member, self.panel)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise damaged(path, f"probe.json: {type(error).__name__} {error}") from error
        if wrong is None:
            return
        name, found = wrong
        library = name in METHODS
        raise RunError(
            str(path),
            "must give the answers of its own probe.json",
            found=f"forecasts of {name} differ: {found}",
            cause="another version of the library that computes it"
            if library
            else "model.safetensors or transforms.safetensors are not the ones that belong here",
            do=f"learnloop fit --resume {path.parent}" if not library else "learnloop fit DATA   # a new run",
        )


def _check_horizon(horizon: int, panel: Panel) -> None:
    longest = int(panel.lengths.max())
    if 1 <= horizon <= longest:
        return
    raise RecipeError(
        "--horizon",
        "must be at least 1 step and at most as long as the history",
        found=f"{horizon:,}; the longest series has {longest:,} steps",
        cause="the horizon is in steps of the data, not in days" if panel.frequency not in ("", "D") else "",
    )


def _check_plans(features: PanelFeatures, panel: Panel, horizon: int) -> None:
    """Raises DataError where a covariate that the network reads is not known for all steps ahead."""
    for name in features.state_dict()["known"]:
        left = [len(known) - len(values) for known, values in zip(panel.known[name], panel.values, strict=True)]
        place = int(np.argmin(left))
        if left[place] >= horizon:
            continue
        rows = f"learnloop predict RUN PLANS.csv   # rows with the times ahead and {name}, the target left empty"
        raise DataError(
            f"--horizon {horizon}",
            f"needs {name} for all {horizon} steps ahead",
            found=f"{left[place]} of them{f' in series {panel.ids[place]}' if panel.ids[place] else ''}",
            cause="a plan that ends before the forecast does" if left[place] else "",
            do=[rows, *([f"--horizon {left[place]}"] if left[place] else [])],
        )


def _rebuild(about: ForecastAbout) -> nn.Module | None:
    """The untrained network. The random streams are left as they were."""
    if about.model is None or about.spec is None:
        return None
    state = torch.get_rng_state()
    try:
        return FORECAST_MODELS[about.model["name"]].model_validate(about.model["config"]).build(about.spec)
    finally:
        torch.set_rng_state(state)
