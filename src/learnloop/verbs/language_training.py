"""Put the parts together that learn to continue a text: network, Plan, source, task, limit, watchers -> `Fit`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from learnloop.contracts import Batch, Task
from learnloop.data.streams import StreamSource, WindowSource
from learnloop.home import cache
from learnloop.models.language_model import language_model
from learnloop.optim.measure import measure
from learnloop.optim.plan import Plan
from learnloop.runs.checkpoint import Checkpoints
from learnloop.runs.folder import RunFolder
from learnloop.seeds import derive, seed_torch
from learnloop.tasks.language import Language, text_nats, window_loss
from learnloop.train.events import Watcher
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import Limit, StepLimit, TimeLimit
from learnloop.verbs.budget import Budget
from learnloop.verbs.language_data import PreparedText
from learnloop.verbs.samples import SampleKeeper
from learnloop.verbs.training import LOG_ROWS_A_RUN, best_of, updater_of, watchers_of

MOST_WATCHED = 200_000
"""Tokens of the validation part, its first ones, that are evaluated while training; all of them at the end."""
MOST_TRAIN_TOKENS = 50_000
"""Of the training part, scored at the end to tell what is learnt by heart."""
EVALUATIONS_A_RUN = 15
EVALUATIONS_SHARE = 0.04
"""All evaluations together take at most this share of a run."""
_FORWARD_SHARE = 0.35
"""Of a step, for as many tokens."""
_TIMED_TOKENS = 20_000
_REPORT_SECONDS, _MARGIN = 3.5, 1.15
"""The last checkpoint, bundle, samples, the search for copied text and the pages; and what other processes may cost."""
_LEAST_SHARE = 0.5
"""Of a limit in minutes, that training always gets."""


@dataclass(frozen=True)
class TextTraining:
    """A run that is ready to start. notes: sentences to say once."""

    fit: Fit
    task: Language
    net: nn.Module
    plan: Plan
    notes: tuple[str, ...] = ()


class HeldOutText:
    """Nats a token of a text, under the Plan's precision."""

    def __init__(self, codes: Tensor, plan: Plan) -> None:
        self._codes = codes
        self._autocast = nullcontext if plan.dtype == "float32" else plan.autocast

    def __call__(self, task: Task) -> dict[str, float]:
        """The state that is carried through training is left untouched, and nothing random is drawn."""
        task.train(False)
        with task.averaged():
            nats = text_nats(cast(Language, task).net, self._codes, self._autocast)
        task.train(True)
        return {"loss": float(nats.double().mean())}


def set_up_text(
    prepared: PreparedText,
    folder: RunFolder,
    *,
    plan: Plan | None,
    budget: Budget,
    watchers: Sequence[Watcher] = (),
) -> TextTraining:
    """Everything from the network to the loop. plan: the measured Plan of a run that is resumed."""
    recipe, train = prepared.recipe, prepared.recipe.train
    net = build_text_net(prepared)
    if plan is None:
        plan = _measure(prepared, net)
    plan.apply()
    net = plan.prepare(net)
    task = Language(net, plan=plan, updater=updater_of(recipe, net, plan))
    source = build_text_source(prepared, net, prepared.codes["train"].to(plan.device))
    held_out = prepared.codes["validation"][:MOST_WATCHED].to(plan.device)
    limit = _limit(prepared, net, source, plan, budget)
    fit = Fit(
        task,
        source,
        limit,
        rhythm=_rhythm(prepared, limit, source, len(held_out)),
        validation=HeldOutText(held_out, plan),
        best=best_of(train),
        checkpoints=Checkpoints(folder.checkpoints, keep=train.keep),
        watchers=[
            *watchers_of(recipe, folder),
            SampleKeeper(folder.samples, net, prepared.tokens, derive(recipe.seed, "samples")),
            *watchers,
        ],
    )
    seed_torch(recipe.seed, "train")
    return TextTraining(fit, task, net, plan)


