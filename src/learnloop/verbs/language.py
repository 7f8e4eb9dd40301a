"""The job of the task language: from one long text to a run folder with a network that continues it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from learnloop.bundle.language import LanguageBundle
from learnloop.data.prose import is_prose
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.table import MODELS
from learnloop.optim.plan import Plan
from learnloop.recipe.draft import Draft
from learnloop.runs.folder import RunFolder
from learnloop.train.events import Watcher
from learnloop.verbs.baselines import Baseline
from learnloop.verbs.budget import Budget
from learnloop.verbs.language_data import PreparedText, describe_text, prepare_text, stem
from learnloop.verbs.language_finish import finish_text
from learnloop.verbs.language_training import build_text_net, set_up_text
from learnloop.verbs.ngrams import ngram_baselines
from learnloop.verbs.resuming import Interrupted, carry_out, is_whole, need_same, reopen, write_start
from learnloop.verbs.run import Run

Say = Callable[[str], None]
_BASELINES_SECONDS = 30.0


class Job(Protocol):
    """From a draft (or a run to resume) to a finished Run."""

    def __call__(
        self, draft: Draft, *, resume: Path | None, overwrite: bool, watchers: Sequence[Watcher], say: Say, began: float
    ) -> Run: ...


def wants_language(draft: Draft) -> bool:
    """Whether the draft is about one long text: the task says so, the model can do nothing else, or the data is a text
    without rows and no column of it is named."""
    task = draft.get("task.name", "auto")
    if task != "auto":
        return bool(task == "language")
    if draft.get("model.name") in set(LANGUAGE_MODELS) - set(MODELS):
        return True
    return draft.get("data.target") is None and "data" not in draft.objects and is_prose(draft.get("data.path"))


def fit_language(
    draft: Draft, *, resume: Path | None, overwrite: bool, watchers: Sequence[Watcher], say: Say, began: float
) -> Run:
    """See `fit`. Raises UserError (and its children) for what the caller can mend, Interrupted after Ctrl-C."""
    plan = None
    if resume is not None:
        folder, draft, plan = reopen(resume, draft)
        if folder.report.exists() and is_whole(folder, LanguageBundle.load, say):
            say(f"{folder.path} has finished: there is nothing left to resume")
            return Run(folder)
        prepared = prepare_text(draft, look=lambda prose: need_same(folder, "the text", prose.name, prose.origin))
    else:
        prepared = prepare_text(draft)
        out = draft.get("out")
        if overwrite:  # the old run goes only when the new one can be built
            build_text_net(prepared)
        folder = RunFolder.create(None if out is None else Path(out), stem(prepared), overwrite=overwrite)
        write_start(folder, prepared.recipe, prepared.prose.origin, {})
    try:
        return _train(folder, prepared, plan, watchers, say, began, resumed=resume is not None)
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "interrupted") from None


def _train(
    folder: RunFolder,
    prepared: PreparedText,
    plan: Plan | None,
    watchers: Sequence[Watcher],
    say: Say,
    began: float,
    *,
    resumed: bool,
) -> Run:
    for line in describe_text(prepared):
        say(line)
    budget = Budget(began, prepared.recipe.train.minutes)
    rivals = _rivals(prepared, budget)
    training = set_up_text(prepared, folder, plan=plan, budget=budget, watchers=watchers)
    for note in budget.notes:
        say(f"note: {note}")
    folder.write_json(folder.plan, training.plan.to_json())
    say(f"plan: {training.plan.line()}")
    ended = carry_out(training.fit, folder, say, resumed=resumed)
    return finish_text(folder, prepared, training, ended, rivals, budget)


def _rivals(prepared: PreparedText, budget: Budget) -> list[Baseline]:
    if not prepared.recipe.report.baselines:
        return []
    parts = {name: (prepared.codes[name].numpy(), prepared.characters(name)) for name in prepared.held_out}
    return ngram_baselines(
        prepared.codes["train"].numpy(),
        parts,
        prepared.tokens.size,
        seed=prepared.recipe.seed,
        seconds=min(_BASELINES_SECONDS, budget.baselines("text")),
    )
