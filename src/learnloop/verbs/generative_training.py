"""Put the parts together that learn to make data: network, Plan, source, players, task, limit, watchers -> `Fit`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import nn

from learnloop.contracts import Batch, Task, X, Y
from learnloop.data.buckets import BucketSource, row_lengths
from learnloop.data.sources import RowSource
from learnloop.data.unpaired import UnpairedSource
from learnloop.diagnose.generative import Facts, rules_of
from learnloop.home import cache
from learnloop.models.generative.config import Mapper, Players, players_of
from learnloop.nn.fitted import start_layers
from learnloop.optim.measure import measure
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.recipe.resolve import Resolved
from learnloop.runs.checkpoint import Checkpoints
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import Journal
from learnloop.scores.names import higher_is_better
from learnloop.seeds import derive, seed_torch
from learnloop.tasks.generative import generative_task, rehearsal_of
from learnloop.train.best import Best
from learnloop.train.events import Watcher
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import Limit, StepLimit, TimeLimit
from learnloop.train.validation import Validation
from learnloop.train.watchers.alarms import Alarms, Probe
from learnloop.verbs.budget import Budget
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.generative_rehearsal import seconds_after
from learnloop.verbs.judge import Judge, Measure
from learnloop.verbs.training import LOG_ROWS_A_RUN, best_of, updater_of, watchers_of
from learnloop.verbs.watched_samples import (
    PROBED,
    Look,
    Nearness,
    WatchedSamples,
    fixed_noise,
    passes_of,
    watched_count,
)

EVALUATIONS_A_RUN = 20
EVALUATIONS_SHARE = 0.06
"""All evaluations together take at most this share of a run."""
LOG_EVERY, MOST_LOG_ROWS = 20, 5000
"""Steps between log rows, at most: failures show early. Very long runs have so many rows and no more."""
WATCHED_ROWS = 2000
"""Held-out pictures that samples are measured beside, and that the loss is computed of, while training."""
_EVAL_ROWS = 500
_FORWARD_SHARE = 0.35
"""Of a step, for as many rows."""
_JUDGE_SECONDS = {"pixels": 5e-5, "classifier": 1e-3, "inception": 0.4}
"""Of one picture on one core, about, by the kind of judge."""
_REPORT_SECONDS, _MARGIN = 5.0, 1.15
"""Bundle, neighbours and pages; and what other processes may cost."""
_LEAST_SHARE = 0.5
"""Of a limit in minutes, that training gets as far as it is left."""

Rows = RowSource | BucketSource | UnpairedSource


@dataclass(frozen=True)
class GenerativeTraining:
    """A run that is ready to start. alarms: what went wrong, once it has run."""

    fit: Fit
    task: Task
    net: nn.Module
    plan: Plan
    alarms: Alarms


def set_up_generative(
    prepared: GenerativePrepared,
    folder: RunFolder,
    *,
    plan: Plan | None,
    budget: Budget,
    watchers: Sequence[Watcher] = (),
    judge: Judge | None = None,
) -> GenerativeTraining:
    """Everything from the network to the loop.

    plan   the measured Plan of a run that is resumed
    judge  who measures the pictures that are made; None: the loss of held-out rows chooses the best weights
    Raises ModelError for sizes that the network cannot make.
    """
    recipe, train = prepared.recipe, prepared.recipe.train
    net = build_generative_net(prepared)
    if plan is None:
        plan = _measure(prepared, net)
    plan.apply()
    net = plan.prepare(net)
    if plan.compile and isinstance(net, Players):  # their tasks call the players, and never the whole
        for player in net.players.values():
            player.compile()
    task = generative_task(net, prepared.config, prepared.spec.keys, plan=plan, updaters=updaters_of(recipe, net, plan))
    placed = {name: plan.place(batch) for name, batch in prepared.tensors.items()}
    source = build_generative_source(prepared, placed["train"], trim=not plan.compile)
    look = _validation(prepared, net, placed, plan, judge)
    limit = _limit(prepared, net, source, plan, budget, judge)
    best = _best(prepared, judge, budget.notes)
    standing = watchers_of(recipe, folder)
    alarms = Alarms(
        rules_of(facts_of(prepared, net, best.monitor)),
        probe=_probe(prepared, net, plan),
        journal=Journal(folder.metrics),
        tell=[*standing, *watchers],
    )
    fit = Fit(
        task,
        source,
        limit,
        rhythm=_rhythm(prepared, limit, source, look, plan),
        validation=look,
        best=best,
        checkpoints=Checkpoints(folder.checkpoints, keep=train.keep),
        watchers=[*standing, alarms, *watchers],
    )
    seed_torch(recipe.seed, "train")
    return GenerativeTraining(fit, task, net, plan, alarms)


def build_generative_net(prepared: GenerativePrepared) -> nn.Module:
    """The network with its initial weights: a function of recipe, seed and training part, whose means decoders begin
    at."""
    seed_torch(prepared.recipe.seed, "init")
    classes = len(prepared.classes) if prepared.labelled else 0
    net = prepared.config.build(prepared.spec, classes, prepared.wanted)
    start_layers(net, prepared.tensors["train"])
    return net


def build_generative_source(prepared: GenerativePrepared, tensors: Batch, *, trim: bool = True) -> Rows:
    """The training part as batches; of two heaps of pictures, each drawn by itself. Series of about one length come
    together, cut to the longest of a batch (`trim`)."""
    recipe = prepared.recipe
    size, seed = recipe.train.batch_size, derive(recipe.seed, "order")
    if prepared.pairing == "unpaired":
        return UnpairedSource(tensors[X], tensors[Y], size, seed=seed)
    lengths = row_lengths(prepared.spec, prepared.tensors["train"])
    if lengths:
        return BucketSource(tensors, size, seed=seed, lengths=lengths, trim=trim)
    return RowSource(tensors, size, seed=seed)


def updaters_of(recipe: Resolved, net: nn.Module, plan: Plan) -> dict[str, Updater]:
    """What moves the weights of each player, at its own rate; the weights of the first, which serves, are averaged."""
    rates = net.rates if isinstance(net, Players) else {}
    return {
        name: updater_of(_own(recipe, rates.get(name, 1.0), averaged=place == 0), player, plan)
        for place, (name, player) in enumerate(players_of(net).items())
    }


def _own(recipe: Resolved, rate: float, *, averaged: bool) -> Resolved:
    """The recipe as one player follows it."""
    optimiser = recipe.optimiser
    scaled = {name: getattr(optimiser, name) * rate for name in ("lr", "other_lr") if hasattr(optimiser, name)}
    train = recipe.train if averaged else recipe.train.model_copy(update={"average": 0.0})
    return replace(recipe, optimiser=optimiser.model_copy(update=scaled), train=train)


def _best(prepared: GenerativePrepared, judge: Judge | None, notes: list[str]) -> Best:
    """By the measure that the recipe names; where nobody can tell it, by what can be told."""
    train = prepared.recipe.train
    if prepared.task == "autoencode" or (judge is not None and judge.name == train.monitor):
        return best_of(train)
    known = "loss" if judge is None else judge.name
    if train.monitor != known:
        notes.append(f"The best weights are chosen by {known}: nobody here tells {train.monitor}")
    return Best(known, larger_is_better=higher_is_better(known), patience=train.patience)


def facts_of(prepared: GenerativePrepared, net: nn.Module, monitor: str) -> Facts:
    """What the rules must know of a run."""
    return Facts(
        task=prepared.task,
        objective=str(getattr(prepared.config, "objective", "")),
        mapper=isinstance(net, Mapper),
        lr=float(getattr(prepared.recipe.optimiser, "lr", 0.0)),
        code=int(getattr(net, "code_size", 0)),
        monitor=monitor,
    )


# --- what is looked at while training


def _validation(
    prepared: GenerativePrepared, net: nn.Module, placed: dict[str, Batch], plan: Plan, judge: Judge | None
) -> Look:
    """Codes: the loss of the validation part. Pictures: what the judge says of those that are made, too."""
    part = "validation" if "validation" in placed else "train"
    rows = placed[part]
    if prepared.task == "autoencode":
        lengths = row_lengths(prepared.spec, prepared.tensors[part])
        return Validation(rows, _EVAL_ROWS, lengths)
    least = min(WATCHED_ROWS, *(len(tensor) for tensor in rows.values()))  # two heaps may differ
    few = {key: tensor[:least] for key, tensor in rows.items()}
    losses = Validation(few, _EVAL_ROWS)
    if judge is None:
        return losses
    count = watched_count(passes_of(net))
    real = prepared.pictures(part)[:WATCHED_ROWS]
    beside = Measure(judge, real, strict=False)
    if isinstance(net, Mapper):
        return WatchedSamples(net, beside, rows[X][:count], rows=losses)
    classes = len(prepared.classes) if prepared.labelled else 0
    noise, label = fixed_noise(net, count, prepared.recipe.seed, classes, plan.device)
    return WatchedSamples(net, beside, noise, label, rows=losses)


def _probe(prepared: GenerativePrepared, net: nn.Module, plan: Plan) -> Probe | None:
    """Of pictures from noise in one pass; other networks cannot make one picture of all noise, or not so cheaply."""
    if prepared.task != "gan" or isinstance(net, Mapper):
        return None
    classes = len(prepared.classes) if prepared.labelled else 0
    noise, label = fixed_noise(net, PROBED, prepared.recipe.seed, classes, plan.device)
    return Nearness(net, noise, label, prepared.pictures("train")[:PROBED])


def _rhythm(prepared: GenerativePrepared, limit: Limit, source: Rows, look: Look, plan: Plan) -> Rhythm:
    train, total = prepared.recipe.train, limit.total(0)
    log = min(max(1, total // LOG_ROWS_A_RUN), LOG_EVERY)
    log = max(log, total // MOST_LOG_ROWS)
    usual = min(max(total // EVALUATIONS_A_RUN, _least_between(prepared, source, look, plan), 1), max(1, total))
    return Rhythm(train.log_every or log, train.evaluate_every or usual, train.checkpoint_seconds)


def _least_between(prepared: GenerativePrepared, source: Rows, look: Look, plan: Plan) -> int:
    """Steps between evaluations so that these take EVALUATIONS_SHARE of the run: from the Plan, which a resumed run
    has too, and not from the clock."""
    part = "validation" if "validation" in prepared.tensors else "train"
    rows = len(prepared.tensors[part][X])
    if not isinstance(look, WatchedSamples):
        return int(_FORWARD_SHARE * rows / source.batch_size / EVALUATIONS_SHARE)
    passes = passes_of(look.net)
    forward = _FORWARD_SHARE * (min(rows, WATCHED_ROWS) + len(look) * passes) / source.batch_size  # in steps
    a_picture = _JUDGE_SECONDS.get(str(look.judge.facts.get("kind")), _JUDGE_SECONDS["classifier"])
    judged = len(look) * a_picture / max(1e-3 * (plan.ms or 10.0), 1e-4)
    return int((forward + judged) / EVALUATIONS_SHARE)


# --- the Plan and the limit


def _measure(prepared: GenerativePrepared, net: nn.Module) -> Plan:
    recipe, train = prepared.recipe, prepared.recipe.train
    source = build_generative_source(prepared, prepared.tensors["train"])
    steps = train.steps or (None if train.epochs is None else _steps(train.epochs, source))
    options = recipe.plan
    if options.compile is None and isinstance(net, Players):  # what is timed is the whole network, not its players
        options = options.model_copy(update={"compile": False})
    batch = source.typical() if isinstance(source, BucketSource) else next(source)
    return measure(
        net,
        rehearsal_of(prepared.config, prepared.spec.keys),
        [batch],
        options=options,
        steps=steps,
        seconds=None if train.minutes is None else 60 * train.minutes,
        signature=f"{prepared.task}:{recipe.choice.model}:{recipe.model}:{prepared.spec}:{prepared.wanted}:"
        f"{len(prepared.classes)}:{source.batch_size}",
        cache=cache() / "plans",
    )


def _steps(epochs: float, source: Rows) -> int:
    return max(1, math.ceil(epochs * source.samples / source.batch_size))


def _limit(
    prepared: GenerativePrepared, net: nn.Module, source: Rows, plan: Plan, budget: Budget, judge: Judge | None
) -> Limit:
    train = prepared.recipe.train
    if train.minutes is None:
        if train.steps:
            return StepLimit(train.steps)
        return StepLimit.of_epochs(train.epochs or 1, source.samples, source.batch_size)
    whole = 60 * train.minutes
    after = _MARGIN * (seconds_after(prepared, net, plan, judge) + _REPORT_SECONDS)
    left = whole - budget.passed
    seconds = max(left - after, min(_LEAST_SHARE * whole, left), 0.1)
    late = seconds + after - left
    if late > 0:
        budget.notes.append(
            f"{seconds:.1f} s of {whole:.0f} s are left for training, and measuring what is made will take about "
            f"{after:.0f} s: the whole command about {whole + late:.0f} s. Give more --minutes"
        )
    return TimeLimit(seconds, pace=1.2e-3 * plan.ms if plan.ms else 1e-3)
