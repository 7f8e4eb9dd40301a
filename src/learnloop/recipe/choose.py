"""The first stage: which task, model, loss and number transform, from the draft and the dataset alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from torch import nn

from learnloop.config import Config
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field
from learnloop.errors import RecipeError, raise_all
from learnloop.models.config import FITTING, ModelConfig
from learnloop.models.ctc import TRANSCRIPT
from learnloop.models.own import OwnModel
from learnloop.models.pairs import PAIRS
from learnloop.recipe.checking import check_values, unknown
from learnloop.recipe.components import component, field_names, is_foreign, make, owners
from learnloop.recipe.draft import Draft, Given
from learnloop.recipe.recipe import OBJECT
from learnloop.tasks.table import TASKS, TargetKind

WORDS = {
    "class": "classes",
    "labels": "several labels",
    "numbers": "numbers",
    "text": "texts",
    "transcript": "transcripts",
    "steps": "numbers at every step",
}
"""Kinds of target."""
WHOLE = {"image": "image", "text": "text", "series": "series", "audio": "series"}
"""Kinds of column that are all that a network sees, and the kind of input that they become."""

PLURAL = {PAIRS: "texts that become texts", "series": "series"}
ANSWERS = {"regress": "numbers", "translate": "text", "transcribe": "transcript"}
"""The kind of target of a task that has only one."""


@dataclass(frozen=True)
class Choice:
    """What the first stage decides.

    task     "classify" or "regress"
    target   the kind of target in `transforms.targets.TARGETS`: "class", "labels" (several) or "numbers"
    kind     of input: "table", "image", "text" or "series"
    model    name in MODELS, an import path, or "object"
    config   the model's Config, or `OwnModel` around a module that was handed over
    loss     name in LOSSES, an import path, or "object"
    numbers  how number columns are scaled
    origins  why, by dotted key
    """

    task: str
    target: str
    kind: str
    model: str
    config: ModelConfig
    loss: str
    numbers: str
    origins: Mapping[str, str]


def choose(draft: Draft, dataset: Dataset) -> Choice:
    """Raises RecipeError where what was asked for does not fit the data."""
    origins: dict[str, str] = {}
    task, origins["task.name"] = _task(draft, dataset)
    several = len(dataset.schema.targets) > 1
    target = ANSWERS.get(task, "labels" if several else "class")
    kind = next((WHOLE[item.kind] for item in dataset.schema.inputs if item.kind in WHOLE), "table")
    if any(item.kind == "series" for item in dataset.schema.targets):
        target = "steps"
    if task == "translate":
        kind = _pairs(dataset, kind)
    if task == "transcribe":
        kind = _spoken(dataset, kind)
    name, origins["model.name"] = _model_name(draft, kind)
    config = _own(draft.objects["model"]) if name == OBJECT else _model(draft, name)
    _fits(draft, name, config, kind, task)
    loss, origins["task.loss"] = _loss(draft, task, target)
    numbers, origins["data.numbers"] = _numbers(draft, name, config)
    return Choice(task, target, kind, name, config, loss, numbers, origins)


def plural(kind: str) -> str:
    """A kind of input in words."""
    return PLURAL.get(kind, f"{kind}s")


def origin(draft: Draft, key: str) -> str:
    """Where a value came from."""
    given = draft.values.get(key)
    return "default" if given is None else given.origin


def _task(draft: Draft, dataset: Dataset) -> tuple[str, str]:
    targets = dataset.schema.targets
    if not targets:
        raise RecipeError(
            "--target",
            f"must name the column of {dataset.name} to learn",
            found="no target",
            available=dataset.schema.names,
        )
    numbers = [item for item in targets if item.kind == "number"]
    classes = [item for item in targets if item.kind in ("category", "boolean")]
    asked = draft.get("task.name", "auto")
    if asked == "auto":
        sounds = any(item.kind in ("series", "audio") for item in dataset.schema.inputs)
        return _inferred_task(targets, numbers, classes, "transcribe" if sounds else "translate")
    if ANSWERS.get(str(asked)) in ("text", "transcript"):
        return str(asked), origin(draft, "task.name")
    wrong = classes if asked == "regress" else numbers
    if wrong:
        needed, other = ("numbers", "classify") if asked == "regress" else ("classes", "regress")
        kind = "number" if asked == "regress" else "category"
        raise RecipeError(
            draft.typed("task.name"),
            f"{asked} learns {needed}",
            found=", ".join(f"{item.name!r} is a {item.kind}" for item in wrong),
            do=[f"--task {other}", f"--set data.columns.{wrong[0].name}={kind}"],
        )
    return str(asked), origin(draft, "task.name")


def _inferred_task(targets: list[Field], numbers: list[Field], classes: list[Field], written: str) -> tuple[str, str]:
    """written: the task that writes texts from such inputs."""
    named = ", ".join(repr(item.name) for item in targets)
    if len(numbers) == len(targets):
        return "regress", f"inferred: {named} {'is a number' if len(targets) == 1 else 'are numbers'}"
    if len(targets) == 1 and targets[0].kind == "text":
        return written, f"inferred: {named} holds texts"
    if len(targets) == 1 and targets[0].kind == "series":
        return "regress", f"inferred: {named} has a number at every step"
    if len(classes) == len(targets):
        if len(targets) > 1:
            return "classify", f"inferred: {len(targets)} labels"
        return "classify", f"inferred: {len(targets[0].categories)} classes in {named}"
    odd = numbers if classes else [item for item in targets if item not in numbers]
    raise RecipeError(
        "--target",
        "must be all numbers or all classes",
        found=", ".join(f"{item.name!r} is a {item.kind}" for item in targets),
        do=" ".join(f"--set data.columns.{item.name}=category" for item in odd),
    )


def _spoken(dataset: Dataset, kind: str) -> str:
    """The kind of input of a series that is to become a text. Raises RecipeError where the input is none."""
    if kind == "series":
        return TRANSCRIPT
    raise RecipeError(
        "--task",
        "transcribe needs recordings, or another series, to listen to",
        found=", ".join(f"{item.name!r} is a {item.kind}" for item in dataset.schema.inputs[:5]),
        do="--task translate   # of texts" if kind == "text" else (),
    )


def _pairs(dataset: Dataset, kind: str) -> str:
    """The kind of input of a text that is to become another one. Raises RecipeError where the input is no text."""
    if kind == "text":
        return PAIRS
    names = [item.name for item in dataset.schema.inputs]
    raise RecipeError(
        "--task",
        "translate needs a column of texts to read",
        found=", ".join(f"{item.name!r} is a {item.kind}" for item in dataset.schema.inputs[:5]),
        do=[f"--set data.columns.{name}=text" for name in names[:3]],
    )


def _model_name(draft: Draft, kind: str) -> tuple[str, str]:
    if "model" in draft.objects:
        return OBJECT, "argument"
    name = draft.get("model.name", "auto")
    if name == OBJECT:
        raise RecipeError(
            draft.typed("model.name"),
            "the module of this recipe was a Python object, which no file can bring back",
            do=["ll.fit(..., model=module)", "--model pkg.mod:Name"],
        )
    if name == "auto":
        return FITTING[kind][0], f"inferred: the default for {plural(kind)}"
    return str(name), origin(draft, "model.name")


def _own(module: nn.Module | OwnModel) -> ModelConfig:
    """`OwnModel` offers all that a model's Config does, but cannot be validated from values."""
    return cast(ModelConfig, module if isinstance(module, OwnModel) else OwnModel(module))


