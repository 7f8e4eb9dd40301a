"""From a draft and the data to a complete recipe: what is missing is filled in, each value with its origin.

Two stages, because the input spec depends on how numbers are scaled, which depends on the model:
`choose.choose` (task, model, loss, number transform) needs the dataset only, `resolve` the fitted spec too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.dataset import Dataset
from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.models.config import ModelConfig
from learnloop.models.transfer import TransferConfig
from learnloop.optim.plan import PlanConfig
from learnloop.recipe.choose import Choice, choose
from learnloop.recipe.components import plain_fields
from learnloop.recipe.draft import Draft
from learnloop.recipe.fill import Filler
from learnloop.recipe.recipe import (
    INPUTS,
    ORDER,
    DataSection,
    ReportSection,
    TaskSection,
    TrainSection,
    WatchSection,
)
from learnloop.recipe.transferring import decided, transfer_advice, transfer_mode


@dataclass(frozen=True)
class Resolved:
    """A complete recipe.

    loss     None where a function was handed over (`objects["loss"]`)
    names    of the components: "model", "optimiser", "schedule", "loss"
    origins  of each value, by dotted key
    inputs   how the inputs were encoded, by section: "text" where there are texts
    """

    data: DataSection
    task: TaskSection
    loss: Config | None
    model: ModelConfig
    transfer: TransferConfig
    augment: AugmentConfig
    optimiser: Config
    schedule: Config
    train: TrainSection
    plan: PlanConfig
    watch: WatchSection
    report: ReportSection
    seed: int
    out: str | None
    names: Mapping[str, str]
    choice: Choice
    origins: Mapping[str, str]
    objects: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    inputs: Mapping[str, Config] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values by section, as in recipe.yaml. `out` is left out: it is where, not what."""
        values: dict[str, Any] = {}
        for section in ORDER:
            if section in INPUTS and section not in self.inputs:
                continue
            config = self.inputs[section] if section in INPUTS else getattr(self, section)
            named = {"name": self.names[section]} if section in self.names else {}
            values[section] = {**named, **(plain_fields(config) if isinstance(config, Config) else {})}
        if self.loss is not None:
            fixed = values["task"]
            values["task"] = {**fixed, **{k: v for k, v in plain_fields(self.loss).items() if k not in fixed}}
        values["seed"] = self.seed
        return values


def resolve(
    draft: Draft,
    dataset: Dataset,
    spec: InputSpec,
    outputs: int,
    rows: int,
    *,
    choice: Choice | None = None,
    inputs: Mapping[str, Config] | None = None,
) -> Resolved:
    """The complete recipe.

    spec     of the input transform that was fitted with `choice.numbers`
    outputs  of the network
    rows     of the training part
    inputs   the sections that encoders were made with, as they were filled in while they were fitted
    Raises RecipeError or ManyErrors where values do not fit the component that was chosen.
    """
    choice = choose(draft, dataset) if choice is None else choice
    brings = bool(getattr(choice.config, "brings_weights", False))
    mode = transfer_mode(draft, choice.model, choice.kind, choice.config.rule, brings=brings)
    advice = choice.config.suggest(rows, spec, outputs, draft.minutes)
    # Rates for pictures suit no reader of texts; and a model knows best what suits the weights that it brings.
    own = mode == "none" or (mode != "features" and (brings or choice.kind == "text"))
    by = f"suggested by {choice.model}" if own else f"suggested for transfer.mode={mode}"
    fill = Filler(draft, choice, advice if own else transfer_advice(advice, mode, rows, draft.minutes), by)
    fill.limit()
    errors: list[UserError] = []
    parts: dict[str, Any] = {"mode": mode}
    steps = {
        "model": fill.model,
        "augment": lambda: fill.augment(dataset, spec, rows),
        "optimiser": lambda: fill.component("optimiser"),
        "schedule": lambda: fill.component("schedule"),
        "loss": fill.loss,
        "monitor": fill.monitor,
    }
    for name, step in steps.items():
        try:
            parts[name] = step()
        except UserError as error:
            errors.append(error)
    raise_all(errors)
    parts["inputs"] = {name: fill.encoded(name, config) for name, config in (inputs or {}).items()}
    return _assemble(draft, dataset, choice, fill, parts)


def _assemble(draft: Draft, dataset: Dataset, choice: Choice, fill: Filler, parts: Mapping[str, Any]) -> Resolved:
    (optimiser_name, optimiser), (schedule_name, schedule) = parts["optimiser"], parts["schedule"]
    root, augment = fill.root(), parts["augment"]
    return Resolved(
        data=cast(DataSection, fill.section("data", _data(draft, dataset, choice, fill))),
        task=cast(TaskSection, fill.section("task", {"name": choice.task, "loss": choice.loss})),
        loss=parts["loss"],
        model=parts["model"],
        transfer=cast(TransferConfig, fill.section("transfer", decided(draft, parts["mode"], fill.origins))),
        augment=augment.config,
        optimiser=optimiser,
        schedule=schedule,
        train=cast(TrainSection, fill.section("train", {"monitor": parts["monitor"]})),
        plan=cast(PlanConfig, fill.section("plan", {})),
        watch=cast(WatchSection, fill.section("watch", {})),
        report=cast(ReportSection, fill.section("report", {})),
        seed=root.seed,
        out=root.out,
        names={
            "model": choice.model,
            "optimiser": optimiser_name,
            "schedule": schedule_name,
            "loss": choice.loss,
        },
        choice=choice,
        origins={**fill.origins, **choice.origins, **augment.origins},
        objects=draft.objects,
        notes=(*draft.notes, *augment.notes),
        inputs=parts["inputs"],
    )


def _data(draft: Draft, dataset: Dataset, choice: Choice, fill: Filler) -> dict[str, Any]:
    """What was decided of the data: the scaling, the target that was found, a path that holds anywhere."""
    decided: dict[str, Any] = {"numbers": choice.numbers}
    if draft.get("data.target") is None:
        decided["target"] = tuple(item.name for item in dataset.schema.targets)
        fill.origins["data.target"] = f"inferred: {dataset.schema.targets[0].why}".rstrip(": ")
    path = draft.get("data.path")
    if "data" in draft.objects:
        decided["path"] = None
        fill.origins["data.path"] = "argument: an object in memory"
    elif path is not None and Path(path).exists():
        decided["path"] = str(Path(path).resolve())
    return decided


def need_data(draft: Draft) -> None:
    """Raises RecipeError where the recipe names no data and none was handed over."""
    if "data" in draft.objects or draft.get("data.path") is not None:
        return
    raise RecipeError(
        draft.typed("data.path") if "data.path" in draft.values else "DATA",
        "must name the data: a file, a folder or a catalog name",
        found="null" if "data.path" in draft.values else "nothing",
        cause="the run was fitted on an object in memory" if "data.path" in draft.values else "",
        do=["learnloop fit data.csv --target y", "learnloop data"],
    )
