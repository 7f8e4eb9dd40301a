"""`LanguageBundle`: a network that continues texts, as it is served: tokeniser, weights and its own exam."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import nn

from learnloop.bundle.about import FORMAT
from learnloop.bundle.sampling import DEFAULT, Sampling, check_prompt, generate
from learnloop.bundle.stored import damaged, read_kind
from learnloop.contracts import InputSpec
from learnloop.errors import DataError, RunError
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.runs.atomic import whole_folder, write_bytes, write_json, write_text
from learnloop.runs.environment import environment
from learnloop.runs.pack import pack, unpack
from learnloop.tasks.language import text_nats
from learnloop.transforms.tokens import Tokens, load_tokens

KIND = "language"
RELATIVE, ABSOLUTE = 1e-3, 1e-3
"""Nats of the exam agree to this: other processors round otherwise, other weights differ."""
_EXAM_CHARACTERS = 400


@dataclass(frozen=True)
class LanguageAbout:
    """The plain facts (bundle.json). model: {"name", "config"}. facts: for the model card."""

    model: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": KIND,
            "task": KIND,
            "model": dict(self.model),
            "facts": dict(self.facts),
            "environment": environment(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LanguageAbout:
        return cls(data["model"], data["facts"])


class LanguageBundle:
    """`generate(prompt) -> pieces of text` and `nats(text)`: the one path for evaluation, report and command line."""

    def __init__(self, about: LanguageAbout, tokens: Tokens, net: nn.Module) -> None:
        self.about = about
        self.tokens = tokens
        self.net = net.eval()

    def __repr__(self) -> str:
        return f"LanguageBundle({self.about.model['name']}, {self.tokens.name}, {self.tokens.size} tokens)"

    def generate(
        self,
        prompt: str = "",
        length: int = 500,
        *,
        temperature: float = DEFAULT.temperature,
        top_k: int = DEFAULT.top_k,
        top_p: float = DEFAULT.top_p,
        seed: int = 0,
    ) -> Iterator[str]:
        """What follows `prompt`, piece by piece, until `length` characters; the prompt itself is not repeated.

        temperature  the logits are divided by it: below 1 surer, above 1 wilder, 0 always the likeliest token
        top_k        only the likeliest k tokens are drawn from; 0: all
        top_p        only the likeliest tokens that together have this probability are drawn from; 1: all
        seed         the same seed and prompt give the same text
        Raises UserError for a prompt with characters that the training text did not have, a length below 1, or a
        setting out of its range.
        """
        sampling = Sampling(temperature, top_k, top_p)
        return generate(self.net, self.tokens, prompt, length, sampling, seed)

    def check_prompt(self, prompt: str) -> None:
        """Raises DataError for a prompt with characters that the training text did not have."""
        check_prompt(self.tokens, prompt)

    def nats(self, text: str) -> np.ndarray:
        """-ln p of every token of the text but the first, given those before it, float64 [tokens - 1].

        Raises DataError for a text of fewer than two tokens.
        """
        codes = self.tokens.encode(text)
        if len(codes) < 2:
            raise DataError("the text", "must have at least two tokens to be scored", found=f"{len(codes)}")
        device = next(self.net.parameters()).device
        return text_nats(self.net, torch.from_numpy(codes).to(device)).double().cpu().numpy()

    # --- saving and loading -------------------------------------------------------------------------------------

    def save(self, path: Path, exam_text: str) -> None:
        """Write the folder as a whole or not at all. exam_text: a few hundred real characters."""
        weights = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.net.state_dict().items()}
        text = exam_text[:_EXAM_CHARACTERS]
        exam = {"text": text, "nats": self.nats(text).tolist(), "relative": RELATIVE, "absolute": ABSOLUTE}
        with whole_folder(path) as fresh:
            write_json(fresh / "bundle.json", self.about.to_json())
            write_bytes(fresh / "model.safetensors", save_safetensors(weights, metadata={"format": "pt"}))
            write_bytes(fresh / "transforms.safetensors", pack({"tokens": self.tokens.state_dict()}))
            write_json(fresh / "probe.json", exam)
            write_text(fresh / "README.md", _card(self))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> LanguageBundle:
        """Read a bundle and make it pass its own exam.

        Raises RunError when files are missing or damaged, of a newer format or another kind, or when the exam fails.
        """
        path = Path(path)
        about = read_kind(path, KIND, "continues texts", "learnloop predict RUN ...", LanguageAbout.from_json)
        try:
            tokens = load_tokens(unpack(str(path / "transforms.safetensors"))["tokens"])
            net = _rebuild(about, tokens)
            net.load_state_dict(load_safetensors((path / "model.safetensors").read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, RuntimeError) as error:
            raise damaged(path, f"{type(error).__name__}: {str(error).splitlines()[-1]}") from error
        bundle = cls(about, tokens, net)
        bundle._examine(path)
        return bundle

    def _examine(self, path: Path) -> None:
        try:
            exam = json.loads((path / "probe.json").read_text(encoding="utf-8"))
            want = np.asarray(exam["nats"], np.float64)
            got = self.nats(exam["text"])
            relative, absolute = float(exam["relative"]), float(exam["absolute"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise damaged(path, f"probe.json: {error}") from error
        if want.shape == got.shape and np.allclose(got, want, rtol=relative, atol=absolute):
            return
        worst = "another shape" if want.shape != got.shape else f"a difference of {np.abs(got - want).max():.3g}"
        raise RunError(
            str(path),
            "must give the answers of its own probe.json",
            found=f"nats differ: {worst}",
            cause="model.safetensors or transforms.safetensors are not the ones that belong here",
            do=f"learnloop fit --resume {path.parent}",
        )


def _rebuild(about: LanguageAbout, tokens: Tokens) -> nn.Module:
    """The untrained network. The random streams are left as they were."""
    state = torch.get_rng_state()
    try:
        config = LANGUAGE_MODELS[about.model["name"]].model_validate(about.model["config"])
        return config.build(InputSpec("text", vocabulary=tokens.size), tokens.size)
    finally:
        torch.set_rng_state(state)


def _card(bundle: LanguageBundle) -> str:
    facts = bundle.about.facts
    metrics = [f"| {name} | {value:.4g} |" for name, value in dict(facts.get("metrics", {})).items()]
    return "\n".join(
        [
            f"# {bundle.about.model['name']} that continues texts",
            "",
            f"Trained by learnloop on {facts.get('data', 'a text in memory')}, "
            f"{facts.get('characters', '?')} characters as {bundle.tokens.size} different {bundle.tokens.name}. "
            f"Seed {facts.get('seed', '?')}.",
            "",
            "## Use",
            "```python",
            "from learnloop.bundle.language import LanguageBundle",
            'bundle = LanguageBundle.load("bundle")',
            'print("".join(bundle.generate("Once", length=300, temperature=0.8)))',
            "bundle.nats(text)   # what each token of a text costs the model",
            "```",
            "",
            "## Measured on text that was not trained on",
            "| metric | value |",
            "|---|--:|",
            *(metrics or ["| not measured | |"]),
            "",
            "## Limits",
            "It writes what is likely after such a text, not what is true. The figures hold for texts like the "
            "held-out part. Parts of the training text may come out word for word: the run's report says how long.",
            "",
        ]
    )
