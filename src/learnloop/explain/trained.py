"""`explain_run`: a network that `learnloop fit` trained, on one of its rows or on one of yours."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learnloop.bundle.bundle import Bundle
from learnloop.errors import ModelError
from learnloop.explain.bundled.features import image_features, table_features
from learnloop.explain.bundled.goal import goal_of, unit_names
from learnloop.explain.bundled.layers import layers_of
from learnloop.explain.bundled.rows import Chosen, draft_of, given_row, held_out_row
from learnloop.explain.describe import Description, Embedding, Layer
from learnloop.explain.rate import checked_rate
from learnloop.explain.telling.tell import tell
from learnloop.explain.walk import Walk
from learnloop.recipe.draft import Draft
from learnloop.runs.folder import RunFolder

MODELS = ("mlp", "linear", "perceptron")
"""Networks of weighted sums alone: their numbers can be followed one by one."""
MOST_WEIGHTS = 3_000_000
"""More than that, and the arrays of every weight, slope and moved weight would not fit a page, nor --json a line."""
_TOPICS: dict[str, tuple[str, ...]] = {
    "cnn": ("learnloop explain conv", "learnloop explain pool"),
    "cnn3": ("learnloop explain conv", "learnloop explain pool"),
    "lenet5": ("learnloop explain conv", "learnloop explain pool"),
}
"""What shows the arithmetic of a model that cannot be followed here."""


def explain_run(
    name: str,
    inputs: Sequence[str] = (),
    row: int | None = None,
    lr: float | None = None,
    target: str | None = None,
) -> Walk:
    """The walk through a trained perceptron, linear or mlp model on one row.

    name    a run folder, the name of a run, or a bundle folder
    inputs  a file, images, a catalog name, JSON rows, or name=value pairs; none: the rows held out from training
    row     which of them, from 0; default the first
    lr      of the one step; default 0.1
    target  the true answer: a class, labels separated by commas, or numbers in their own units separated by commas;
            default what the row itself says. Without one the walk only goes forward.

    Raises RunError for what is no run, ModelError for another model or too many weights (with what can be explained
    instead), SchemaError and DataError as `learnloop predict` does, UserError for a target or rate that makes no sense.
    """
    rate = checked_rate(lr)
    folder, path = _find(name)
    draft = draft_of(folder)
    _refuse_other_models(name, path, draft)
    bundle = Bundle.load(path)
    weights = sum(parameter.numel() for parameter in bundle.net.parameters())
    if weights > MOST_WEIGHTS:
        raise _too_large(name, weights, bundle, draft)
    chosen = given_row(bundle, inputs, row) if inputs else held_out_row(bundle, folder, path, row)
    return tell(_description(name, bundle, draft, chosen, rate, target, weights))


def _find(name: str) -> tuple[RunFolder | None, Path]:
    """(the run, its bundle's folder); no run for a bundle that was taken out of one."""
    path = Path(name).expanduser()
    if (path / "bundle.json").is_file():
        around = path.resolve().parent
        return (RunFolder(around) if (around / "recipe.yaml").is_file() else None), path
    folder = RunFolder.find(name)
    return folder, folder.bundle


def _description(
    name: str, bundle: Bundle, draft: Draft | None, chosen: Chosen, rate: float, target: str | None, weights: int
) -> Description:
    if bundle.about.spec.kind == "image":
        features, picture = image_features(bundle, chosen.data)
        embeddings: list[Embedding] = []
    else:
        (features, embeddings), picture = table_features(bundle, chosen.data), None  # type: ignore[assignment]
    layers = layers_of(bundle.net, unit_names(bundle))
    model, data = bundle.about.model["name"], bundle.about.facts.get("data", "")
    learnt = ", ".join(bundle.target_names)
    return Description(
        f"{model} for {learnt}" + (f" ({data})" if data else ""),
        tuple(features),
        layers,
        goal_of(bundle, draft, chosen.data if chosen.known else None, target),
        rate,
        about=_about(bundle, layers, chosen, weights),
        embeddings=tuple(embeddings),
        picture=picture,
        no_target="The true answer of this row is not known, so there is no loss, and nothing to go back from. "
        f"Say what it should be: `learnloop explain {name} ... --target {_example(bundle)}`.",
        next=(
            f"learnloop explain {name} --row 1",
            f"learnloop explain {name} --html page.html",
            "learnloop explain mlp",
        ),
    )


def _about(bundle: Bundle, layers: Sequence[Layer], chosen: Chosen, weights: int) -> tuple[str, ...]:
    model = bundle.about.model["name"]
    hidden = len(layers) - 1
    shape = f" with {hidden} hidden layer{'s' if hidden > 1 else ''}" if hidden else ""
    text = f"A trained {model}{shape}: {weights:,} weights."
    if bundle.about.model["config"].get("dropout"):
        text += " Its dropout is off: it only works in training."
    notes = [note for note in bundle.encoder.notes if note not in chosen.told]
    return (text, " ".join((*chosen.told, *notes)))


def _example(bundle: Bundle) -> str:
    if bundle.about.target == "numbers":
        return ",".join("1.5" for _ in bundle.target.names)
    return str(bundle.classes[0])


# --- what cannot be explained -----------------------------------------------------------------------------------


def _refuse_other_models(name: str, path: Path, draft: Draft | None) -> None:
    """Before the bundle is loaded: one with a module of one's own cannot be loaded from its folder alone."""
    try:
        found: Any = json.loads((path / "bundle.json").read_text(encoding="utf-8"))
        model = str(found["model"]["name"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # Bundle.load says what is wrong with it
    if model in MODELS:
        return
    raise ModelError(
        name,
        f"must be a network of weighted sums, whose numbers can be followed one by one: {', '.join(MODELS)}",
        found="a module of your own" if model == "own" or ":" in model else f"a {model} model",
        do=(_fit_command(draft, "--model mlp"), *_TOPICS.get(model, ("learnloop explain mlp",))),
        available=MODELS,
    )


def _too_large(name: str, weights: int, bundle: Bundle, draft: Draft | None) -> ModelError:
    image = bundle.about.spec.kind == "image"
    small = "--set model.hidden=[32]" + (" --set data.image_size=28" if image else "")
    return ModelError(
        name,
        f"must have at most {MOST_WEIGHTS:,} weights to be shown number by number",
        found=f"{weights:,} weights",
        do=(
            _fit_command(draft, f"--model mlp {small}"),
            "learnloop explain spam   # the same on a network of 8 weights",
        ),
    )


def _fit_command(draft: Draft | None, rest: str) -> str:
    """A command that trains something smaller on the same data, as far as that is known."""
    path = None if draft is None else draft.get("data.path")
    goals = [] if draft is None else list(draft.get("data.target") or [])
    target = ["--target", goals[0]] if len(goals) == 1 else []
    return " ".join((shlex.join(["learnloop", "fit", path or "DATA", *target]), rest))
