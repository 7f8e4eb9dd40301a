"""`GenerativeBundle`: a network that makes data of its own kind, as it is served."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from learnloop.bundle import generative_exam
from learnloop.bundle.arithmetic import terms_of
from learnloop.bundle.generative_about import GenerativeAbout, read_about, rebuild
from learnloop.bundle.generative_card import card
from learnloop.bundle.generative_labels import labels_of
from learnloop.bundle.noise import between, combined, noise_of, uniform_of
from learnloop.bundle.pictures import PICTURE, as_bytes, joined, picture_schema
from learnloop.bundle.stored import damaged
from learnloop.contracts import LENGTH, Batch, X, Y
from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.errors import DataError, ModelError
from learnloop.models.generative.config import Coder, Mapper, Sampler
from learnloop.runs.atomic import whole_folder, write_bytes, write_json, write_text
from learnloop.runs.pack import pack, unpack
from learnloop.transforms.decoded import decoded_rows
from learnloop.transforms.inputs import InputEncoder

Made = np.ndarray | pd.DataFrame
"""Pictures uint8 [n, channels, height, width]; rows of a table in the user's units and categories; series float
[n, time, features] in the user's units."""
_TOGETHER = 16
"""Samples that are computed together, always so many: a sample must not depend, by rounding, on how many were asked."""
_ROWS = 256


@dataclass(frozen=True)
class Coded:
    """codes [n, k]; decoded [n, ...], what the codes stand for, in the network's units; score [n], large
    where a row does not fit in; terms: each term of the loss [n]."""

    codes: np.ndarray
    decoded: np.ndarray
    score: np.ndarray
    terms: Mapping[str, np.ndarray]