def build_text_net(prepared: PreparedText) -> nn.Module:
    """The network with its initial weights: a function of recipe and seed."""
    seed_torch(prepared.recipe.seed, "init")
    return prepared.recipe.model.build(prepared.spec, prepared.tokens.size)


def build_text_source(prepared: PreparedText, net: nn.Module, codes: Tensor) -> StreamSource | WindowSource:
    """Streams for a network that carries its state, windows for any other."""
    recipe = prepared.recipe
    batch = recipe.train.batch_size
    if language_model(net).carries:
        return StreamSource(codes, batch, recipe.model.window)  # type: ignore[attr-defined]
    return WindowSource(codes, batch, recipe.model.context, seed=derive(recipe.seed, "order"))  # type: ignore[attr-defined]


def _measure(prepared: PreparedText, net: nn.Module) -> Plan:
    recipe, train = prepared.recipe, prepared.recipe.train
    source = build_text_source(prepared, net, prepared.codes["train"])
    steps = train.steps or (None if train.epochs is None else _steps(train.epochs, source))

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        return window_loss(module, batch, (), nullcontext)[0]  # the Plan that is tried is around it

    return measure(
        net,
        loss,
        [next(source)],
        options=recipe.plan,
        steps=steps,
        seconds=None if train.minutes is None else 60 * train.minutes,
        signature=f"language:{recipe.choice.model}:{recipe.model}:{prepared.tokens.size}:{train.batch_size}",
        cache=cache() / "plans",
    )


def _steps(epochs: float, source: StreamSource | WindowSource) -> int:
    return max(1, math.ceil(epochs * source.samples / source.batch_size))


def _limit(
    prepared: PreparedText, net: nn.Module, source: StreamSource | WindowSource, plan: Plan, budget: Budget
) -> Limit:
    train = prepared.recipe.train
    if train.minutes is None:
        return (
            StepLimit(train.steps)
            if train.steps
            else StepLimit.of_epochs(train.epochs or 1, source.samples, source.batch_size)
        )
    whole = 60 * train.minutes
    seconds = max(whole - budget.passed - _after(prepared, net, plan), _LEAST_SHARE * whole - budget.passed, 0.1)
    if seconds < _LEAST_SHARE * whole:
        budget.notes.append(f"{seconds:.1f} s of {whole:.0f} s are left for training. Give more --minutes")
    return TimeLimit(seconds, pace=1.2e-3 * plan.ms if plan.ms else 1e-3)


def _after(prepared: PreparedText, net: nn.Module, plan: Plan) -> float:
    """Seconds from the last step to the report: the held-out parts are scored in float32, the rest is about the same
    for every run."""
    part = prepared.codes[prepared.held_out[-1]]
    some = part[:_TIMED_TOKENS].to(plan.device)
    net.eval()
    text_nats(net, some[:500])
    begin = time.perf_counter()
    text_nats(net, some)
    a_token = (time.perf_counter() - begin) / len(some)
    net.train()
    scored = sum(len(prepared.codes[name]) for name in prepared.held_out) + MOST_TRAIN_TOKENS
    watched = min(len(prepared.codes["validation"]), MOST_WATCHED)  # the last evaluation comes when the time is over
    return _MARGIN * (a_token * (scored + watched) + _REPORT_SECONDS)


def _rhythm(prepared: PreparedText, limit: Limit, source: StreamSource | WindowSource, held_out: int) -> Rhythm:
    train, total = prepared.recipe.train, limit.total(0)
    window = len(next(iter(source))["tokens"][0])
    source.load_state_dict({"position": 0})
    least = int(_FORWARD_SHARE * held_out / (source.batch_size * window) / EVALUATIONS_SHARE)
    usual = min(max(total // EVALUATIONS_A_RUN, least, 1), max(1, total))
    return Rhythm(
        train.log_every or max(1, total // LOG_ROWS_A_RUN), train.evaluate_every or usual, train.checkpoint_seconds
    )
