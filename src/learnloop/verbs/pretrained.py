"""From `model.weights` to tensors: a published name, a URL, a file, a run or a bundle; what they ask of the recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from learnloop.bundle.about import About
from learnloop.data.download import fetch, find, sha256_of
from learnloop.errors import DataError, ModelError, RecipeError, RunError, did_you_mean, nearest
from learnloop.models.pretrained import PUBLISHED, Pretrained, digest_in, published_at, read_tensors
from learnloop.models.published import small_stem
from learnloop.models.recurrent_language import CELLS
from learnloop.models.reread import reader_fields, reader_tensors
from learnloop.models.table import MODELS
from learnloop.recipe.draft import Draft, Given
from learnloop.runs.folder import RunFolder, list_runs
from learnloop.verbs.brought import with_values

KEY, WHERE = "transfer.weights", "model.weights"
"""The key, and what most users call it; recipes take both."""
SUFFIXES = (".pth", ".pt", ".safetensors")
LANGUAGE = "language"
"""The kind of a bundle that continues texts."""
_OUTSIDE = ("vectors", "path")
"""Fields of models that name files which the weights have made superfluous."""
_DEFAULT = "resnet18"
"""The model for published weights where none was asked for."""


def with_weights(draft: Draft) -> tuple[Draft, Pretrained | None]:
    """The draft with what its weights ask for (model, fields, checksum), and the weights; (draft, None) without any.

    Raises RecipeError, DataError or ModelError: a name that leads nowhere, weights that are not on this machine, a
    wrong checksum, a file that holds more than tensors.
    """
    text = draft.get(KEY)
    if not isinstance(text, str):
        return draft, None
    if text in PUBLISHED:
        return _published(draft, text)
    if text.startswith(("https://", "http://")):
        return _from_url(draft, text)
    path = _local(draft, text)
    if path.is_file():
        known = published_at(path.name)
        if known is not None:
            return _of_published(draft, path, known[1], known[0], digest_in(path.name))
        return _read(draft, path, path.name, wanted="")
    return _of_bundle(draft, path)


def weight_facts(weights: Pretrained | None) -> dict[str, Any]:
    """For environment.json: which weights, without their path."""
    return {} if weights is None else {"weights": {"name": weights.name, "sha256": weights.sha256}}


# --- where they are -----------------------------------------------------------------------------------------------


def _published(draft: Draft, name: str) -> tuple[Draft, Pretrained]:
    model = draft.get("model.name", "auto")
    model = _DEFAULT if model == "auto" else model
    if model not in PUBLISHED[name]:
        raise RecipeError(
            draft.typed(KEY),
            f"{name} names weights for some models only",
            found=f"the model {model!r}",
            do=f"--model {_DEFAULT}",
            available=nearest(str(model), PUBLISHED[name]),
        )
    url = PUBLISHED[name][model]
    file = url.rpartition("/")[2]
    return _of_published(draft, _fetched(draft, url, file, digest_in(file)), model, name, digest_in(file))


def _from_url(draft: Draft, url: str) -> tuple[Draft, Pretrained]:
    file = url.partition("?")[0].rpartition("/")[2]
    wanted = draft.get("transfer.sha256") or digest_in(file)
    if not wanted:
        raise RecipeError(
            draft.typed(KEY),
            "must come with a checksum",
            found=f"{file!r}, which does not end with one as in resnet18-f37072fd.pth",
            do="--set transfer.sha256=<the sha256 of the file, or its first 8 digits>",
        )
    path = _fetched(draft, url, file, wanted)
    known = published_at(file)
    if known is not None:
        return _of_published(draft, path, known[1], known[0], wanted)
    return _read(draft, path, file, wanted=wanted)


def _fetched(draft: Draft, url: str, file: str, wanted: str) -> Path:
    """In LEARNLOOP_DATA, in the cache, or downloaded where that was allowed."""
    found = find((f"weights/{file}", file))
    if found is not None:
        return found
    if not draft.get("data.download", False):
        raise DataError(
            draft.typed(KEY),
            f"needs the file {file}",
            found="it is neither in LEARNLOOP_DATA nor in the cache",
            do=["--download   # fetches it once from " + url, f"fetch it yourself, then --set model.weights={file}"],
        )
    return fetch(url, f"weights/{file}", wanted)


def _local(draft: Draft, text: str) -> Path:
    """The file, or the folder of a bundle."""
    beside = [] if draft.file is None else [draft.file.parent / text]
    for path in (Path(text).expanduser(), *beside):
        if path.is_file() or (path / "bundle.json").is_file():
            return path
    try:
        bundle = RunFolder.find(text).bundle
    except RunError:
        raise _nowhere(draft, text) from None
    if not (bundle / "bundle.json").is_file():
        raise RunError(
            draft.typed(KEY),
            "must be a run that has ended: only then it has weights to start from",
            found=f"{text} has no bundle",
            do=f"learnloop fit --resume {text}",
        )
    return bundle


def _nowhere(draft: Draft, text: str) -> RecipeError:
    folder = Path(text).expanduser().parent
    files = [str(path) for path in folder.iterdir() if _holds_weights(path)] if folder.is_dir() else []
    known = [*files, *PUBLISHED, *(run.path.name for run in list_runs())]
    close = did_you_mean(text, known)
    return RecipeError(
        draft.typed(KEY),
        "must be " + ", ".join(PUBLISHED) + f", a file ({', '.join(SUFFIXES)}), a URL, a run or a bundle",
        found=f"{text!r}, and nothing of that name",
        cause=f"a spelling mistake. {close}" if close else "",
        available=nearest(text, known),
    )


def _holds_weights(path: Path) -> bool:
    return path.suffix in SUFFIXES or (path / "bundle" / "bundle.json").is_file() or (path / "bundle.json").is_file()


# --- what they are ------------------------------------------------------------------------------------------------


def _of_published(draft: Draft, path: Path, model: str, name: str, wanted: str) -> tuple[Draft, Pretrained]:
    """Published weights belong to the published sizes: the model's defaults, with the stem for 224 pixels."""
    fields = {field: info.default for field, info in MODELS[model].model_fields.items()}  # type: ignore[attr-defined]
    if "stem" in fields:
        fields["stem"] = "published"
    draft, weights = _read(_filled(draft, model, fields, f"{name}: {path.name}"), path, path.name, wanted=wanted)
    return draft, replace(weights, imagenet=True)


