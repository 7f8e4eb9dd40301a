"""What the recipes of tasks with a job of their own share: values that nothing listens to, and the assembled whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from learnloop.config import Config
from learnloop.data.augment.config import AugmentConfig
from learnloop.errors import RecipeError, UserError
from learnloop.models.transfer import TransferConfig
from learnloop.optim.plan import PlanConfig
from learnloop.recipe.choose import Choice
from learnloop.recipe.draft import Draft
from learnloop.recipe.fill import Filler
from learnloop.recipe.recipe import SECTIONS, DataSection, ReportSection, TaskSection, TrainSection, WatchSection
from learnloop.recipe.resolve import Resolved

AUTO = "auto"
RECIPE_FILES = (".yaml", ".yml")


@dataclass(frozen=True)
class Uses:
    """What a task has a use for.

    fields   section -> those of its fields; sections that are not named are taken as a whole
    none     sections that it has no use for
    must     what is said of all else: "is for data with rows; the task language reads one text"
    ways     dotted key -> what to give instead
    decided  keys that a resolved recipe holds, because something was decided; None: any
    """

    fields: Mapping[str, Iterable[str]]
    none: Sequence[str]
    must: str
    ways: Mapping[str, str] = field(default_factory=dict)
    decided: Sequence[str] | None = ()


def useless(draft: Draft, uses: Uses) -> Iterable[UserError]:
    """Values that say something else than their default and that nothing would listen to."""
    for key, given in draft.values.items():
        section, _, name = key.partition(".")
        used = name in uses.fields[section] if section in uses.fields else section not in uses.none
        if used or not name or section not in SECTIONS:
            continue
        info = SECTIONS[section].model_fields.get(name)
        default = None if info is None else info.get_default(call_default_factory=True)
        if given.value == default or (isinstance(default, tuple) and tuple(given.value or ()) == default):
            continue
        if given.origin.endswith(RECIPE_FILES) and (uses.decided is None or key in uses.decided):
            continue
        yield RecipeError(given.typed, uses.must, found=repr(given.value), do=uses.ways.get(key, "leave it out"))


def foreign_loss(draft: Draft, must: str, losses: Sequence[str], do: str = "") -> Iterable[UserError]:
    """A loss that is none of `losses`, by name or as a function. must: "must be the loss of the task language"."""
    named = draft.get("task.loss", AUTO)
    if named not in (AUTO, *losses):
        yield RecipeError(draft.typed("task.loss"), must, found=repr(named), do=do, available=losses)
    if "loss" in draft.objects:
        yield RecipeError("loss", must, found="a function", do=do, available=losses)


def assemble(
    draft: Draft,
    fill: Filler,
    choice: Choice,
    *,
    data: Mapping[str, Any],
    loss: str,
    inputs: Mapping[str, Config],
    origins: Mapping[str, str],
) -> Resolved:
    """The complete recipe of a task without transfer and augmentation.

    data     what was decided of the section `data`; the path is made absolute
    loss     what is written as `task.loss`
    inputs   the sections of INPUTS that it has
    Raises RecipeError or ManyErrors.
    """
    fill.limit()
    model = fill.model()
    optimiser_name, optimiser = fill.component("optimiser")
    schedule_name, schedule = fill.component("schedule")
    root = fill.root()
    decided = dict(data)
    path = draft.get("data.path")
    if "data" in draft.objects:
        decided["path"], fill.origins["data.path"] = None, "argument: an object in memory"
    elif path is not None and Path(path).exists():
        decided["path"] = str(Path(path).resolve())
    return Resolved(
        data=cast(DataSection, fill.section("data", decided)),
        task=cast(TaskSection, fill.section("task", {"name": choice.task, "loss": loss, "class_weights": "none"})),
        loss=None,
        model=model,
        transfer=TransferConfig.model_validate({"mode": "none"}),
        augment=AugmentConfig.model_validate({}),
        optimiser=optimiser,
        schedule=schedule,
        train=cast(TrainSection, fill.section("train", {"monitor": fill.monitor()})),
        plan=cast(PlanConfig, fill.section("plan", {})),
        watch=cast(WatchSection, fill.section("watch", {})),
        report=cast(ReportSection, fill.section("report", {})),
        seed=root.seed,
        out=root.out,
        names={"model": choice.model, "optimiser": optimiser_name, "schedule": schedule_name, "loss": choice.loss},
        choice=choice,
        origins={**fill.origins, **origins},
        objects=draft.objects,
        notes=draft.notes,
        inputs=inputs,
    )
