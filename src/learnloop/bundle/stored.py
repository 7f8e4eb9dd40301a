"""The files of a bundle read back; damage is said with the name of the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from learnloop.bundle.about import FORMAT, About
from learnloop.bundle.outliers import Outliers
from learnloop.errors import ModelError, RunError
from learnloop.models.every_step import build_network
from learnloop.models.table import find_model
from learnloop.runs.pack import unpack
from learnloop.tasks.table import TargetKind
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.table import TARGETS

T = TypeVar("T")

OUTLIERS = "outliers.safetensors"
_OTHERS = {
    "language": (
        "one that continues texts",
        "generate {run}",
        "LanguageBundle.load(path)   # learnloop.bundle.language",
    ),
    "forecast": (
        "one that forecasts series",
        "predict {run} --horizon 14",
        "ForecastBundle.load(path)   # learnloop.bundle.forecast",
    ),
    "generative": (
        "one that makes data",
        "generate {run} --count 64",
        "GenerativeBundle.load(path)   # learnloop.bundle.generative",
    ),
}
"""Kinds of bundles that answer no rows: what they are, the command and the code that opens them."""


def read_about(path: Path) -> About:
    """bundle.json. Raises RunError: none there, of a newer format, damaged."""
    try:
        data = json.loads((path / "bundle.json").read_text(encoding="utf-8"))
        if data["format"] > FORMAT:
            raise RunError(
                str(path),
                f"must be of bundle format {FORMAT} or older",
                found=f"format {data['format']}",
                cause="it was made by a newer learnloop",
                do="pip install --upgrade learnloop",
            )
        if data.get("kind") in _OTHERS:
            found, command, load = _OTHERS[data["kind"]]
            raise RunError(
                str(path),
                "must be a bundle that answers rows",
                found=found,
                do=(f"learnloop {command.format(run=path.parent)}", load),
            )
        return About.from_json(data)
    except FileNotFoundError:
        raise no_bundle(path) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"bundle.json: {error}") from error


def read_kind(path: Path, kind: str, does: str, instead: str, parse: Callable[[Mapping[str, Any]], T]) -> T:
    """What `parse` makes of the bundle.json of a bundle of another kind than those that answer rows.

    does     what bundles of this kind do: "continues texts".   instead: the command for bundles of other kinds
    Raises RunError: none there, of a newer format, of another kind, damaged.
    """
    try:
        data = json.loads((path / "bundle.json").read_text(encoding="utf-8"))
        newer = data["format"] > FORMAT
        if not newer and data.get("kind") == kind:
            return parse(data)
    except FileNotFoundError:
        raise no_bundle(path) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"bundle.json: {type(error).__name__} {error}") from error
    raise RunError(
        str(path),
        f"must be of bundle format {FORMAT} or older" if newer else f"must be a bundle that {does}",
        found=f"format {data['format']}" if newer else f"a model for the task {data.get('task')}",
        do="pip install --upgrade learnloop" if newer else instead,
    )


def no_bundle(path: Path) -> RunError:
    return RunError(
        str(path),
        "must be a bundle folder (bundle.json, model.safetensors, ...)",
        found="there is no bundle.json",
        cause="the run was interrupted before its bundle was written",
        do=f"learnloop fit --resume {path.parent}",
    )


def rebuild(path: Path, about: About) -> nn.Module:
    """The untrained network that the bundle describes. The random streams are left as they were."""
    name = about.model["name"]
    if name == "own":
        raise ModelError(
            str(path),
            "was made from a module that was handed over as an object; it needs that module again",
            found=f"a {about.model['config'].get('class', 'module')} that no import path leads to",
            do="learnloop.Bundle.load(path, net=YourModule(...))",
        )
    state = torch.get_rng_state()
    try:
        config = find_model(name).model_validate(about.model["config"])
        return build_network(config, about.spec, about.outputs, about.target)
    finally:
        torch.set_rng_state(state)


def read_into(net: nn.Module, path: Path, target: TargetKind) -> tuple[InputEncoder, Any]:
    """The weights go into `net`; the fitted encoder and target. Raises RunError, or ModelError for other weights."""
    try:
        net.load_state_dict(_weights(path / "model.safetensors"))
        state = unpack(str(path / "transforms.safetensors"))
    except (OSError, ValueError, SafetensorError) as error:
        raise damaged(path, str(error)) from error
    except RuntimeError as error:
        raise ModelError(
            str(path), "must hold the weights of this module", found=str(error).splitlines()[-1].strip()
        ) from error
    try:
        fitted = TARGETS[target]()
        fitted.load_state_dict(state["target"])
        return InputEncoder.from_state(state["encoder"]), fitted
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found = f"transforms.safetensors: {type(error).__name__} {error}"
        raise damaged(path, found, "it was made by another version, or a file was changed by hand") from error


def _weights(path: Path) -> dict[str, Tensor]:
    """Raises OSError, or ValueError that names the file."""
    data = path.read_bytes()
    try:
        return load_safetensors(data)
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error


def read_outliers(path: Path) -> Outliers | None:
    """None for bundles that do not know: of tables, of few pictures, of older versions."""
    if not (path / OUTLIERS).exists():
        return None
    try:
        return Outliers.from_state(unpack(str(path / OUTLIERS)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"{OUTLIERS}: {error}") from error


def damaged(path: Path, found: str, cause: str = "the copy is incomplete, or a file was changed by hand") -> RunError:
    return RunError(
        str(path),
        "must be an intact bundle",
        found=found,
        cause=cause,
        do=f"learnloop fit --resume {path.parent}",
    )
