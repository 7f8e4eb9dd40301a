"""`hf`: an encoder that was trained elsewhere and saved by Hugging Face's libraries, with a new head."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import PADDING, SPECIAL, Batch, InputSpec
from learnloop.errors import MissingExtraError, ModelError, RecipeError
from learnloop.models.config import require
from learnloop.models.hf_folder import WHERE, folder_of, need_weights, places, read_architecture
from learnloop.models.vectors import ExplainFields
from learnloop.nn.dropout import Dropout
from learnloop.nn.init import initialise_output
from learnloop.nn.lengths import inside, lengths_of, trimmed
from learnloop.nn.pooling import masked_mean

HEAD_LR, BASE_LR, DECAY = 2e-4, 0.1, 0.9
"""The head's rate; the top layer's as a factor on it, 2e-5 (Devlin et al. 2019, appendix A.3); the factor from each
layer to the one below (Clark et al. 2020, appendix B)."""
_OPTIONAL = ("pooler.",)
"""Layers of a base that are left out: the head does their work."""


class HFConfig(ExplainFields):
    """y = W dropout(pool(encoder(tokens))) + b: tokens [batch, time] -> [batch, outputs].

    The encoder is built from its config.json by the library transformers, which runs no code that came with the model,
    and reads its weights from safetensors alone when training starts. Its own tokeniser reads the texts. Devlin et al.
    2019 (BERT), section 3.2 and 4.1; every other encoder that transformers knows by name.

    Raises MissingExtraError without transformers, RecipeError without a path, DataError for a folder that lacks a
    file, ModelError for weights that do not fit, or texts longer than the encoder has places.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"text"})
    title: ClassVar[str] = "an encoder in Hugging Face's format, trained elsewhere, with a new head (extra hf)"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"
    brings_weights: ClassVar[bool] = True

    path: str | None = Field(None, description="folder of the encoder, or its name on the Hugging Face hub")
    architecture: str | None = Field(None, description="its config.json as one line; null: read from the folder")
    pooling: Literal["first", "mean"] = Field(
        "first", description="what stands for a text: the vector of its first token, or the mean of all of them"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="share of the pooled vector switched off in each step")

    @classmethod
    def brings(cls, path: str | None, *, download: bool) -> dict[str, Any]:
        """Recipe values (dotted keys) that come with the encoder: its architecture, its tokeniser, gentle rates."""
        if path is None:
            raise RecipeError(
                WHERE,
                "must name the encoder that --model hf starts from",
                found="nothing",
                do="--set model.path=FOLDER   # with config.json, tokenizer.json and model.safetensors",
            )
        folder = folder_of(path, download=download)
        need_weights(folder)
        return {
            "model.path": str(folder.resolve()) if Path(path).expanduser().is_dir() else path,
            "model.architecture": json.dumps(read_architecture(folder), sort_keys=True),
            "text.saved": str(folder.resolve()),
            "transfer.mode": "finetune",
            "transfer.base_lr": BASE_LR,
            "transfer.decay": DECAY,
        }

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("hf", self.inputs, spec, outputs)
        if self.architecture is None:
            raise ModelError(
                "model 'hf'", "needs model.path or model.architecture", found="neither", do="--set model.path=FOLDER"
            )
        try:
            told = json.loads(self.architecture)
        except ValueError as error:
            raise ModelError("model.architecture", "must be JSON", found=str(error)) from None
        _need_room(told, spec)
        return HFNet(_build(told), told, outputs, pooling=self.pooling, dropout=self.dropout, path=self.path)

    def remark(self, spec: InputSpec) -> str:
        """Where the weights come from, and what is new."""
        kind = json.loads(self.architecture)["model_type"] if self.architecture else "encoder"
        where = f"starts from {self.path}" if self.path else "begins at random"
        return f"The {kind} {where}; the head is new."

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        values: dict[str, Any] = {
            "optimiser.name": "adamw",
            "optimiser.lr": HEAD_LR,
            "optimiser.weight_decay": 0.01,
            "schedule.name": "linear",
            "schedule.warmup": 0.1,
            "train.batch_size": min(16 if rows < 10_000 else 32, max(rows, 1)),
            "train.clip": 1.0,
        }
        return values if minutes is not None else {**values, "train.epochs": 3 if rows >= 2000 else 5}


class HFNet(nn.Module):
    """y = W dropout(pool(h)) + b, h = encoder(tokens) [batch, time, width]: [batch, time] -> [batch, outputs].

    base      the encoder, without its pooler
    presence  float [batch, time], what each token's vector is multiplied by; None: nothing
    """

    head = "output"

    def __init__(
        self,
        base: nn.Module,
        architecture: dict[str, Any],
        outputs: int,
        *,
        pooling: Literal["first", "mean"],
        dropout: float,
        path: str | None,
    ) -> None:
        super().__init__()
        self.base = base
        self.pooling = pooling
        self.presence: Tensor | None = None
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(int(base.config.hidden_size), outputs)  # type: ignore[union-attr, arg-type]
        initialise_output(self.output, "auto")
        self._path, self._architecture = path, architecture
        self._pad = int(architecture.get("pad_token_id") or 0)

    def stages(self) -> list[tuple[str, nn.Module]]:
        """From the embeddings to the top layer, for rates of their own."""
        return _stages(self.base, "base")

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = trimmed(tokens)  # [batch, longest]
        length = lengths_of(tokens).clamp_min(1)  # [batch]
        there = inside(length, tokens.shape[1])  # [batch, longest]
        ids = torch.where(tokens == PADDING, self._pad, tokens.long() - SPECIAL).clamp_min(0)  # [batch, longest]
        given: dict[str, Tensor] = {"input_ids": ids}
        if self.presence is not None:
            words = self.base.get_input_embeddings()(ids)  # type: ignore[operator]
            given = {"inputs_embeds": words * self.presence[:, : ids.shape[1], None]}  # [batch, longest, width]
        hidden = self.base(attention_mask=there.long(), **given).last_hidden_state  # [batch, longest, width]
        pooled = hidden[:, 0] if self.pooling == "first" else masked_mean(hidden, length)
        return self.output(self.dropout(pooled))  # [batch, outputs]

    def start_from(self, batch: Batch) -> None:
        """Read the encoder's weights from its folder; without one it begins at random."""
        if self._path is None:
            return
        folder = folder_of(self._path, download=False)
        given = _weights(folder, self._architecture)
        with torch.no_grad():
            for name, tensor in self.base.state_dict().items():
                tensor.copy_(given[name])


