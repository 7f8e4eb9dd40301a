"""`Run`: the handle that Python users hold. It reads the run folder; it keeps nothing of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from learnloop.bundle.bundle import Bundle
from learnloop.bundle.forecast import ForecastBundle
from learnloop.bundle.forecast_answer import Answer
from learnloop.bundle.forecast_intervals import main_level
from learnloop.bundle.generative import GenerativeBundle, Made
from learnloop.bundle.language import LanguageBundle
from learnloop.bundle.sampling import DEFAULT
from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.data.split import Split
from learnloop.errors import DataError, RunError
from learnloop.nn.views import Views
from learnloop.recipe.components import GENERATIVE_TASKS
from learnloop.recipe.text import from_yaml
from learnloop.report.card import run_html
from learnloop.report.load import read_report
from learnloop.report.page import write_report
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import read_journal
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.language import evaluate_text
from learnloop.verbs.forecast_newer import evaluate_newer
from learnloop.verbs.generative_evaluate import evaluate_made
from learnloop.verbs.language_data import read_text, token_characters
from learnloop.verbs.prepare import load_data
from learnloop.verbs.scoring import predicted, score, truth
from learnloop.verbs.views import Gain, gain_of


class Run:
    """A finished (or interrupted) run.

    run = ll.fit("data.csv", target="y")
    run.metrics["test"]["accuracy"];  run.predict(df);  run.evaluate(df2);  run.history
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @classmethod
    def open(cls, name: str | os.PathLike[str]) -> Run:
        """The run in a folder, or of that name. Raises RunError with the nearest names."""
        return cls(RunFolder.find(name))

    @property
    def path(self) -> Path:
        return self.folder.path

    @cached_property
    def bundle(self) -> Bundle:
        """The model that this run ended with, after it has passed its own exam. Raises RunError for a run on one long
        text, which has a `writer`, for one on series in time, which has a `forecaster`, and for one that makes data,
        which has a `maker`."""
        if self.writes or self.forecasts or self.makes:
            raise RunError(
                str(self.path),
                "must be a run on rows",
                found=self._kind(),
                do=_COMMANDS.get(self.task, "learnloop generate {run}").format(run=self.path),
            )
        return Bundle.load(self.folder.bundle)

    @cached_property
    def task(self) -> str:
        """What the recipe says was learnt: classify, regress, translate, transcribe, language, forecast, autoencode,
        gan, diffusion."""
        return str(from_yaml(self.folder.recipe).get("task.name"))

    @property
    def forecasts(self) -> bool:
        """Whether this run forecasts series in time (the task forecast)."""
        return self.task == "forecast"

    @cached_property
    def forecaster(self) -> ForecastBundle:
        """What forecasts the series of this run, after it has passed its own exam. Raises RunError for other runs."""
        if not self.forecasts:
            raise RunError(
                str(self.path),
                "must be a run that forecasts series (task forecast)",
                found=f"a run of the task {self.task}",
                do=f"learnloop generate {self.path}"
                if self.writes or self.makes
                else f"learnloop predict {self.path} DATA",
            )
        return ForecastBundle.load(self.folder.bundle)

    def forecast(
        self, newer: object | None = None, horizon: int | None = None, levels: tuple[float, ...] | None = None
    ) -> Answer:
        """The steps behind the end of the series, of the run's own data or of newer rows that follow it.

        newer    a file, a frame, rows; horizon: None for the one that the run was measured for. See
                 `ForecastBundle.newer` and `ForecastBundle.answer`. Raises RunError for a run that is none of series.
        """
        bundle = self.forecaster
        if newer is None:
            return bundle.answer(horizon=horizon, levels=levels)
        joined = bundle.newer(newer)
        answer = bundle.answer(joined.panel, horizon, levels)
        return replace(answer, notes=(*joined.notes, *answer.notes))

    @property
    def writes(self) -> bool:
        """Whether this run continues texts (the task language)."""
        return self.task == "language"

    @cached_property
    def writer(self) -> LanguageBundle:
        """What continues texts, after it has passed its own exam. Raises RunError for a run on rows."""
        if not self.writes:
            raise RunError(
                str(self.path),
                "must be a run that continues texts (task language)",
                found=f"a run of the task {self.task}",
                cause=_LEARNT.get(self.task, "it learnt answers to rows, not texts"),
                do=(
                    f"learnloop generate {self.path} --count 64"
                    if self.makes
                    else f"learnloop predict {self.path}{' --horizon 14' if self.forecasts else ' DATA'}",
                    "learnloop fit input.txt --task language",
                ),
            )
        return LanguageBundle.load(self.folder.bundle)

    def generate(
        self,
        prompt: str = "",
        length: int = 500,
        *,
        temperature: float = DEFAULT.temperature,
        top_k: int = DEFAULT.top_k,
        top_p: float = DEFAULT.top_p,
        seed: int = 0,
    ) -> str:
        """What follows `prompt`, `length` characters of it. See `LanguageBundle.generate`, which gives it piece by
        piece. Raises RunError for a run that learnt answers to rows."""
        pieces = self.writer.generate(prompt, length, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
        return "".join(pieces)

    @property
    def makes(self) -> bool:
        """Whether this run makes data of its own kind (the tasks autoencode, gan and diffusion)."""
        return self.task in GENERATIVE_TASKS

    @cached_property
    def maker(self) -> GenerativeBundle:
        """What makes data, after it has passed its own exam. Raises RunError for other runs."""
        if not self.makes:
            raise RunError(
                str(self.path),
                f"must be a run that makes data (task {', '.join(GENERATIVE_TASKS)})",
                found=self._kind(),
                do=f"learnloop generate {self.path}" if self.writes else "learnloop fit DATA --task autoencode",
            )
        return GenerativeBundle.load(self.folder.bundle)

    def make(self, count: int, seed: int = 0, label: object | None = None) -> Made:
        """`count` samples. See `GenerativeBundle.generate`. Raises RunError for a run that makes none."""
        return self.maker.generate(count, seed, label)

    def _kind(self) -> str:
        """In words, for messages."""
        kinds = {"language": "a run that continues texts", "forecast": "a run that forecasts series"}
        known = kinds | dict.fromkeys(GENERATIVE_TASKS, f"a run that makes data (task {self.task})")
        return known.get(self.task, f"a run of the task {self.task}")

    @cached_property
    def report(self) -> dict[str, Any]:
        """The contents of report.json."""
        return read_report(self.path)

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Part -> metric -> value: {"validation": {...}, "test": {...}}."""
        return {part: dict(found["metrics"]) for part, found in self.report["evaluation"].items()}

    @property
    def history(self) -> pd.DataFrame:
        """metrics.jsonl as a table: step, samples, seconds, kind (train or validation), loss, lr, ..."""
        return pd.DataFrame(read_journal(self.folder.metrics))

    def predict(self, rows: object | None = None, horizon: int | None = None) -> pd.DataFrame:
        """Of a run on rows: see `Bundle.predict`. Of one on series in time: one row a step ahead; `rows` are
        newer ones, and what is to be said stands in the frame's `attrs["notes"]`. Of one that encodes rows: see
        `GenerativeBundle.codes`.

        Raises DataError for a run on rows without `rows` or with a horizon.
        """
        if self.forecasts:
            answer = self.forecast(rows, horizon)
            frame = pd.DataFrame(answer.rows(main_level(self.forecaster.about.levels)))
            frame.attrs["notes"] = list(answer.notes)
            return frame
        if horizon is not None:
            raise not_ahead(f"a run of the task {self.task}")
        if rows is None:
            raise no_rows(str(self.path))
        return self.maker.codes(rows) if self.makes else self.bundle.predict(rows)

    def evaluate(self, data: object | None = None) -> Evaluation:
        """Metrics with intervals on rows that have the target; without `data` those of the held-out test part.
        Of a run that continues texts: what the text `data` (or the file of that name) costs it. Of one on series in
        time: what its forecasts were worth on newer rows, see `evaluate_newer`. Of one that makes data: how well it
        does beside the rows of `data`, see `evaluate_made`.

        Raises SchemaError when columns are missing, DataError when there is nothing to measure on.
        """
        if data is None:
            parts = self.report["evaluation"]
            return Evaluation.from_json(parts.get("test") or parts.get("validation") or parts["train"])
        if self.writes:
            text = read_text(data).text
            characters = token_characters(self.writer.tokens, text)
            return evaluate_text(self.writer.nats(text), characters, self.report["asked"]["seed"])
        if self.forecasts:
            return evaluate_newer(self.forecaster, data, self.report["asked"]["seed"])
        if self.makes:
            return evaluate_made(self.maker, data, self.path, self.report)
        rows = conform(data, self.bundle.about.schema, need_target=True)
        return score(self.bundle, truth(self.bundle, rows), predicted(self.bundle, rows), self.report["asked"]["seed"])

    def gain(self, views: Views, data: object | None = None) -> Gain:
        """Figures with and without test-time views, and their paired difference: on `data`, or on the held-out part.

        Raises RunError when the run's own data was an object in memory, ModelError for tables.
        """
        bundle = self.bundle
        rows = self.held_out() if data is None else conform(data, bundle.about.schema, need_target=True)
        return gain_of(bundle, rows, views, self.report["asked"]["seed"])

    def held_out(self) -> Dataset:
        """The test part, read again from the run's data (the validation part where no test part was held out)."""
        draft = from_yaml(self.folder.recipe)
        if draft.get("data.path") is None:
            raise RunError(
                str(self.path),
                "needs its data again",
                found="a run whose data was handed over in memory",
                do="run.gain(views, data)   # or: learnloop evaluate RUN DATA --views mirror",
            )
        dataset, parts = load_data(draft), Split.load(self.folder.splits)
        chosen = next(rows for rows in (parts.test, parts.validation, parts.train) if len(rows))
        if int(chosen.max()) >= len(dataset):
            raise RunError(str(self.path), "needs its data as it was", found=f"{dataset.name} now has fewer rows")
        return dataset.take(chosen)

    def write_report(self) -> Path:
        """Write report.html again from report.json and metrics.jsonl."""
        return write_report(self.path)

    def summary(self) -> dict[str, Any]:
        """What `learnloop fit --json` prints."""
        report = self.report
        return {
            "run": str(self.path),
            "task": report["asked"]["task"],
            "model": report["asked"]["model"],
            "seconds": report["training"]["total_seconds"],
            "steps": report["training"]["steps"],
            "metrics": {"validation": {}, "test": {}, **self.metrics},
            "intervals": {part: found["intervals"] for part, found in report["evaluation"].items()},
        }

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return run_html(self.report)


_COMMANDS = {"forecast": "learnloop predict {run} --horizon 14", "autoencode": "learnloop predict {run} DATA"}
"""What a run is for that answers no rows, by its task; others generate."""
_LEARNT = {
    "forecast": "it learnt to forecast series",
    **dict.fromkeys(GENERATIVE_TASKS, "it learnt to make data of its own kind, not texts"),
}
"""What a run learnt that is asked to go on writing."""


def no_rows(run: str) -> DataError:
    """Nothing to predict."""
    return DataError(
        "INPUT",
        "must be given: rows to predict",
        found="none; only runs that forecast series go on by themselves",
        do=f"learnloop predict {run} DATA",
    )


def not_ahead(found: str, option: str = "--horizon") -> DataError:
    """What only series in time have a use for."""
    return DataError(option, "is for runs that forecast series (task forecast)", found=found, do="leave it out")