def _model(draft: Draft, name: str) -> ModelConfig:
    """The model's Config with the fields that were given; raises for those that it does not have."""
    cls = component("model", name, draft.typed("model.name"))
    given = {field: value for field, value in draft.section("model").items() if field != "name"}
    return cast(ModelConfig, checked(cls, "model", name, given))


def checked(cls: type[Config], kind: str, name: str, given: Mapping[str, Given], section: str = "") -> Config:
    """The component with these fields. Raises all mistakes at once."""
    names = [f"{section or kind}.{known}" for known in field_names(cls)]
    errors = [
        unknown(
            f"{section or kind}.{field}",
            value.typed,
            names,
            f"a field of the {kind} {name!r}",
            owners(kind, field),
        )
        for field, value in given.items()
        if field not in field_names(cls)
    ]
    raise_all([*errors, *check_values(cls, given)])
    return make(cls, name, {field: value.value for field, value in given.items()})


def _fits(draft: Draft, name: str, config: ModelConfig, kind: str, task: str) -> None:
    if kind not in config.inputs:
        raise RecipeError(
            draft.typed("model.name"),
            f"must be a model for {plural(kind)}",
            found=f"{name!r} takes {' or '.join(sorted(plural(item) for item in config.inputs))}",
            available=FITTING[kind],
        )
    if config.rule == "perceptron" and task != "classify":
        raise RecipeError(
            draft.typed("model.name"),
            "must be a model that can predict numbers",
            found=f"{name!r} answers with classes only",
            available=[item for item in FITTING[kind] if item != name],
        )


def _loss(draft: Draft, task: str, target: str) -> tuple[str, str]:
    if "loss" in draft.objects:
        return OBJECT, "argument"
    name = draft.get("task.loss", "auto")
    if name == OBJECT:
        raise RecipeError(
            draft.typed("task.loss"),
            "the loss of this recipe was a Python object, which no file can bring back",
            do=["ll.fit(..., loss=function)", "--set task.loss=pkg.mod:name"],
        )
    known = TASKS[task].losses[cast(TargetKind, target)]
    if name == "auto":
        return known[0], f"inferred: the usual one for {WORDS[target]}"
    if name not in known and not is_foreign(name):
        raise RecipeError(
            draft.typed("task.loss"),
            f"must be a loss for {WORDS[target]}",
            found=repr(name),
            available=known,
        )
    return str(name), origin(draft, "task.loss")


def _numbers(draft: Draft, name: str, config: ModelConfig) -> tuple[str, str]:
    numbers = str(draft.get("data.numbers", "auto"))
    if numbers != "auto":
        return numbers, origin(draft, "data.numbers")
    return config.numbers, f"suggested by {name}"