def _build(architecture: dict[str, Any]) -> nn.Module:
    """The encoder with weights drawn from torch's global generator, in float32."""
    models, config = _library(), _declared(architecture)
    with _quiet():
        try:
            base: nn.Module = models.AutoModel.from_config(config, trust_remote_code=False, dtype=torch.float32)
        except (ValueError, ImportError) as error:
            raise _unknown(architecture, error) from error
    if config.is_encoder_decoder or getattr(config, "hidden_size", None) is None:
        raise _unknown(architecture, "an encoder together with a decoder, or a network of something else than texts")
    if getattr(base, "pooler", None) is not None:
        base.pooler = None  # type: ignore[assignment]
    return base


def _declared(architecture: dict[str, Any]) -> Any:
    """The library's own configuration, of a type that it knows: nothing that the folder brings is imported."""
    fields = {key: value for key, value in architecture.items() if key != "model_type"}
    try:
        return _library().AutoConfig.for_model(architecture["model_type"], **fields)
    except Exception as error:  # each of its models checks its own fields in its own way
        raise _unknown(architecture, error) from error


def _unknown(architecture: dict[str, Any], found: object) -> ModelError:
    told = str(found).strip().splitlines()[0][:200]
    return ModelError(
        WHERE,
        "must be a text encoder that the installed transformers knows by name",
        found=f"model_type {architecture.get('model_type')!r}: {told}",
        cause="the model brings code of its own, which is not run, or is newer than the library",
        do="pip install --upgrade transformers",
    )


def _library() -> Any:
    try:
        import transformers
    except ImportError:
        raise MissingExtraError.of("transformers", "hf", "--model hf") from None
    return transformers


def _weights(folder: Path, architecture: dict[str, Any]) -> dict[str, Tensor]:
    """Tensors by name. Raises ModelError at the first one that does not fit, with both shapes."""
    with _quiet(), torch.random.fork_rng(devices=[]):
        try:
            found, told = _library().AutoModel.from_pretrained(
                str(folder),
                config=_declared(architecture),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        except Exception as error:  # damaged files come as several kinds
            what = str(error).strip().splitlines()
            raise ModelError(
                f"{WHERE} {folder}",
                "must hold weights that can be read",
                found=what[0][:200] if what else type(error).__name__,
                cause="a download that was cut off",
            ) from error
    wrong = [f"{name} is {list(theirs)} in the file and {list(ours)}" for name, theirs, ours in told["mismatched_keys"]]
    wrong += [f"{name} is absent in the file and there" for name in told["missing_keys"]]
    wrong = sorted(line for line in wrong if not line.startswith(_OPTIONAL))
    if wrong:
        raise ModelError(
            f"{WHERE} {folder}",
            "must hold the weights that its config.json describes",
            found=f"{wrong[0]} in the network" + (f"; {len(wrong) - 1} more" if len(wrong) > 1 else ""),
            cause="config.json and model.safetensors are of different models",
        )
    return dict(found.state_dict())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's tables and progress bars: what matters of them is said in our words."""
    speaks = logging.getLogger("transformers")
    told = _library().utils.logging
    level, shown = speaks.level, told.is_progress_bar_enabled()
    speaks.setLevel(logging.CRITICAL)
    told.disable_progress_bar()
    try:
        yield
    finally:
        speaks.setLevel(level)
        if shown:
            told.enable_progress_bar()


def _need_room(architecture: dict[str, Any], spec: InputSpec) -> None:
    room, words = places(architecture), architecture.get("vocab_size")
    if room is not None and spec.length > room:
        raise ModelError(
            "text.length",
            f"must be at most {room}, the places of this encoder",
            found=str(spec.length),
            do=f"--set text.length={room}",
        )
    if isinstance(words, int) and spec.vocabulary - SPECIAL > words:
        raise ModelError(
            "text.saved",
            f"must be the encoder's own tokeniser, of at most {words} different tokens",
            found=f"{spec.vocabulary - SPECIAL} tokens",
            cause="tokenizer.json and config.json are of different models",
        )


def _stages(module: nn.Module, name: str) -> list[tuple[str, nn.Module]]:
    """Children with weights, from the input on; the list of layers, and what holds it, is opened."""
    found: list[tuple[str, nn.Module]] = []
    for child_name, child in module.named_children():
        path = f"{name}.{child_name}"
        if not any(True for _ in child.parameters()):
            continue
        opened = isinstance(child, nn.ModuleList) or any(isinstance(part, nn.ModuleList) for part in child.children())
        found += _stages(child, path) if opened else [(path, child)]
    return found
