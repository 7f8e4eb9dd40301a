"""A network that starts from weights trained elsewhere: load them, freeze what is frozen, say what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from learnloop.contracts import X
from learnloop.errors import RecipeError
from learnloop.models.pretrained import IMAGENET_MEAN, IMAGENET_STD, Loaded, load_into, set_pixels
from learnloop.models.transfer import freeze, shares
from learnloop.nn.frozen import Freezing
from learnloop.nn.stages import parts_of
from learnloop.optim.light import LightStepper
from learnloop.optim.stepper import Stepper
from learnloop.verbs.features import answers_with, features
from learnloop.verbs.prepare import Prepared
from learnloop.verbs.pretrained import WHERE


@dataclass(frozen=True)
class Transfer:
    """What is trained, and on what.

    net       the whole network, or its head alone where features are computed once
    prepared  with the tensors that `net` takes
    freezing  None where nothing is frozen in the loop
    notes     sentences to say once.   facts: for report.json
    """

    net: nn.Module
    prepared: Prepared
    freezing: Freezing | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def load_weights(prepared: Prepared, net: nn.Module) -> Loaded | None:
    """Copy the recipe's weights into `net`, and the mean and std of pixels that belong to them; None without any.

    Raises ModelError for weights of another architecture.
    """
    weights, config = prepared.pretrained, prepared.recipe.transfer
    loaded = None
    if weights is not None:
        own = tuple(str(name) for name in prepared.dataset.schema.targets[0].categories)
        same = weights.classes is None or weights.classes == own
        loaded = load_into(net, weights, where=WHERE, same_classes=same and prepared.target_kind == "class")
    if prepared.spec.kind != "image":
        return loaded
    imagenet = config.pixels == "imagenet" or (config.pixels == "auto" and weights is not None and weights.imagenet)
    if imagenet and prepared.spec.shape[0] == len(IMAGENET_MEAN):
        set_pixels(net, IMAGENET_MEAN, IMAGENET_STD)
    elif config.pixels == "data":
        set_pixels(net, prepared.spec.mean, prepared.spec.std)
    return loaded


def transfer(prepared: Prepared, net: nn.Module, loaded: Loaded | None, folder: Path) -> Transfer:
    """Freeze stages of `net`, or train its head on features that are computed once. `folder`: of the run."""
    config = prepared.recipe.transfer
    if not config.on:
        return Transfer(net, prepared)
    parts = parts_of(net)
    plan = shares(config, parts)
    freezing = freeze(net, config, parts)
    notes = [_head_sentence(prepared, loaded)] if loaded is not None else []
    trained, seen = net, prepared
    once = (
        config.mode == "features"
        and prepared.spec.kind == "image"
        and not prepared.recipe.augment.on
        and answers_with(net, parts.head, [prepared.tensors["train"][X]])
    )
    if once:
        trained, seen = parts.head, replace(prepared, tensors=features(prepared, net, parts.head, folder))
        notes.append(
            f"features: computed once for all rows, whose images are not augmented; only the head {parts.name} is "
            "trained, on them (--set augment=light computes them anew for every batch)"
        )
    elif config.mode == "features":
        why = "the network does more after its head"
        if prepared.spec.kind != "image":
            why = "those of texts are not kept"
        elif prepared.recipe.augment.on:
            why = "images are augmented"
        notes.append(f"features: computed anew for every batch, because {why}")
    facts = {
        "mode": config.mode,
        "weights": None if prepared.pretrained is None else prepared.pretrained.name,
        "sha256": None if prepared.pretrained is None else prepared.pretrained.sha256,
        "head": parts.name,
        "new_head": loaded is None or loaded.new_head,
        "rates": {name: round(factor, 9) for name, factor in plan.factors.items()},
        "frozen": list(plan.frozen),
        "computed_once": once,
        "trained": sum(p.numel() for p in net.parameters() if p.requires_grad),
    }
    return Transfer(trained, seen, None if once else freezing, tuple(notes), facts)


def need_rates(moved: Transfer, stepper: Stepper) -> None:
    """Refuse an optimiser of somebody else's where stages learn at rates of their own. Raises RecipeError."""
    own = set(moved.facts.get("rates", {}).values()) - {1.0}
    if own and not isinstance(stepper, LightStepper):
        raise RecipeError(
            "optimiser.name",
            "must be one of ours where stages of the base learn at rates of their own",
            found=f"a {type(stepper).__name__}, which has one rate for all",
            do=["--set optimiser=adamw", "--set transfer.base_lr=1 --set transfer.decay=1"],
        )


def _head_sentence(prepared: Prepared, loaded: Loaded) -> str:
    assert prepared.pretrained is not None
    begun = f"weights: {loaded.tensors} tensors of {prepared.pretrained.name}"
    begun += f", all but its {', '.join(prepared.pretrained.left)}" if prepared.pretrained.left else ""
    if loaded.fresh:
        return f"{begun}; new are the head {loaded.head} and {', '.join(loaded.fresh)}"
    if not loaded.new_head:
        return f"{begun}; the head {loaded.head} is kept: it has the same outputs"
    if loaded.outputs_before is None:
        return f"{begun}; the head {loaded.head} is new"
    before, now = loaded.outputs_before, prepared.outputs
    what = f"{now} outputs instead of {before}" if before != now else f"its {now} outputs are other classes"
    return f"{begun}; the head {loaded.head} is new: {what}"