def _of_bundle(draft: Draft, path: Path) -> tuple[Draft, Pretrained]:
    """Weights of a bundle come with their model."""
    name = path.parent.name if path.name == "bundle" else path.name
    try:
        facts = json.loads((path / "bundle.json").read_text(encoding="utf-8"))
        if facts.get("kind") == LANGUAGE:
            return _of_language(draft, path, name, facts["model"]["name"], facts["model"]["config"])
        about = About.from_json(facts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(draft.typed(KEY), "must be an intact bundle", found=f"{path}: bundle.json: {error}") from error
    if about.spec.kind not in ("image", "text"):
        found = {"table": "tables"}.get(about.spec.kind, about.spec.kind)
        raise RecipeError(
            draft.typed(KEY), "must be weights of a network on images or texts", found=f"{name} is for {found}"
        )
    model = about.model["name"]
    if model in MODELS:
        fields = {field: value for field, value in about.model["config"].items() if field not in _OUTSIDE}
        if fields.get("stem") == "auto":
            fields["stem"] = "small" if small_stem("auto", about.spec) else "published"
        draft = _filled(draft, model, fields, f"{KEY}: {name}")
    if about.spec.kind == "text":
        draft = with_values(draft, {"text.saved": str(path.resolve())}, f"{KEY}: {name}")
    draft, weights = _read(draft, path / "model.safetensors", name, wanted="", given=path)
    classes = tuple(about.schema.targets[0].categories) if about.target == "class" else None
    return draft, replace(weights, classes=classes)


def _of_language(
    draft: Draft, path: Path, name: str, model: str, config: Mapping[str, Any]
) -> tuple[Draft, Pretrained]:
    """Weights of a network that continues texts, for one that reads them in the same direction with the same cells."""
    if model not in CELLS:
        raise RecipeError(
            draft.typed(KEY),
            "must be a run of a recurrent network, where it continues texts",
            found=f"{name} is a {model}, whose layers no model for whole texts has",
            do="learnloop fit TEXT --task language --model lstm --set text.tokens=bpe",
            available=list(CELLS),
        )
    asked = draft.get("model.name", "auto")
    if asked not in ("auto", model):
        raise RecipeError(
            draft.typed("model.name"),
            f"must be the model of the weights, {model}",
            found=repr(asked),
            do=f"--model {model}",
        )
    draft = _filled(draft, model, reader_fields(config), f"{KEY}: {name}")
    found = {"text.saved": str(path.resolve()), "transfer.mode": "full"}
    draft = with_values(draft, found, f"{KEY}: {name}")
    draft, weights = _read(draft, path / "model.safetensors", name, wanted="", given=path)
    tensors, left = reader_tensors(weights.tensors)
    return draft, replace(weights, tensors=tensors, partial=True, left=left)


def _filled(draft: Draft, model: str, fields: Mapping[str, Any], origin: str) -> Draft:
    """The model and its fields, where nobody gave others. Another model was asked for: then nothing."""
    if draft.get("model.name", "auto") not in ("auto", model):
        return draft
    wanted = {"model.name": model, **{f"model.{field}": value for field, value in fields.items()}}
    new = {key: Given(value, origin, key) for key, value in wanted.items()}
    kept = {key: given for key, given in draft.values.items() if key != "model.name" or given.value != "auto"}
    return replace(draft, values={**new, **kept})


def _read(draft: Draft, path: Path, name: str, *, wanted: str, given: Path | None = None) -> tuple[Draft, Pretrained]:
    """The tensors, after the checksum; the recipe keeps it, so that a resumed run starts from the same weights."""
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ModelError(str(path), "must be readable", found=str(error)) from error
    asked = draft.get("transfer.sha256") or wanted
    if not found.startswith(asked):
        raise DataError(
            str(path),
            f"must have the sha256 {asked}{'' if len(asked) == 64 else '...'}",
            found=found,
            cause="other weights under the same name, or a damaged download",
            do=["remove the file and fetch it again"]
            + (["--set transfer.sha256=null   # in a new run"] if draft.get("transfer.sha256") else []),
        )
    weights = Pretrained(name, path, found, read_tensors(path))
    key, digest = draft.typed(KEY), "transfer.sha256"
    kept = {
        KEY: Given(_lasting(draft.get(KEY), given or path), draft.values[KEY].origin, key),
        digest: Given(found, f"found in {name}", digest),
    }
    return replace(draft, values={**draft.values, **kept}), weights


def _lasting(text: str, path: Path) -> str:
    """Names and URLs as they are; paths so that they hold in any working folder."""
    return text if text in PUBLISHED or text.startswith("http") else str(path.resolve())
