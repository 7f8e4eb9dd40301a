"""Every transform by name."""

from __future__ import annotations

from learnloop.transforms.calendar import Calendar
from learnloop.transforms.categories import Boolean, Categories
from learnloop.transforms.impute import Impute
from learnloop.transforms.quantile import Quantile
from learnloop.transforms.robust import Robust
from learnloop.transforms.standardise import Identity, Standardise
from learnloop.transforms.targets import TARGETS

NUMBERS = {"standard": Standardise, "quantile": Quantile, "robust": Robust, "none": Identity}
"""What `InputEncoder(numbers=...)` may be."""

TRANSFORMS = {
    **NUMBERS,
    "impute": Impute,
    "categories": Categories,
    "boolean": Boolean,
    "calendar": Calendar,
}

__all__ = ["NUMBERS", "TARGETS", "TRANSFORMS"]
