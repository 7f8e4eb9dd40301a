"""Put the parts together and train: network, Plan, Updater, limit, watchers -> `Fit`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from learnloop.contracts import Batch, Task, Y
from learnloop.data.augment.source import AugmentedSource
from learnloop.data.buckets import BucketSource, row_lengths
from learnloop.data.sources import RowSource
from learnloop.home import cache
from learnloop.models.every_step import build_network
from learnloop.nn.fitted import SAMPLE, fit_layers, give_words, start_layers
from learnloop.optim.average import WeightAverage
from learnloop.optim.measure import measure
from learnloop.optim.plan import PLAIN, Plan
from learnloop.optim.updater import Updater
from learnloop.recipe.recipe import TrainSection
from learnloop.recipe.resolve import Resolved
from learnloop.recipe.weights import weighted
from learnloop.runs.checkpoint import Checkpoints
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import Journal
from learnloop.scores.names import higher_is_better
from learnloop.seeds import derive, seed_torch, torch_stream
from learnloop.tasks.loss_task import Loss, LossTask
from learnloop.tasks.own_code import own_loss, raise_explained
from learnloop.tasks.table import make_perceptron, make_task, network_keys
from learnloop.train.best import Best
from learnloop.train.events import Event, Watcher
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import Limit, StepLimit, TimeLimit
from learnloop.train.validation import Validation
from learnloop.train.watchers.journal import CsvWriter, JournalWriter
from learnloop.train.watchers.progress import choose_progress
from learnloop.train.watchers.tensorboard import TensorBoardWriter
from learnloop.verbs.budget import Budget
from learnloop.verbs.prepare import Prepared
from learnloop.verbs.transfer import load_weights, need_rates, transfer

EVALUATIONS_A_RUN = 30
EVALUATIONS_SHARE = 0.05
"""All evaluations together take at most this share of a run."""
LOG_ROWS_A_RUN = 400
LAST_LOOK, LEAST_OF_REST = 0.85, 0.3
"""Share of a run limited by time after which its end is looked at once more, and how much of the rest it keeps: the
schedule must come down to zero."""
_EVAL_CELLS, _EVAL_ROWS, _EVAL_STEPS = 4_000_000, 512, 1 << 16

Rows = RowSource | AugmentedSource | BucketSource
"""Sources of a part that was read once."""


@dataclass(frozen=True)
class Training:
    """A run that is ready to start. `parameters`: numbers in the network. `notes`: sentences to say once.

    transfer  facts about weights that were trained elsewhere; empty without any
    """

    fit: Fit
    task: Task
    net: nn.Module
    plan: Plan
    parameters: int
    step_seconds: float
    notes: tuple[str, ...] = ()
    transfer: Mapping[str, Any] = field(default_factory=dict)

    def remarks(self) -> tuple[str, ...]:
        """Sentences to say when training has ended."""
        updater = self.task.updater if isinstance(self.task, LossTask) else None
        return () if updater is None else updater.remarks()


def build_net(prepared: Prepared) -> nn.Module:
    """The network with its initial weights: a function of recipe, seed and the weights it starts from."""
    net, _ = _new_net(prepared)
    load_weights(prepared, net)
    return net


def _new_net(prepared: Prepared) -> tuple[nn.Module, tuple[str, ...]]:
    """The network as the training part and the files that its layers name make it, and what they say."""
    seed_torch(prepared.recipe.seed, "init")
    net = build_network(prepared.recipe.model, prepared.spec, prepared.outputs, prepared.target_kind)
    train = prepared.tensors["train"]
    order = torch.randperm(len(train[Y]), generator=torch_stream(prepared.recipe.seed, "fitted layers"))
    fit_layers(net, [train[key][order[:SAMPLE]] for key in prepared.spec.keys])
    said = give_words(net, getattr(getattr(prepared.encoder.sole, "tokens", None), "words", ()))
    start_layers(net, train)
    return net, said


def build_loss(prepared: Prepared) -> Loss:
    """The training loss: the recipe's, with class weights from the training part, or a function handed over."""
    own = prepared.recipe.objects.get("loss")
    if own is not None:
        return own_loss(own)
    config = prepared.recipe.loss
    if prepared.target_kind in ("class", "labels"):
        config = weighted(prepared.recipe, prepared.tensors["train"][Y].numpy(), prepared.names, prepared.outputs)
    return config.build()  # type: ignore[union-attr]


