"""From pydantic's complaints to ours: one RecipeError for each unusable value, named as it was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from learnloop.config import Config
from learnloop.errors import RecipeError, did_you_mean, nearest
from learnloop.recipe.draft import Given

WORDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "dict": "a mapping {name: value}",
    "tuple": "a list",
    "list": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "mapping": "a mapping {name: value}",
}


def unknown(key: str, typed: str, names: Iterable[str], what: str, cause: str = "") -> RecipeError:
    """The error for a key that does not exist. `key` is compared with `names`, both as dotted keys.

    cause: what to say where no name is close.
    """
    names = list(names)
    section = key.partition(".")[0] + "."
    inside = "." in key and all(name.startswith(section) for name in names)
    cut = len(section) if inside else 0  # a shared section must not make field names look alike
    if "." in key and not inside:  # a field must not look like that of a section that is quite another
        sections = list(dict.fromkeys(name.partition(".")[0] for name in names if "." in name))
        names = [name for name in names if _alike(key, name)]
        if not names:
            return RecipeError(
                typed,
                f"must be {what}",
                found=repr(key),
                cause=cause,
                do="learnloop fit --set help   # every key",
                available=[f"{name}.*" for name in nearest(section[:-1], sections)],
            )
    close = did_you_mean(key[cut:], [name[cut:] for name in names])
    if close and inside:
        close = close.replace("'", f"'{section}", 1)
    sorted_names = nearest(key[cut:], [name[cut:] for name in names])
    return RecipeError(
        typed,
        f"must be {what}",
        found=repr(key),
        cause=f"a spelling mistake. {close}" if close else cause,
        available=[(section if inside else "") + name for name in sorted_names],
    )


def _alike(key: str, name: str) -> bool:
    """Whether two dotted keys have the same field, or sections that are spelt alike."""
    (section, _, field), (other, _, known) = key.partition("."), name.partition(".")
    return field == known or bool(did_you_mean(section, [other]))


def check_values(cls: type[Config], given: Mapping[str, Given]) -> list[RecipeError]:
    """One error for each value that its field does not accept. Unknown fields are not looked at."""
    return list(errors_by_field(cls, given).values())


def errors_by_field(cls: type[Config], given: Mapping[str, Given]) -> dict[str, RecipeError]:
    """field -> its error; "" -> the error of a rule over several fields."""
    known = {name: value for name, value in given.items() if name in cls.model_fields}
    errors = {
        name: _error(value, _expected_type(cls, name), cls.model_fields[name])
        for name, value in known.items()
        if isinstance(value.value, bool) and not _takes_bool(cls.model_fields[name])
    }
    plain = {name: value.value for name, value in known.items() if name not in errors}
    try:
        cls(**plain)
    except ValidationError as error:
        for name, (must, options) in _by_field(error).items():
            if name in known:
                errors[name] = _error(known[name], must, cls.model_fields[name], options)
            elif name == "" and known:
                errors[name] = _over_fields(known, must)
    return errors


def _over_fields(known: Mapping[str, Given], must: str) -> RecipeError:
    found = ", ".join(f"{name} = {given.value!r}" for name, given in known.items())
    return RecipeError(", ".join(given.typed for given in known.values()), must, found=found)


def _error(given: Given, must: str, info: FieldInfo, options: Iterable[str] = ()) -> RecipeError:
    options = list(options)
    value = given.value
    meaning = f" ({info.description})" if info.description else ""
    close = did_you_mean(value, options) if isinstance(value, str) else ""
    return RecipeError(
        given.typed,
        f"must be {must}{meaning}",
        found="null" if value is None else repr(value),
        cause=f"a spelling mistake. {close}" if close else "",
        available=nearest(str(value), options) if options else (),
    )


def _by_field(error: ValidationError) -> dict[str, tuple[str, list[str]]]:
    """field -> what must hold, and the words that are allowed. Branches of a union are joined by "or"."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for item in error.errors(include_url=False, include_context=True):
        name = str(item["loc"][0]) if item["loc"] else ""
        musts, options = found.setdefault(name, ([], []))
        must, words = _must(item["type"], dict(item.get("ctx", {})), item["msg"])
        if must not in musts:
            musts.append(must)
        options.extend(words)
    return {name: (" or ".join(musts), options) for name, (musts, options) in found.items()}


def _must(kind: str, context: Mapping[str, Any], message: str) -> tuple[str, list[str]]:
    if kind in ("literal_error", "enum"):
        words = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        return ("one of " + ", ".join(words) if len(words) > 1 else words[0]), words
    bounds = {
        "greater_than": ("greater than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind in bounds:
        words_of_bound, name = bounds[kind]
        return f"{words_of_bound} {context[name]:g}", []
    if kind == "finite_number":
        return "a finite number", []
    if kind == "int_from_float":
        return "a whole number", []
    if kind in ("too_short", "string_too_short"):
        return "not empty", []
    if kind == "value_error":
        return str(context.get("error", message)), []
    for prefix, words_of_type in WORDS.items():
        if kind.startswith(f"{prefix}_"):
            return words_of_type, []
    return message[0].lower() + message[1:], []


def _takes_bool(info: FieldInfo) -> bool:
    """YAML's `true` must not pass for the number 1."""
    return "bool" in str(info.annotation) or "Any" in str(info.annotation)


def _expected_type(cls: type[Config], name: str) -> str:
    """What the field wants, asked by giving it something that nothing accepts."""
    try:
        cls(**{name: object()})
    except ValidationError as error:
        return _by_field(error).get(name, ("another value", []))[0]
    return "another value"
