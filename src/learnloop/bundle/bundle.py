"""`Bundle`: what is served. A folder with the schema, the fitted transforms, the network and its own exam."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from learnloop.bundle import card, probe
from learnloop.bundle.about import About
from learnloop.bundle.answers import OUTLIER_SCORE, as_frame, as_records
from learnloop.bundle.features import features_seen
from learnloop.bundle.outliers import Outliers
from learnloop.bundle.stored import OUTLIERS, read_about, read_into, read_outliers, rebuild
from learnloop.contracts import Batch, X
from learnloop.data.buckets import in_batches, row_lengths
from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.errors import ModelError
from learnloop.models.own import adapt
from learnloop.nn.views import VIEWS, View, Views, seen
from learnloop.optim.plan import PLAIN, lay_out_filters
from learnloop.runs.atomic import whole_folder, write_bytes, write_json, write_text
from learnloop.runs.pack import pack
from learnloop.tasks.classify import PROBABILITIES
from learnloop.tasks.regress import VALUES
from learnloop.tasks.table import answer_key, make_perceptron, make_task
from learnloop.tasks.transcribe import Transcribe, beam_of
from learnloop.tasks.translate import TEXTS, Translate, decoding_of
from learnloop.transforms.inputs import InputEncoder

_CELLS_A_BATCH = 4_000_000
"""Numbers in one batch of predictions: bounded memory for wide tables."""
_PIXELS_A_BATCH, _FEWEST_PICTURES = 400_000, 16
"""Numbers in one batch of pictures: about what stays in a processor's cache between two layers, 128 of 32x32x3."""


_ROWS_A_BATCH = 512
"""The most pictures, texts or series in one batch."""
_ROWS_SORTED, _STEPS_A_BATCH = 4096, 1 << 16
"""Texts and series that are read and sorted by length at a time, and the most of their steps in one batch."""
_ROWS_WRITTEN = 128
"""Texts that are written at a time, each with several beginnings and every token of a vocabulary to choose from."""


def _no_loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    raise ModelError("bundle", "only predicts", found="a training step was asked of it")


