"""The section `transfer`: what it means for this data and model, and settings that suit weights trained elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.models.transfer import BASE_LR, DECAY, Mode
from learnloop.recipe.draft import Draft
from learnloop.recipe.recipe import OBJECT

_REPLACED = ("model", "optimiser", "schedule", "train")
"""Sections in which a model's advice is about training from scratch."""
_KINDS = {"table": "a table", "pairs": "texts that become texts"}


def transfer_mode(draft: Draft, model: str, kind: str, rule: str, *, brings: bool = False) -> Mode:
    """What the run does with a trained base. Raises RecipeError for what does not go together, all at once.

    model   the name that was chosen.   kind: of the inputs.   rule: how the model learns
    brings  whether the model comes with weights of its own
    """
    asked, weights = draft.get("transfer.mode", "auto"), draft.get("transfer.weights")
    mode: Mode = ("none" if weights is None else "finetune") if asked == "auto" else asked
    raise_all(list(_mistakes(draft, mode, weights, model, kind, rule, brings)))
    return mode


def _mistakes(
    draft: Draft, mode: Mode, weights: str | None, model: str, kind: str, rule: str, brings: bool
) -> list[UserError]:
    errors: list[UserError] = []
    typed = draft.typed("transfer.mode")
    if mode == "none":
        if weights is not None:
            errors.append(RecipeError(typed, "must not be none where weights are given", found=f"{weights!r}"))
        return errors
    if kind not in ("image", "text") or rule != "gradient":
        where = draft.typed("transfer.weights" if weights is not None else "transfer.mode")
        found = _KINDS.get(kind, kind) if rule == "gradient" else f"the model {model!r}, which has one layer"
        errors.append(RecipeError(where, "is for networks on images or texts", found=found, do="leave it out"))
    if weights is None and model != OBJECT and not brings:
        errors.append(
            RecipeError(
                typed,
                f"{mode} needs weights to start from",
                found="none: the network begins at random",
                do=("--set model.weights=imagenet", "--set model.weights=<a run, or a file of weights>"),
            )
        )
    if mode == "features" and (draft.get("transfer.stages") or draft.get("transfer.unfreeze") == "gradual"):
        key = "transfer.stages" if draft.get("transfer.stages") else "transfer.unfreeze"
        errors.append(
            RecipeError(
                draft.typed(key),
                "is for a base that learns; with transfer.mode=features it stays as it is",
                found=str(draft.get(key)),
                do="--set transfer.mode=finetune",
            )
        )
    return errors


def decided(draft: Draft, mode: Mode, origins: dict[str, str]) -> dict[str, Any]:
    """The values that follow from the mode, where nobody gave them; `origins` gets where they came from."""
    values: dict[str, Any] = {"mode": mode}
    if draft.get("transfer.mode", "auto") == "auto":
        origins["transfer.mode"] = "default" if mode == "none" else "inferred: there are weights to start from"
    if mode in ("finetune", "full"):
        for field, usual in (("base_lr", BASE_LR), ("decay", DECAY)):
            if draft.get(f"transfer.{field}") is None:
                values[field] = usual[mode]
                origins[f"transfer.{field}"] = f"usual for transfer.mode={mode}"
    return values


def transfer_advice(advice: Mapping[str, Any], mode: Mode, rows: int, minutes: float | None) -> dict[str, Any]:
    """A model's advice, with AdamW and gentle rates in place of what suits training from scratch.

    The sizes of its layers are those of the weights: advice that makes them others (a smaller dense layer for small
    images) is dropped. Where features are computed once, images stay as they are unless somebody asks for something
    else.
    """
    if mode == "none":
        return dict(advice)
    dropped = (*_REPLACED, "augment") if mode == "features" else _REPLACED
    values = {key: value for key, value in advice.items() if key.partition(".")[0] not in dropped}
    batch = min(32 if rows < 5000 else 64, max(rows, 1))
    values |= {
        "optimiser.name": "adamw",
        "optimiser.lr": 1e-3,
        "optimiser.weight_decay": 0.01,
        "schedule.name": "cosine",
        "schedule.warmup": 0.05,
        "train.batch_size": batch,
        **{key: advice[key] for key in ("train.clip",) if key in advice},
    }
    if minutes is None:
        values["train.epochs"] = _passes(rows, batch, mode)
    return values


def _passes(rows: int, batch: int, mode: Mode) -> int:
    """About 2,000 steps, 5 to 60 passes; a head alone 10 to 100."""
    least, most = (10, 100) if mode == "features" else (5, 60)
    return min(max(round(2000 * batch / max(rows, 1)), least), most)
