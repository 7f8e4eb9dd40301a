"""Named random streams: one seed, many independent generators, each a function of (seed, name) alone.

Adding a stream never changes another, unlike drawing everything from one global generator. The engine's own
randomness (row order, augmentation, initialisation, bootstrap) comes from here; dropout inside modules uses torch's
global generator, which `train.checkpoint` therefore saves too.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def derive(seed: int, *names: str | int) -> int:
    """A 63-bit seed from `seed` and a path of names, the same in every process and on every platform."""
    text = "/".join([str(int(seed)), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_stream(seed: int, *names: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A torch generator for the stream `names`."""
    generator = torch.Generator(device=device)
    generator.manual_seed(derive(seed, *names))
    return generator


def numpy_stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the stream `names`."""
    return np.random.default_rng(derive(seed, *names))


def seed_torch(seed: int, *names: str | int) -> None:
    """Seed torch's global generators (CPU and every GPU): initialisation and dropout draw from them."""
    torch.manual_seed(derive(seed, *names))
