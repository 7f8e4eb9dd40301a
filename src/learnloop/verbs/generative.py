"""The job of networks that make data: from rows or pictures to a run folder with an autoencoder, a GAN, a DDPM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from learnloop.bundle.generative import GenerativeBundle
from learnloop.contracts import Batch, X, Y
from learnloop.data.split import Split
from learnloop.optim.plan import Plan
from learnloop.recipe.draft import Draft
from learnloop.recipe.generative import task_of
from learnloop.runs.folder import RunFolder
from learnloop.train.events import Watcher
from learnloop.verbs.budget import Budget
from learnloop.verbs.generative_data import GenerativePrepared, describe_generative, prepare_generative, stem
from learnloop.verbs.generative_finish import finish_generative
from learnloop.verbs.generative_training import build_generative_net, set_up_generative
from learnloop.verbs.judge import Judge, Measure, make_judge
from learnloop.verbs.resuming import Interrupted, carry_out, is_whole, need_same, reopen, write_start
from learnloop.verbs.run import Run

Say = Callable[[str], None]
_JUDGE_SECONDS, _JUDGE_SHARE = 240.0, 0.1
"""A classifier that is trained to judge takes at most so long, and at most this share of a limit in minutes."""


def wants_generative(draft: Draft) -> bool:
    """Whether the draft is about a network that makes data: the task says so, or the model can do nothing else."""
    return bool(task_of(draft))


def fit_generative(
    draft: Draft, *, resume: Path | None, overwrite: bool, watchers: Sequence[Watcher], say: Say, began: float
) -> Run:
    """See `fit`. Raises UserError (and its children) for what the caller can mend, Interrupted after Ctrl-C."""
    plan = None
    if resume is not None:
        folder, draft, plan = reopen(resume, draft)
        if folder.report.exists() and is_whole(folder, GenerativeBundle.load, say):
            say(f"{folder.path} has finished: there is nothing left to resume")
            return Run(folder)
        prepared = prepare_generative(
            draft,
            known_split=Split.load(folder.splits),
            look=lambda data: need_same(folder, "the data", data.name, data.origin),
        )
    else:
        prepared = prepare_generative(draft)
        out = draft.get("out")
        if overwrite:  # the old run goes only when the new one can be built
            build_generative_net(prepared)
        folder = RunFolder.create(None if out is None else Path(out), stem(prepared), overwrite=overwrite)
        prepared.split.save(folder.splits)
        write_start(folder, prepared.recipe, prepared.dataset.origin, {})
    try:
        return _train(folder, prepared, plan, watchers, say, began, resumed=resume is not None)
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "interrupted") from None


def _train(
    folder: RunFolder,
    prepared: GenerativePrepared,
    plan: Plan | None,
    watchers: Sequence[Watcher],
    say: Say,
    began: float,
    *,
    resumed: bool,
) -> Run:
    for line in describe_generative(prepared):
        say(line)
    budget = Budget(began, prepared.recipe.train.minutes)
    judge = judge_of(prepared, folder.path, budget, say)
    measure = None if judge is None else measure_of(prepared, judge)
    training = set_up_generative(prepared, folder, plan=plan, budget=budget, watchers=watchers, judge=judge)
    for note in budget.notes:
        say(f"note: {note}")
    folder.write_json(folder.plan, training.plan.to_json())
    say(f"plan: {training.plan.line()}")
    ended = carry_out(training.fit, folder, say, resumed=resumed)
    return finish_generative(folder, prepared, training, ended, measure, budget)


def judge_of(prepared: GenerativePrepared, folder: Path, budget: Budget, say: Say) -> Judge | None:
    """Who judges pictures that are made; None for codes, which are judged by what is made of them again."""
    if prepared.task == "autoencode" or prepared.spec.kind != "image":
        return None
    seconds = _JUDGE_SECONDS if budget.minutes is None else min(_JUDGE_SECONDS, _JUDGE_SHARE * 60 * budget.minutes)
    parts = [part for part in ("train", "validation") if part in prepared.parts]
    return make_judge(
        judged_rows(prepared, "train"),
        judged_rows(prepared, parts[-1]),
        prepared.spec if prepared.wanted is None else prepared.wanted,
        prepared.classes,
        folder=folder,
        seconds=seconds,
        seed=prepared.recipe.seed,
        asked=prepared.generate.judge,
        say=say,
    )


def measure_of(prepared: GenerativePrepared, judge: Judge) -> Measure:
    """What measures at the end: beside as many held-out pictures as samples are made; beside all there are where these
    are fewer than the judge has features. Raises RecipeError for fewer samples than features, before anything is
    trained."""
    count = prepared.generate.samples
    real = prepared.pictures(prepared.last)[:count]
    features = judge.features(real[:2]).shape[1]
    if len(real) <= features:
        real = torch.cat([prepared.pictures(part) for part in prepared.parts])
    mapped = prepared.pairing != "none"  # as many pictures as there are sources: nobody can ask for more
    measure = Measure(judge, real, strict=len(real) > features and not mapped)
    if count <= features and not mapped:
        measure.of(real[:1].expand(count, -1, -1, -1))  # which it refuses, and says why
    return measure


def judged_rows(prepared: GenerativePrepared, part: str) -> Batch:
    """Pictures of the kind that is made as X and, where they are known, their classes as Y."""
    codes = prepared.codes(part)
    labels: Batch = {} if codes is None else {Y: torch.from_numpy(codes)}
    return {X: prepared.pictures(part), **labels}