def set_up(
    prepared: Prepared,
    folder: RunFolder,
    *,
    plan: Plan | None,
    budget: Budget,
    watchers: Sequence[Watcher] = (),
) -> Training:
    """Everything from the network to the loop. `plan`: the measured Plan of a run that is resumed."""
    recipe, train = prepared.recipe, prepared.recipe.train
    whole, said = _new_net(prepared)
    moved = transfer(prepared, whole, load_weights(prepared, whole), folder.path)
    net, seen = moved.net, moved.prepared
    perceptron = getattr(recipe.model, "rule", "gradient") == "perceptron"
    loss = build_loss(prepared)
    batch_size = min(train.batch_size, len(prepared.split.train))
    if plan is None:
        plan = _measure(seen, net, loss, batch_size)
    plan.apply()
    net = plan.prepare(net)
    placed = {name: plan.place(batch) for name, batch in seen.tensors.items()}
    keys = prepared.spec.keys
    if perceptron:
        task = make_perceptron(net, keys, recipe.optimiser.lr)  # type: ignore[attr-defined]
    else:
        task = make_task(
            prepared.target_kind,
            net,
            keys,
            loss,
            plan=plan,
            updater=updater_of(recipe, net, plan),
            scale=_scale(prepared),
        )
        if isinstance(task, LossTask):
            task.freezing = moved.freezing
            if task.updater is not None:
                need_rates(moved, task.updater.stepper)
    source = build_source(prepared, placed["train"], batch_size, trim=not plan.compile)
    step_seconds = 1.2e-3 * plan.ms if plan.ms else 1e-3  # forward and backward were timed; the update comes on top
    plain_seconds = 1e-3 * (plan.plain_ms or plan.ms or 1.0)
    limit = _limit(
        prepared, source, step_seconds, lambda: budget.training_seconds(prepared, whole, folder.path, plain_seconds)
    )
    part = "validation" if "validation" in placed else "train"
    lengths = row_lengths(prepared.spec, prepared.tensors[part], prepared.target_kind)
    fit = Fit(
        task,
        source,
        limit,
        rhythm=_rhythm(prepared, limit, source),
        validation=Validation(placed[part], _eval_batch(prepared, bool(lengths)), lengths),
        best=best_of(train),
        checkpoints=Checkpoints(folder.checkpoints, keep=train.keep),
        watchers=[*watchers_of(recipe, folder), *_last_look(limit, budget), *watchers],
    )
    seed_torch(recipe.seed, "train")
    parameters = sum(p.numel() for p in whole.parameters())
    return Training(fit, task, whole, plan, parameters, step_seconds, (*said, *moved.notes), moved.facts)


def build_source(prepared: Prepared, tensors: Batch, batch_size: int, *, trim: bool = True) -> Rows:
    """The training part as batches: its images changed at random where the recipe says so, rows of about one length
    together where they differ in length, and then cut to the longest of a batch (`trim`)."""
    recipe = prepared.recipe
    lengths = row_lengths(prepared.spec, prepared.tensors["train"], prepared.target_kind)
    if lengths:
        return BucketSource(tensors, batch_size, seed=derive(recipe.seed, "order"), lengths=lengths, trim=trim)
    rows = RowSource(tensors, batch_size, seed=derive(recipe.seed, "order"), index=recipe.augment.on)
    if not recipe.augment.on:
        return rows
    return AugmentedSource(
        rows,
        recipe.augment,
        seed=derive(recipe.seed, "augment"),
        outputs=prepared.outputs if prepared.target_kind == "class" else None,
        mean=prepared.spec.mean,
    )


def _some_batch(prepared: Prepared, batch_size: int) -> Batch:
    """A batch to time steps on: the first rows, or where rows differ in length a batch of usual length."""
    train = prepared.tensors["train"]
    if row_lengths(prepared.spec, train, prepared.target_kind):
        source = build_source(prepared, train, batch_size)
        assert isinstance(source, BucketSource)
        return source.typical()
    rows = torch.arange(batch_size)
    batch = {key: tensor.index_select(0, rows) for key, tensor in train.items()}
    return next(build_source(prepared, batch, batch_size))


def _measure(prepared: Prepared, net: nn.Module, loss: Any, batch_size: int) -> Plan:
    recipe = prepared.recipe
    batch = _some_batch(prepared, batch_size)
    keys = network_keys(prepared.target_kind, prepared.spec.keys)
    # The same code path as in training, so that what is timed is what will run.
    from_plan: dict[int, Any] = {}

    def step_loss(module: nn.Module, data: Batch) -> torch.Tensor:
        try:
            outputs = module(*[data[key] for key in keys])
        except Exception as error:
            raise_explained(error)
        if id(module) not in from_plan:
            from_plan.clear()
            from_plan[id(module)] = make_task(prepared.target_kind, module, keys, loss, plan=PLAIN)
        return from_plan[id(module)].loss_of(outputs, data)

    train = recipe.train
    steps = train.steps or (
        None if train.epochs is None else math.ceil(train.epochs * len(prepared.split.train) / batch_size)
    )
    return measure(
        net,
        step_loss,
        [batch],
        options=recipe.plan,
        steps=steps,
        seconds=None if train.minutes is None else 60 * train.minutes,
        signature=f"{prepared.choice.model}:{recipe.model}:{prepared.spec}:{prepared.outputs}:{batch_size}"
        + (f":{recipe.transfer}" if recipe.transfer.on else ""),
        cache=cache() / "plans",
    )


