"""Drawing texts from a network: temperature, top-k, top-p, one token at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from learnloop.contracts import SPECIAL, UNKNOWN
from learnloop.errors import DataError, RecipeError, UserError, raise_all
from learnloop.models.language_model import language_model
from learnloop.seeds import numpy_stream
from learnloop.transforms.tokens import Tokens

_SHOWN = 12
_REPLACEMENT = "�"
"""What bytes decode to that are not yet a whole character."""
_BYTES_OF_A_CHARACTER = 4


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the logits z: p = softmax(z / temperature), cut to the likeliest top_k tokens (0: all),
    then to the fewest likeliest ones that together have probability top_p (Holtzman et al., arXiv:1904.09751, section
    3.1), and drawn in proportion. Temperature 0: the likeliest."""

    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 1.0

    def mistakes(self) -> list[UserError]:
        """What is out of its range."""
        ranges = (
            ("--temperature", self.temperature, "0 or more", self.temperature >= 0 and math.isfinite(self.temperature)),
            ("--top-k", self.top_k, "0 (all tokens) or more", self.top_k >= 0),
            ("--top-p", self.top_p, "above 0 and at most 1", 0 < self.top_p <= 1),
        )
        return [RecipeError(n, f"must be {must}", found=f"{v}") for n, v, must, right in ranges if not right]

    def draw(self, logits: np.ndarray, rng: np.random.Generator) -> int:
        """logits [vocabulary] -> a code. Special codes are never drawn."""
        z = logits[SPECIAL:].astype(np.float64)
        if self.temperature == 0:
            return SPECIAL + int(z.argmax())
        if 0 < self.top_k < len(z):
            z[z < np.partition(z, -self.top_k)[-self.top_k]] = -np.inf
        p = np.exp((z - z.max()) / self.temperature)
        p /= p.sum()
        if self.top_p < 1:
            order = np.argsort(-p, kind="stable")
            behind = np.cumsum(p[order]) - p[order] >= self.top_p  # the likeliest one always stays
            p[order[behind]] = 0.0
        sums = np.cumsum(p)
        return SPECIAL + int(min(np.searchsorted(sums, rng.random() * sums[-1], side="right"), len(p) - 1))


DEFAULT = Sampling()


def generate(net: nn.Module, tokens: Tokens, prompt: str, length: int, sampling: Sampling, seed: int) -> Iterator[str]:
    """See `LanguageBundle.generate`. Mistakes are told at once, before the first piece is asked for."""
    errors = sampling.mistakes()
    if length < 1:
        errors.append(RecipeError("--length", "must be at least 1 character", found=str(length), do="--length 500"))
    try:
        check_prompt(tokens, prompt)
    except DataError as error:
        errors.append(error)
    raise_all(errors)
    return _pieces(net, tokens, tokens.encode(prompt), length, sampling, numpy_stream(seed, "generate"))


def _pieces(
    net: nn.Module, tokens: Tokens, prompt: np.ndarray, length: int, sampling: Sampling, rng: np.random.Generator
) -> Iterator[str]:
    reader = language_model(net).reader()
    device = next(net.parameters()).device
    codes = prompt if len(prompt) else np.array([_first(tokens, rng)])
    logits = reader.feed(torch.from_numpy(codes.astype(np.int64)).to(device)[None])
    one = torch.zeros(1, 1, dtype=torch.int64, device=device)
    pending: list[int] = []
    while length > 0:
        code = sampling.draw(logits[0].cpu().numpy(), rng)
        pending.append(code)
        piece = tokens.decode(pending)
        if piece and (not piece.endswith(_REPLACEMENT) or len(pending) >= _BYTES_OF_A_CHARACTER):
            yield piece[:length]
            length -= len(piece)
            pending = []
        one.fill_(code)
        logits = reader.feed(one)


def side_by_side(net: nn.Module, tokens: Tokens, temperatures: Sequence[float], length: int, seed: int) -> list[str]:
    """A text of about `length` tokens at each temperature, without a prompt, written at the same time."""
    rngs = [numpy_stream(seed, "generate", row) for row in range(len(temperatures))]
    drawers = [Sampling(temperature) for temperature in temperatures]
    device = next(net.parameters()).device
    reader = language_model(net).reader(len(temperatures))
    codes = np.array([[_first(tokens, rng)] for rng in rngs])
    written = []
    for _ in range(length):
        logits = reader.feed(torch.from_numpy(codes.astype(np.int64)).to(device)).cpu().numpy()
        codes = np.array([[drawer.draw(row, rng)] for drawer, row, rng in zip(drawers, logits, rngs)])
        written.append(codes[:, 0])
    return [tokens.decode(row) for row in np.stack(written, 1)]


def _first(tokens: Tokens, rng: np.random.Generator) -> int:
    """Without a prompt: a text begins behind a line break where there is one, else with any token."""
    code = int(tokens.encode("\n")[0]) if len(tokens.encode("\n")) else UNKNOWN
    return code if code >= SPECIAL else SPECIAL + int(rng.integers(tokens.size - SPECIAL))


def check_prompt(tokens: Tokens, prompt: str) -> None:
    """Raises DataError that names the characters which the training text did not have."""
    unseen = [letter for letter in dict.fromkeys(prompt) if (tokens.encode(letter) == UNKNOWN).any()]
    if not unseen:
        return
    known = getattr(tokens, "characters", "")
    raise DataError(
        "--prompt",
        "must be made of characters that the training text has",
        found=", ".join(repr(letter) for letter in unseen[:_SHOWN]),
        cause="the network was never shown them, so it knows nothing of what follows",
        do="write the prompt with the characters below",
        available=["".join(letter for letter in known if letter.isprintable())] if known else (),
    )
