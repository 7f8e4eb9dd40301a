"""The recipe of networks that make data: which task and network, and every other value, each with its origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.models.config import ModelConfig
from learnloop.models.generative.config import GenerativeConfig, Pairing
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.recipe.choose import Choice, checked, origin, plural
from learnloop.recipe.components import GENERATIVE_TASKS, MODEL_KINDS, TABLES, component
from learnloop.recipe.draft import Draft
from learnloop.recipe.fill import Filler
from learnloop.recipe.own_jobs import AUTO, Uses, assemble, foreign_loss, useless
from learnloop.recipe.recipe import INPUTS, OBJECT
from learnloop.recipe.resolve import Resolved

INCEPTION = "inception:"
"""Before the file of its weights, in `generate.judge`."""
MONITORED = {"autoencode": "codes", "gan": "pictures", "diffusion": "pictures"}
"""task -> the kind of target in fill.MONITORS."""
_DEFAULTS = {
    "autoencode": {"image": "conv_autoencoder", "table": "deep_autoencoder", "series": "deep_autoencoder"},
    "gan": {"none": "dcgan", "paired": "pix2pix", "larger": "superres", "unpaired": "cyclegan"},
    "diffusion": {"none": "ddpm"},
}
"""task -> kind of input, or pairing of the pictures -> the network where nobody names one."""
_USES = Uses(
    {
        "data": (
            *("path", "target", "columns", "ignore", "group", "time", "validation", "test", "numbers"),
            *("image_size", "corrupt", "download", "series"),
        ),
        "report": ("baselines", "html"),
        "task": ("name", "loss"),
    },
    none=("transfer", "augment", *(name for name in INPUTS if name != "generate")),
    must="is of no use to networks that make data",
    decided=("transfer.mode", "augment.name", "data.series_target"),
)
_ONLY_CODES = ("clusters", "normal", "shots")
_ONLY_PICTURES = ("judge", "make")


@dataclass(frozen=True)
class Found:
    """What the data decides.

    kind      of input: "image", "table", "series", ...
    pairing   of its pictures
    larger    whether the wanted pictures are larger than their sources
    classes   known of every row, by name
    heaps     of pictures in words, for messages: "400 pictures in a and 380 in b"
    """

    name: str
    kind: str
    pairing: Pairing = "none"
    larger: bool = False
    classes: tuple[str, ...] = ()
    heaps: str = ""


def task_of(draft: Draft) -> str:
    """Which of the three tasks the draft asks for, by its name or by that of a network; "" for none of them."""
    task = str(draft.get("task.name", AUTO))
    if task != AUTO:
        return task if task in GENERATIVE_TASKS else ""
    others = {name for kind, table in TABLES.items() if kind not in _kinds() for name in table}
    model = draft.get("model.name")
    if not isinstance(model, str) or model not in set(GENERATIVE_MODELS) - others:
        return ""
    return GENERATIVE_MODELS[model].task


def _kinds() -> tuple[str, ...]:
    return tuple(MODEL_KINDS[task] for task in GENERATIVE_TASKS)


def asked_pairing(draft: Draft) -> Pairing:
    """What the network that is asked for learns from; "none" too where none is asked for."""
    model = draft.get("model.name", AUTO)
    return GENERATIVE_MODELS[model].pairing if model in GENERATIVE_MODELS else "none"


def choose_generative(draft: Draft, found: Found) -> Choice:
    """Raises RecipeError or ManyErrors for what these tasks have no use for, and for a network that does not fit."""
    task = task_of(draft)
    origins = {"task.name": origin(draft, "task.name"), "task.loss": "the network's own"}
    if draft.get("task.name", AUTO) == AUTO:
        origins["task.name"] = f"inferred: {draft.get('model.name')} is of this task"
    must = f"the task {task} has its own objective"
    own = "model.objective" if task == "gan" else "model.likelihood" if task == "autoencode" else ""
    raise_all([*useless(draft, _USES), *_unused(draft, task), *foreign_loss(draft, must, ["auto"], own)])
    name, origins["model.name"] = _model_name(draft, task, found)
    kind = MODEL_KINDS[task]
    cls = component(kind, name, draft.typed("model.name"))
    given = {field: value for field, value in draft.section("model").items() if field != "name"}
    config = cast(GenerativeConfig, checked(cls, kind, name, given, "model"))
    raise_all([*_unfit(draft, task, name, config, found)])
    numbers = str(draft.get("data.numbers", AUTO))
    origins["data.numbers"] = f"suggested by {name}" if numbers == AUTO else origin(draft, "data.numbers")
    numbers = config.numbers if numbers == AUTO else numbers
    return Choice(task, MONITORED[task], found.kind, name, cast(ModelConfig, config), AUTO, numbers, origins)


def _unused(draft: Draft, task: str) -> Iterable[UserError]:
    """Values of the section `generate` that the task does not look at."""
    idle = _ONLY_PICTURES if task == "autoencode" else _ONLY_CODES
    default = INPUTS["generate"]()
    for field, given in draft.section("generate").items():
        if field in idle and given.value != getattr(default, field):
            other = "gan and diffusion" if task == "autoencode" else "autoencode"
            yield RecipeError(given.typed, f"is for the task {other}", found=f"the task {task}", do="leave it out")


def _model_name(draft: Draft, task: str, found: Found) -> tuple[str, str]:
    if "model" in draft.objects or draft.get("model.name") == OBJECT:
        raise RecipeError(
            "model",
            f"must be the name of a network of the task {task}",
            found="a module that was handed over",
            available=list(TABLES[MODEL_KINDS[task]]),
        )
    name = draft.get("model.name", AUTO)
    if name != AUTO:
        return str(name), origin(draft, "model.name")
    known = _DEFAULTS[task]
    if task == "autoencode":
        return known.get(found.kind, known["table"]), f"inferred: the default for {plural(found.kind)}"
    way = "larger" if found.pairing == "paired" and found.larger else str(found.pairing)
    told = {"larger": "pairs of small and large pictures", "paired": "pairs of pictures"}
    told |= {"unpaired": "two heaps of pictures", "none": plural(found.kind)}
    return known.get(way, known["none"]), f"inferred: the default for {told[way]}"


def _unfit(draft: Draft, task: str, name: str, config: GenerativeConfig, found: Found) -> Iterable[UserError]:
    where, table = draft.typed("model.name"), TABLES[MODEL_KINDS[task]]
    where = "--model" if where == "model.name" else where
    models = {other: cast(type[GenerativeConfig], cls) for other, cls in table.items()}
    if found.kind not in config.inputs:
        fitting = [other for other, cls in models.items() if found.kind in cls.inputs]
        takes = " or ".join(sorted(plural(kind) for kind in config.inputs))
        do = () if fitting else "--task autoencode --model vae" if found.kind in ("table", "series") else ()
        yield RecipeError(
            where, f"must be a model for {plural(found.kind)}", found=f"{name!r} takes {takes}", do=do,
            available=fitting,
        )  # fmt: skip
        return
    if config.pairing == "none" and found.pairing != "none":
        yield RecipeError(
            where,
            "must be a network that makes pictures from pictures",
            found=f"{name!r}, and {found.name} holds {found.heaps or 'pairs of pictures'}",
            available=[other for other in GENERATIVE_MODELS if GENERATIVE_MODELS[other].pairing != "none"],
        )
    elif (config.pairing != "none" and found.pairing == "none") or (
        config.pairing == "paired" and found.pairing == "unpaired"
    ):
        yield _no_pairs(draft, where, name, config, found)
    if config.conditional and not found.classes:
        yield RecipeError(
            draft.typed("model.class_conditional"),
            "needs a class of every row",
            found=f"{found.name} has no column of classes",
            do=("--target COLUMN", "--set model.class_conditional=false"),
        )
    yield from _unknown_classes(draft, found)


def _no_pairs(draft: Draft, where: str, name: str, config: GenerativeConfig, found: Found) -> RecipeError:
    two = config.pairing == "unpaired"
    alone = found.pairing == "none"
    others = [other for other in GENERATIVE_MODELS if GENERATIVE_MODELS[other].pairing == "unpaired"]
    ways = [] if two or alone else [f"--model {other}   # learns from two heaps of pictures" for other in others]
    folders = "folders trainA/ and trainB/ of pictures" if two else "files of the same name in folders a/ and b/"
    ways += [folders, ".npz with the pictures x and y"]
    ways += ["--set generate.make=edges   # computed from the pictures themselves"] if alone else []
    return RecipeError(
        where,
        f"{name} needs {'two heaps of pictures' if two else 'pairs: the picture to make beside each source picture'}",
        found=f"{found.name} holds {found.heaps or 'pictures by themselves'}",
        do=ways,
    )


def _unknown_classes(draft: Draft, found: Found) -> Iterable[UserError]:
    """`generate.normal` must name classes of the data, and leave some to be found."""
    given = draft.section("generate").get("normal")
    if given is None or given.value is None:
        return
    named = normal_classes(draft)
    unknown = [text for text in named if text not in found.classes]
    if not found.classes:
        yield RecipeError(
            given.typed, "needs a class of every row", found=f"{found.name} has none", do="--target COLUMN"
        )
    elif unknown:
        yield RecipeError(
            given.typed, f"must name classes of {found.name}", found=", ".join(map(repr, unknown)),
            available=found.classes,
        )  # fmt: skip
    elif set(named) == set(found.classes):
        yield RecipeError(given.typed, "must leave a class that is to be found", found="all classes are normal")


def normal_classes(draft: Draft) -> tuple[str, ...]:
    """The classes of `generate.normal` as texts; empty for all."""
    value = draft.get("generate.normal")
    if value is None:
        return ()
    return INPUTS["generate"].model_validate({"normal": value}).normal  # type: ignore[attr-defined, no-any-return]


def judge_name(asked: str | None, classes: tuple[str, ...]) -> str:
    """What the figure of who judges pictures is called (verbs/judge.py), and by what the best weights are chosen."""
    if asked is not None and asked.startswith(INCEPTION):
        return "fid"
    return "fid_classifier" if classes or asked is not None else "frechet_pixels"


def resolve_generative(
    draft: Draft, choice: Choice, found: Found, spec: InputSpec, rows: int, data: Mapping[str, Any]
) -> Resolved:
    """The complete recipe.

    spec  of the fitted input;  rows: of the training part
    data  what was decided of the section `data`: the target, the share of validation
    Raises RecipeError or ManyErrors.
    """
    config = cast(GenerativeConfig, choice.config)
    advice = dict(config.suggest(rows, spec, draft.minutes))
    origins = dict(choice.origins)
    if choice.task != "autoencode":
        advice["train.monitor"] = judge_name(draft.get("generate.judge"), found.classes)
        if draft.get("train.monitor", AUTO) == AUTO:
            origins["train.monitor"] = "inferred: by who judges the pictures"
    fill = Filler(draft, choice, advice, f"suggested by {choice.model}")
    section = fill.section("generate", {})
    inputs: Mapping[str, Config] = {"generate": section}
    decided = {"numbers": choice.numbers, **data}
    return assemble(draft, fill, choice, data=decided, loss=AUTO, inputs=inputs, origins=origins)
