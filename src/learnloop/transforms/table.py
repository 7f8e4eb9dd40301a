"""Every transform by name."""

from __future__ import annotations

from learnloop.transforms.calendar import Calendar
from learnloop.transforms.categories import Boolean, Categories
from learnloop.transforms.impute import Impute
from learnloop.transforms.quantile import Quantile
from learnloop.transforms.robust import Robust
from learnloop.transforms.standardise import Identity, Standardise
from learnloop.transforms.steps import StepsTarget
from learnloop.transforms.targets import ClassTarget, LabelsTarget, NumberTarget
from learnloop.transforms.textual import TextTarget, TranscriptTarget

NUMBERS = {"standard": Standardise, "quantile": Quantile, "robust": Robust, "none": Identity}
"""What `InputEncoder(numbers=...)` may be."""

TARGETS: dict[
    str,
    type[ClassTarget]
    | type[LabelsTarget]
    | type[NumberTarget]
    | type[TextTarget]
    | type[TranscriptTarget]
    | type[StepsTarget],
] = {
    "class": ClassTarget,
    "labels": LabelsTarget,
    "numbers": NumberTarget,
    "text": TextTarget,
    "transcript": TranscriptTarget,
    "steps": StepsTarget,
}
"""What a task may be asked for. Each can be made without arguments, and is then fitted or given its state."""

TRANSFORMS = {
    **NUMBERS,
    "impute": Impute,
    "categories": Categories,
    "boolean": Boolean,
    "calendar": Calendar,
}