def _as_wide(parts: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Answers at every step [rows, time, targets], each batch cut to its longest row: NaN behind the shorter ones."""
    if parts[0].ndim != 3:
        return parts
    longest = max(part.shape[1] for part in parts)
    return [np.pad(part, ((0, 0), (0, longest - part.shape[1]), (0, 0)), constant_values=np.nan) for part in parts]


def _in_order(parts: Sequence[np.ndarray], places: Sequence[np.ndarray]) -> np.ndarray:
    """What was answered batch by batch as rows in their own order. places: which rows each batch held."""
    joined, rows = np.concatenate(_as_wide(parts)), np.concatenate(places)
    ordered = np.empty_like(joined)
    ordered[rows] = joined
    return ordered


class Bundle:
    """`predict(rows) -> DataFrame` in the user's own terms: the one path for evaluation, command line and service."""

    def __init__(
        self, about: About, encoder: InputEncoder, target: Any, net: nn.Module, outliers: Outliers | None = None
    ) -> None:
        self.about = about
        self.encoder = encoder
        self.target = target
        self.net = net.eval()
        if about.spec.kind == "image":
            lay_out_filters(net, last=True)  # a third faster on a CPU, and nothing changes but rounding
        self.outliers = outliers
        self._dtype = next((p.dtype for p in net.parameters()), torch.float32)
        keys = about.spec.keys
        rule = getattr(net, "rule", "gradient")
        self.task = (
            make_perceptron(net, keys, lr=1.0)
            if rule == "perceptron"
            else make_task(about.target, net, keys, _no_loss, plan=PLAIN)
        )
        if isinstance(self.task, Translate):
            self.task.decoding = decoding_of(about.decode, target.longest)
        if isinstance(self.task, Transcribe):
            self.task.width = beam_of(about.decode)

    def __repr__(self) -> str:
        model = self.about.model["config"].get("class") or self.about.model["name"]
        names = [field.name for field in self.about.schema.inputs]
        inputs = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
        return f"Bundle({self.about.task} {', '.join(self.target_names)} with {model} from {inputs})"

    # --- predicting ---------------------------------------------------------------------------------------------

    @property
    def classes(self) -> list[Any]:
        """The classes in the user's type, in the order of the probabilities (class targets); else the target names."""
        return list(self.target.values()) if self.about.target == "class" else self.target_names

    @property
    def target_names(self) -> list[str]:
        return [f.name for f in self.about.schema.targets]

    def predict(self, rows: object) -> pd.DataFrame:
        """Predictions for new rows (a DataFrame, a list of dicts, arrays, a file), one row each, in the order given.

        classify: `prediction`, `probability` (of the prediction), `probability_<class>`; several labels: one 0/1 column
        `<label>` and `probability_<label>` each. regress: `prediction`, or `prediction_<target>` for several.
        translate, transcribe: `prediction`, a text. Of pictures, where the bundle knows what the training pictures were
        like: `outlier` (this one is unlike them) and `outlier_score`. Raises SchemaError when columns are missing or
        cannot be read.
        """
        return self.frame(self.answers(conform(rows, self.about.schema)))

    def records(self, rows: object) -> list[dict[str, Any]]:
        """The same as a list of JSON-able dicts, one a row: what the command line and the service answer."""
        return as_records(self.answers(conform(rows, self.about.schema)), self.about.target, self.classes)

    def outputs(
        self, data: Dataset, views: Views = "none", *, plain: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """`probabilities` [rows, classes], `values` [rows, targets] in the user's units, or `texts` [rows].

        views  of pictures, the mean over several views of each (nn/views.py). Raises ModelError for a table.
        plain  the probabilities of the pictures as they are, where they are known: then the first view costs nothing
        """
        chains = self._chains(views)
        if plain is None or len(chains) == 1:
            return self._run(data, chains, None)
        others = self._run(data, chains[1:], None)[PROBABILITIES]
        return {PROBABILITIES: plain + (others - plain) * np.float32(1 - 1 / len(chains))}

    def answers(self, data: Dataset, views: Views = "none") -> dict[str, np.ndarray]:
        """The outputs, and `outlier_score` [rows] where the bundle can tell."""
        return self._run(data, self._chains(views), self.outliers)

    def features(self, data: Dataset) -> np.ndarray | None:
        """Inputs of the network's last linear layer [rows, width]; None where no such layer gets one row a picture."""
        parts, places = [], []
        with torch.inference_mode(), features_seen(self.net) as met:
            for rows, batch in self._batches(data):
                met.clear()
                self.task.predict(batch)
                if not met or len(met[-1]) != len(rows):
                    return None
                parts.append(met[-1].cpu().numpy())
                places.append(rows)
        return _in_order(parts, places) if parts else None

    def _run(
        self, data: Dataset, chains: tuple[tuple[View, ...], ...], outliers: Outliers | None
    ) -> dict[str, np.ndarray]:
        name = answer_key(self.about.target)
        parts, places, strange = [], [], []
        watched = nn.Module() if outliers is None else self.net  # of an empty module nothing is seen
        with torch.inference_mode(), features_seen(watched) as met:
            for rows, batch in self._batches(data):
                met.clear()
                answer = self._averaged(batch, chains, name)
                parts.append(self.target.invert(answer) if name == TEXTS else answer)
                places.append(rows)
                if outliers is not None:
                    strange.append(outliers.score(met[0].cpu().numpy()))  # of the picture itself, the first view
        none = np.zeros(0, object) if name == TEXTS else np.zeros((0, len(self.classes)), np.float32)
        joined = _in_order(parts, places) if parts else none
        found = {name: self.target.invert(joined) if name == VALUES else joined}
        if outliers is not None:
            found[OUTLIER_SCORE] = _in_order(strange, places) if strange else np.zeros(0)
        return found

    def _chains(self, views: Views) -> tuple[tuple[View, ...], ...]:
        if views not in VIEWS:
            raise ModelError("views", "must be a known set of views", found=repr(views), available=list(VIEWS))
        if views != "none" and self.about.spec.kind != "image":
            raise ModelError(
                "views", "are for pictures", found=f"a model of {self._kind()}, and views={views}", do="leave it out"
            )
        return VIEWS[views]

    def _averaged(self, batch: Batch, chains: tuple[tuple[View, ...], ...], name: str) -> np.ndarray:
        """The mean of the answers over the views [rows, ...]; of one view the answer itself, bit for bit."""
        if self.about.spec.kind != "image":
            return self.task.predict(batch)[name].cpu().numpy()  # type: ignore[no-any-return]
        answers = [self.task.predict({**batch, X: seen(batch[X], chain)})[name] for chain in chains]
        mean: np.ndarray = (answers[0] if len(answers) == 1 else torch.stack(answers).mean(0)).cpu().numpy()
        return mean

    def frame(self, outputs: Mapping[str, np.ndarray]) -> pd.DataFrame:
        """The outputs as the table that `predict` returns."""
        return as_frame(outputs, self.about.target, self.classes)

    def _kind(self) -> str:
        kind = self.about.spec.kind
        return {"table": "a table", "series": "series"}.get(kind, f"{kind}s")

    def _batches(self, data: Dataset) -> Iterator[tuple[np.ndarray, Batch]]:
        """(which rows, their encoded batch), of bounded size: prediction is row by row, so that neither the cut nor
        the order makes a difference. Texts and series are sorted by length, a few thousand at a time."""
        spec = self.about.spec
        ragged = spec.kind in ("text", "series")
        size = _ROWS_SORTED if ragged else self._rows_a_batch()
        for start in range(0, len(data), size):
            rows = np.arange(start, min(start + size, len(data)))
            arrays = self.encoder.apply(data.take(rows))
            batch = {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in arrays.items()}
            batch = {key: v.to(self._dtype) if v.is_floating_point() else v for key, v in batch.items()}
            if not ragged:
                yield rows, batch
                continue
            lengths = row_lengths(spec, batch)
            widest = batch[spec.keys[0]].shape[1]
            most = min(_ROWS_A_BATCH, _STEPS_A_BATCH if lengths else max(1, _STEPS_A_BATCH // widest))
            if self.about.target == "text":
                most = min(most, _ROWS_WRITTEN)
            for places, some in in_batches(batch, most, lengths, _STEPS_A_BATCH):
                yield rows[places.numpy()], some

    def _rows_a_batch(self) -> int:
        spec = self.about.spec
        if spec.kind == "image":
            return max(_FEWEST_PICTURES, min(_ROWS_A_BATCH, _PIXELS_A_BATCH // int(np.prod(spec.shape))))
        return max(1, min(4096, _CELLS_A_BATCH // max(1, spec.numbers + len(spec.cardinalities))))

    # --- saving and loading -------------------------------------------------------------------------------------

    def save(self, path: Path, probe_rows: Dataset) -> None:
        """Write the folder as a whole or not at all. `probe_rows`: a few real rows for the exam."""
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.net.state_dict().items()}
        state = {"encoder": self.encoder.state_dict(), "target": self.target.state_dict()}
        exam = probe.make(probe_rows, self.outputs(probe_rows))
        with whole_folder(path) as fresh:
            write_json(fresh / "bundle.json", self.about.to_json())
            write_bytes(fresh / "model.safetensors", save_safetensors(weights, metadata={"format": "pt"}))
            write_bytes(fresh / "transforms.safetensors", pack(state))
            write_json(fresh / "probe.json", exam)
            write_text(fresh / "README.md", card.text(self.about))
            if self.outliers is not None:
                write_bytes(fresh / OUTLIERS, pack(self.outliers.state_dict()))

    @classmethod
    def load(cls, path: str | os.PathLike[str], net: nn.Module | None = None) -> Bundle:
        """Read a bundle and make it pass its own exam.

        net: the module, when the bundle was made from one that was handed over as an object.
        Raises RunError when files are missing or damaged, of a newer format, or when the exam fails.
        """
        path = Path(path)
        about = read_about(path)
        net = rebuild(path, about) if net is None else adapt(net, about.spec, about.outputs, type(net).__name__)
        encoder, target = read_into(net, path, about.target)
        bundle = cls(about, encoder, target, net, read_outliers(path))
        probe.check(path, bundle.outputs, about.schema)
        return bundle
