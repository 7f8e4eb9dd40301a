"""`SOLE`: encoders of one field that is all that the network sees, by the field's kind. A new kind is one more line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from learnloop.contracts import InputSpec, State
from learnloop.data.audio import rate_of
from learnloop.data.schema import Field
from learnloop.transforms.audio import AudioEncoder
from learnloop.transforms.images import ImageEncoder
from learnloop.transforms.series import SeriesEncoder
from learnloop.transforms.texts import TextEncoder


class SoleEncoder(Protocol):
    """Fitted on the training part. `apply` gives batch keys -> arrays [rows, ...], those that `spec.keys` name.

    notes  sentences to show once, set anew by `fit` and by `apply`
    """

    name: str
    notes: tuple[str, ...]

    @property
    def spec(self) -> InputSpec: ...

    def fit(self, values: Any) -> None:
        """values: the column as `Dataset.column` gives it."""
        ...

    def apply(self, values: Any) -> dict[str, np.ndarray]: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


SOLE: dict[str, Callable[[str], SoleEncoder]] = {
    "image": ImageEncoder,
    "text": TextEncoder,
    "series": SeriesEncoder,
    "audio": AudioEncoder,
}
"""Each can be made from the field's name alone, and is then given its state."""

_MAKERS: dict[str, Callable[[Field, Mapping[str, Any]], SoleEncoder]] = {
    "image": lambda field, settings: ImageEncoder(field.name, settings.get("image_size")),
    "text": lambda field, settings: TextEncoder(field.name, settings.get("text")),
    "series": lambda field, settings: SeriesEncoder(field.name),
    "audio": lambda field, settings: AudioEncoder(field.name, rate_of(field), settings.get("audio")),
}


def make_sole(field: Field, settings: Mapping[str, Any]) -> SoleEncoder:
    """The encoder of a field that is not fitted yet. settings: by section of the recipe, and `image_size`."""
    return _MAKERS[field.kind](field, settings)
