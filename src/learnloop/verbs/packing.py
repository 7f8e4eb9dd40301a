"""From a trained (or not yet trained) network to the bundle that serves it."""

from __future__ import annotations

from typing import Any

from torch import nn

from learnloop.bundle.about import About
from learnloop.bundle.bundle import Bundle
from learnloop.verbs.prepare import Prepared


def bundle_of(prepared: Prepared, net: nn.Module) -> Bundle:
    """The bundle of `net`, which is moved to the CPU in place."""
    about = About(
        task=prepared.choice.task,
        target=prepared.target_kind,
        model=_model_of(prepared),
        spec=prepared.spec,
        outputs=prepared.outputs,
        schema=prepared.dataset.schema,
        decode=_decode(prepared),
    )
    return Bundle(about, prepared.encoder, prepared.target, net.to("cpu"))


def _decode(prepared: Prepared) -> dict[str, Any]:
    section = prepared.recipe.inputs.get("decode")
    return {} if section is None else section.model_dump(mode="json")


def _model_of(prepared: Prepared) -> dict[str, Any]:
    name = prepared.choice.model
    config = prepared.recipe.model.model_dump(mode="json")
    if "model" in prepared.recipe.objects or name == "object":
        return {"name": "own", "config": {"class": config.get("path", "")}}
    return {"name": name, "config": config}