class GenerativeBundle:
    """`codes`, `reconstruct`, `generate`, `interpolate`, `arithmetic`, `translate`: the one path for evaluation,
    report and command line. What a network cannot do is refused with a ModelError that says what it can.

    encoder  fitted on the training part
    means    of the codes of each class in the training part [classes, k], NaN for one without rows; None where there
             are no classes or no codes
    """

    def __init__(
        self, about: GenerativeAbout, encoder: InputEncoder, net: nn.Module, means: np.ndarray | None = None
    ) -> None:
        self.about = about
        self.encoder = encoder
        self.net = net.eval()
        self.means = means
        self.conditional = about.config.conditional

    def __repr__(self) -> str:
        return f"GenerativeBundle({self.about.task} with {self.about.model['name']}: {', '.join(self.kinds)})"

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it is: "coder", "sampler", "mapper", those that hold."""
        kinds = (("coder", Coder), ("sampler", Sampler), ("mapper", Mapper))
        return tuple(name for name, protocol in kinds if isinstance(self.net, protocol))

    # --- codes --------------------------------------------------------------------------------------------------

    def codes(self, rows: object) -> pd.DataFrame:
        """`code_1` to `code_k`, `score` (large where a row does not fit in) and, where a threshold is known, `anomaly`.

        Of a network that is told classes: under the class that suits a row best. Raises SchemaError when columns are
        missing.
        """
        return self.frame(self.encode(conform(rows, self.about.schema)))

    def frame(self, coded: Coded) -> pd.DataFrame:
        """What was encoded as the table that `codes` returns."""
        found: dict[str, Any] = {f"code_{place + 1}": values for place, values in enumerate(coded.codes.T)}
        found["score"] = coded.score
        if self.about.threshold is not None:
            found["anomaly"] = coded.score > self.about.threshold
        return pd.DataFrame(found)

    def encode(self, rows: Dataset | Batch) -> Coded:
        """Codes, reconstruction and error of rows, or of batches as the encoder gives them."""
        net = self._need(Coder, "coder", "encode rows", "learnloop fit DATA --task autoencode")
        parts: list[tuple[Tensor, Tensor, Mapping[str, Tensor]]] = []
        with torch.inference_mode():
            for inputs, label in self._batches(rows):
                codes = net.encode(*inputs)  # [n, k]
                parts.append((codes, net.decode(codes, label), net.terms(*inputs, label=label)))
        terms = {name: joined([each[name] for _, _, each in parts]) for name in (parts[0][2] if parts else ())}
        codes = joined([codes for codes, _, _ in parts]) if parts else np.zeros((0, net.code_size), np.float32)
        decoded = joined([decoded for _, decoded, _ in parts])
        score = terms.get("score", terms.get("reconstruction", np.zeros(0, np.float32)))
        return Coded(codes, decoded, score, terms)

    def reconstruct(self, rows: object) -> Made:
        """What is left of the rows after they have passed through their codes, in the user's terms."""
        data = conform(rows, self.about.schema)
        made = self.made(self.encode(data).decoded)
        if self.about.spec.kind == "series" and isinstance(made, np.ndarray):
            lengths = self.encoder.apply(data)[LENGTH]
            made[np.arange(made.shape[1])[None, :] >= lengths[:, None]] = np.nan  # behind the end of each row
        return made

    def decode(self, codes: np.ndarray, label: object | None = None) -> Made:
        """What codes [n, k] stand for, in the user's terms."""
        net = self._need(Coder, "coder", "decode", "learnloop fit DATA --task autoencode")
        told = self.labels(len(codes), 0, label)
        with torch.inference_mode():
            decoded = net.decode(torch.as_tensor(codes, dtype=torch.float32), told)
        return self.made(decoded.numpy())

    # --- samples ------------------------------------------------------------------------------------------------

    def generate(self, count: int, seed: int = 0, label: object | None = None) -> Made:
        """`count` samples. Sample i is a function of (seed, i) alone: not of how many are asked for, nor of batches.

        label  a class that the network was trained with, or one a sample; None: where it is told classes each sample's
               is drawn as often as in training, see `labels`
        Raises DataError for fewer than one and for a class that it was not trained with.
        """
        if count < 1:
            raise DataError("--count", "must be at least 1 sample", found=str(count))
        net = self._sampler("generate")
        places = range(-(-count // _TOGETHER) * _TOGETHER)
        told = self.labels(count, seed, label)
        if told is not None:
            told = torch.cat([told, told[-1:].expand(len(places) - count)])
        noise = noise_of(seed, places, net.noise_shape)
        values = self.from_noise(noise, told)[:count]
        if self.about.spec.kind != "table":
            return self.made(values)
        return self._drawn_rows(values, seed)

    def _drawn_rows(self, values: np.ndarray, seed: int) -> pd.DataFrame:
        """Rows of a table drawn around what the network made: numbers with the deviation that it learnt, categories by
        their shares. Means alone would hardly differ from row to row."""
        spec, places = self.about.spec, range(len(values))
        deviation = getattr(self.net, "log_deviation", None)
        if isinstance(deviation, Tensor) and spec.numbers:
            around = noise_of(seed, places, (spec.numbers,), "number").numpy() * deviation.detach().exp().numpy()
            values = np.concatenate([values[:, : spec.numbers] + around, values[:, spec.numbers :]], axis=1)
        draws = uniform_of(seed, places, len(spec.cardinalities))
        return decoded_rows(self.encoder, self.about.schema, values, draws)

    def labels(self, count: int, seed: int = 0, label: object | None = None) -> Tensor | None:
        """The class codes int64 [count] that `generate` makes samples of; None for a network that is told none."""
        return labels_of(self.about, count, seed, label)

    def interpolate(self, steps: int, seed: int = 0, label: object | None = None) -> Made:
        """`steps` samples on the way from sample 0 of the seed to sample 1, both included. label: of all of them."""
        net = self._sampler("interpolate")
        first, last = noise_of(seed, (0, 1), net.noise_shape)
        told = self.labels(1, seed, label)
        told = None if told is None else told.expand(steps)
        return self.made(self.from_noise(between(first, last, steps), told))

    def arithmetic(self, expression: str, label: object | None = None) -> Made:
        """`3 - 1 + 7`: what each term stands for, and last what comes out: [terms + 1, ...].

        Of a network that encodes and knows the means of its classes' codes the terms are classes; of others seeds, each
        of which stands for its sample 0, and the sum is divided by the square root of their number.
        """
        if self.means is not None and not self.conditional:
            known = np.isfinite(self.means).all(1)  # a class that was held out of training has no mean
            terms = terms_of(expression, [name for name, there in zip(self.about.classes, known) if there])
            means = torch.from_numpy(self.means[[self.about.classes.index(name) for name in terms.names]]).float()
            signs = torch.tensor(terms.signs, dtype=torch.float32)
            return self.decode(torch.cat([means, (signs[:, None] * means).sum(0, keepdim=True)]).numpy())
        net = self._sampler("calculate with what it makes")
        terms = terms_of(expression, None)
        rows = torch.cat([noise_of(int(name), (0,), net.noise_shape) for name in terms.names])
        told = self.labels(1, int(terms.names[0]), label)
        rows = torch.cat([rows, combined(terms.signs, rows)])
        return self.made(self.from_noise(rows, None if told is None else told.expand(len(rows))))

    def grid(self, side: int = 15, reach: float = 2.0, label: object | None = None) -> Made | None:
        """What a square of 2-D codes stands for, from -reach to reach both ways, row by row from the top:
        [side * side, ...]. None for codes of another size."""
        if not isinstance(self.net, Coder) or self.net.code_size != 2:
            return None
        line = np.linspace(-reach, reach, side, dtype=np.float32)
        across, down = np.meshgrid(line, line[::-1])
        return self.decode(np.stack([across.ravel(), down.ravel()], axis=1), label)

    # --- pictures from pictures ---------------------------------------------------------------------------------

    def translate(self, pictures: object, back: bool = False) -> np.ndarray:
        """Pictures (files, a folder, uint8 arrays) -> the pictures that it makes of them, uint8 [n, c, h, w].

        back  the other way, from pictures of the wanted kind; of a network that was trained on two heaps
        """
        return self.translated(self.sources(pictures, back), back)

    def sources(self, pictures: object, back: bool = False) -> Tensor:
        """What `translated` takes: uint8 [n, c, h, w], resized to the size that the network was trained on."""
        spec = self.about.wanted if back and self.about.wanted is not None else self.about.spec
        data = conform(pictures, picture_schema(spec))
        images = np.asarray(data.arrays[PICTURE])  # [n, h, w, c] or [n, h, w]
        images = images if images.ndim == 4 else images[..., None]
        return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))  # [n, c, h, w]

    def translated(self, x: Tensor, back: bool = False) -> np.ndarray:
        """uint8 [n, c, h, w] -> uint8 [n, c', h', w']."""
        net = self._need(Mapper, "mapper", "translate pictures", "learnloop fit PAIRS --task gan --model pix2pix")
        with torch.inference_mode():
            parts = [net.translate(x[start : start + _TOGETHER], back) for start in range(0, len(x), _TOGETHER)]
        return as_bytes(joined(parts))

    # --- in the user's terms ------------------------------------------------------------------------------------

    def made(self, values: np.ndarray) -> Made:
        """What a network gave, in the user's terms."""
        kind = self.about.spec.kind
        if kind == "image":
            return as_bytes(values)
        if kind == "table":
            return decoded_rows(self.encoder, self.about.schema, np.asarray(values))
        state = self.encoder.sole.state_dict() if self.encoder.sole else {"mean": 0.0, "std": 1.0}
        return np.asarray(values, np.float64) * state["std"] + state["mean"]

    def from_noise(self, noise: Tensor, label: Tensor | None = None) -> np.ndarray:
        """What the network makes of noise [n, *noise_shape] and class codes int64 [n], in its own units."""
        net = self._sampler("generate")
        with torch.inference_mode():
            told: list[Tensor | None] = [None] * len(noise) if label is None else list(label.split(_TOGETHER))
            parts = [net.generate(rows, each) for rows, each in zip(noise.split(_TOGETHER), told)]
        return joined(parts)

    def _batches(self, rows: Dataset | Batch) -> Iterator[tuple[list[Tensor], Tensor | None]]:
        """Inputs of the network, and the class codes that are known, of bounded size."""
        count = len(rows) if isinstance(rows, Dataset) else len(rows[X])
        for start in range(0, count, _ROWS):
            stop = min(start + _ROWS, count)
            if isinstance(rows, Dataset):
                arrays = self.encoder.apply(rows.take(np.arange(start, stop)))
                batch = {key: torch.from_numpy(np.ascontiguousarray(values)) for key, values in arrays.items()}
            else:
                batch = {key: values[start:stop] for key, values in rows.items()}
            inputs = [batch[key] for key in self.about.spec.keys]
            label = batch.get(Y) if self.conditional else None
            if self.conditional and label is None:
                label = self.net.label_of(*inputs)  # type: ignore[operator]
            yield inputs, label

    def _sampler(self, what: str) -> Sampler:
        return self._need(Sampler, "sampler", what, _SAMPLERS[self.about.task])

    def _need(self, protocol: type[Any], kind: str, what: str, do: str) -> Any:
        if isinstance(self.net, protocol):
            return self.net
        raise ModelError(
            self.about.model["name"],
            f"must be a network that can {what}",
            found=f"a {' and '.join(self.kinds) or 'network'} of the task {self.about.task}",
            do=do,
        )

    # --- saving and loading -------------------------------------------------------------------------------------

    def save(self, path: Path, probe_rows: Dataset | None = None) -> None:
        """Write the folder as a whole or not at all. probe_rows: a few real rows for the exam, of a network that
        encodes."""
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.net.state_dict().items()}
        state = {"encoder": self.encoder.state_dict(), "means": self.means}
        exam = generative_exam.make(self, probe_rows)
        with whole_folder(path) as fresh:
            write_json(fresh / "bundle.json", self.about.to_json())
            write_bytes(fresh / "model.safetensors", save_safetensors(weights, metadata={"format": "pt"}))
            write_bytes(fresh / "transforms.safetensors", pack(state))
            write_json(fresh / "probe.json", exam)
            write_text(fresh / "README.md", card(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> GenerativeBundle:
        """Read a bundle and make it pass its own exam.

        Raises RunError when files are missing or damaged, of a newer format or another kind, or when the exam fails.
        """
        path = Path(path)
        about = read_about(path)
        try:
            state = unpack(str(path / "transforms.safetensors"))
            encoder = InputEncoder.from_state(state["encoder"])
            net = rebuild(about)
            net.load_state_dict(load_safetensors((path / "model.safetensors").read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
            raise damaged(path, f"{type(error).__name__}: {str(error).splitlines()[-1]}") from error
        bundle = cls(about, encoder, net, state["means"])
        generative_exam.check(path, bundle)
        return bundle


_SAMPLERS = {
    "autoencode": "learnloop fit DATA --task autoencode --model vae   # its codes are those of noise",
    "gan": "learnloop predict RUN pictures/ --out FOLDER   # it makes pictures from pictures",
    "diffusion": "learnloop fit DATA --task diffusion",
}