def updater_of(recipe: Resolved, net: nn.Module, plan: Plan) -> Updater:
    """What moves the weights of `net`, as the recipe says."""
    train = recipe.train
    return Updater(
        recipe.optimiser.build(net, fused=plan.fused),  # type: ignore[attr-defined]
        recipe.schedule.build(),  # type: ignore[attr-defined]
        clip=train.clip,
        accumulate=train.accumulate,
        l1=train.l1,
        average=WeightAverage(net, train.average) if train.average else None,
        scaling=plan.loss_scaling(),
    )


def _scale(prepared: Prepared) -> torch.Tensor | None:
    if prepared.target_kind not in ("numbers", "steps"):
        return None
    return torch.as_tensor(prepared.target.std, dtype=torch.float32)


def _limit(prepared: Prepared, source: Rows, step_seconds: float, training_seconds: Callable[[], float]) -> Limit:
    train = prepared.recipe.train
    if train.minutes is not None:
        return TimeLimit(max(training_seconds(), 0.1), pace=step_seconds)
    if train.steps is not None:
        return StepLimit(train.steps)
    return StepLimit.of_epochs(train.epochs or 1, source.samples, source.batch_size)


def _rhythm(prepared: Prepared, limit: Limit, source: Rows) -> Rhythm:
    """Evaluations at whole passes where there are few of them, else about 30 a run; both by steps, not by time."""
    train = prepared.recipe.train
    total = limit.total(0)
    passes = max(1, source.samples // source.batch_size)
    spread = max(1, total // EVALUATIONS_A_RUN)
    by_pass = max(1, round(spread / passes)) * passes
    evaluate = train.evaluate_every or (by_pass if by_pass <= 2 * spread else spread)
    # An evaluation costs about a third of a training pass over its rows.
    held_out = len(prepared.split.validation) or len(prepared.split.train)
    least = int(0.33 * held_out / source.batch_size / EVALUATIONS_SHARE)
    if train.evaluate_every is None:
        evaluate = min(max(evaluate, least), max(1, total))
    return Rhythm(train.log_every or max(1, total // LOG_ROWS_A_RUN), evaluate, train.checkpoint_seconds)


def _eval_batch(prepared: Prepared, ragged: bool) -> int:
    """ragged: rows differ in length, and are bounded by their steps too."""
    spec = prepared.spec
    if spec.kind in ("text", "series"):
        return _EVAL_ROWS if ragged else max(1, min(_EVAL_ROWS, _EVAL_STEPS // max(1, spec.length)))
    cells = spec.shape[0] * spec.shape[1] * spec.shape[2] if spec.kind == "image" else spec.numbers
    return max(64, min(2048 if spec.kind == "table" else _EVAL_ROWS, _EVAL_CELLS // max(1, cells)))


def best_of(train: TrainSection) -> Best:
    """What keeps the best weights, and when it stops waiting."""
    return Best(train.monitor, larger_is_better=higher_is_better(train.monitor), patience=train.patience)


def watchers_of(recipe: Resolved, folder: RunFolder) -> list[Watcher]:
    """Those that the recipe asks for, and the journal."""
    watch = recipe.watch
    found: list[Watcher] = [JournalWriter(Journal(folder.metrics))]
    if watch.csv:
        found.append(CsvWriter(folder.metrics, folder.path / "metrics.csv"))
    if watch.tensorboard:
        found.append(TensorBoardWriter(Path(folder.path) / "tensorboard"))
    progress = choose_progress(watch.progress, recipe.train.monitor)
    if progress is not None:
        found.append(progress)
    return found


def _last_look(limit: Limit, budget: Budget) -> list[Watcher]:
    """Near the end of a run that is limited by time, see whether what follows has become slower or faster."""
    if not isinstance(limit, TimeLimit):
        return []
    timed, looked = limit, False

    def look(event: Event) -> None:
        nonlocal looked
        if looked or event.fraction < LAST_LOOK or event.kind not in ("train", "validation"):
            return
        looked = True
        left = budget.look_again()
        if left is not None:
            timed.end_in(max(left, (1.0 if budget.late else LEAST_OF_REST) * timed.left))

    return [look]
