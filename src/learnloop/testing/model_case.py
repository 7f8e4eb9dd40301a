"""What checks work on: a model config, a kind of input, and a toy problem that it should learn."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from learnloop.contracts import SPECIAL, InputSpec
from learnloop.models.config import ModelConfig
from learnloop.seeds import derive, seed_torch, torch_stream
from learnloop.testing.suite import same_bits

ROWS = 64


@dataclass(frozen=True)
class Case:
    """One config on one kind of input, with a toy problem that it can be expected to learn.

    config   anything with the members of `ModelConfig`
    spec     the inputs
    outputs  classes of the toy problem; 1 makes it a regression
    """

    config: ModelConfig
    spec: InputSpec
    outputs: int

    def net(self, seed: int = 0) -> nn.Module:
        seed_torch(seed, "weights")
        return self.config.build(self.spec, self.outputs)

    @cached_property
    def batch(self) -> list[Tensor]:
        """The inputs of the toy problem: the arguments of `forward`, ROWS rows."""
        return self._toy[0]

    @cached_property
    def y(self) -> Tensor:
        """int64 [rows] classes, or float [rows, 1]."""
        return self._toy[1]

    @cached_property
    def _toy(self) -> tuple[list[Tensor], Tensor]:
        return _TOYS[self.spec.kind](self, torch_stream(0, "check_model"))

    def trained(self) -> nn.Module:
        """A copy of a network after three steps: zeros and fresh norms could hide a fault."""
        return copy.deepcopy(self._trained)

    @cached_property
    def _trained(self) -> nn.Module:
        net = self.net()
        trainable = [p for p in net.parameters() if p.requires_grad]
        torch.manual_seed(derive(0, "steps"))
        optimiser = torch.optim.SGD(trainable, lr=0.05) if trainable else None
        for _ in range(3):
            net.train()
            loss = self.loss(net(*self.batch))
            if optimiser is not None:
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        return net

    def loss(self, out: Tensor) -> Tensor:
        """Cross-entropy or squared error, averaged over rows and, for an ensemble, over members."""
        members = out.unsqueeze(1) if out.ndim == 2 else out  # [rows, members, outputs]
        if self.outputs == 1:
            return (members - self.y.unsqueeze(1)).square().mean()
        flat = members.flatten(0, 1)  # [rows x members, outputs]
        return nn.functional.cross_entropy(flat, self.y.repeat_interleave(members.shape[1]))

    def quality(self, net: nn.Module) -> float:
        """Accuracy, or R2 for one output, on the toy problem in evaluation mode."""
        out = evaluate(net, self.batch)
        mean = out if out.ndim == 2 else out.mean(1)  # [rows, outputs]
        if self.outputs == 1:
            return 1 - float((mean - self.y).square().mean() / self.y.var(correction=0))
        return float((mean.argmax(1) == self.y).float().mean())


def _table_toy(case: Case, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """Scores that are a linear function of numbers and one-hot categories; rows near a border left out."""
    spec, drawn = case.spec, 20 * ROWS
    x = torch.randn(drawn, spec.numbers, generator=generator)  # [drawn, numbers]
    scores = x @ torch.randn(spec.numbers, case.outputs, generator=generator)  # [drawn, outputs]
    codes = []
    for size in spec.cardinalities:
        # Few distinct codes, so that each is seen often enough to be learnt.
        code = torch.randint(min(1, size - 1), max(min(size, 6), 1), (drawn,), generator=generator)
        scores += 2 * torch.randn(size, case.outputs, generator=generator)[code]
        codes.append(code)
    batch = [x, torch.stack(codes, 1)] if codes else [x]
    if case.outputs == 1:
        y = (scores - scores.mean()) / scores.std()
        return [part[:ROWS] for part in batch], y[:ROWS]
    scores -= scores.mean(0)  # so that no class wins everywhere
    best = scores.topk(2, 1)
    margin, labels = best.values[:, 0] - best.values[:, 1], best.indices[:, 0]
    clear = torch.zeros(drawn, dtype=torch.bool)
    for label in range(case.outputs):  # a quarter of each class, so that none is lost
        rows = (labels == label).nonzero().squeeze(1)
        clear[rows[margin[rows].argsort(descending=True)[: len(rows) // 4 + 1]]] = True
    keep = clear.nonzero().squeeze(1)
    keep = keep[torch.randperm(len(keep), generator=generator)][:ROWS]
    return [part[keep] for part in batch], labels[keep]


def _image_toy(case: Case, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """A bright block at a place of its own for each class (as bright as y for a regression), in noise."""
    channels, height, width = case.spec.shape
    noise = torch.randint(0, 80, (ROWS, channels, height, width), generator=generator)
    side = math.ceil(math.sqrt(max(case.outputs, 2)))
    tall, wide = max(height // side, 1), max(width // side, 1)
    if case.outputs == 1:
        y = torch.randn(ROWS, 1, generator=generator)
    else:
        y = torch.randint(case.outputs, (ROWS,), generator=generator)
    for row in range(ROWS):
        place = 0 if case.outputs == 1 else int(y[row])
        top, left = (place // side) * tall, (place % side) * wide
        light = int(y[row].clamp(-2, 2) * 35 + 80) if case.outputs == 1 else 140
        noise[row, :, top : top + tall, left : left + wide] += light
    return [noise.clamp(0, 255).to(torch.uint8)], y


def _text_toy(case: Case, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """A few words of a class's own among words of no meaning, in rows of different lengths; of a regression as many
    words of one kind as y is large.
    """
    first, last = SPECIAL, max(case.spec.vocabulary, SPECIAL + 1)
    longest = max(case.spec.length, 1)
    own = max((last - first) // (2 * max(case.outputs, 2)), 1)
    y = torch.randn(ROWS, 1, generator=generator) if case.outputs == 1 else _labels(case, generator)
    tokens = torch.zeros(ROWS, longest, dtype=torch.int32)
    for row, length in enumerate(_lengths(longest, generator).tolist()):
        words = torch.randint(min(first + (last - first) // 2, last - 1), last, (length,), generator=generator)
        label = 0 if case.outputs == 1 else int(y[row])
        share = float(torch.sigmoid(y[row])) if case.outputs == 1 else 0.5
        told = torch.randperm(length, generator=generator)[: max(round(share * length), 1)]
        words[told] = torch.randint(own, (len(told),), generator=generator) + min(first + label * own, last - 1)
        tokens[row, :length] = words.clamp_max(last - 1).int()
        if case.outputs == 1:
            y[row] = 4 * len(told) / length - 2
    return [tokens], y


def _series_toy(case: Case, generator: torch.Generator) -> tuple[list[Tensor], Tensor]:
    """Noise around a level of its own for each class (around y for a regression), in rows of different lengths."""
    longest = max(case.spec.length, 1)
    length = _lengths(longest, generator)
    y = torch.randn(ROWS, 1, generator=generator) if case.outputs == 1 else _labels(case, generator)
    ways = torch.randn(case.outputs, case.spec.numbers, generator=generator)
    level = y * ways if case.outputs == 1 else 2 * ways[y]  # [rows, features]
    x = level.unsqueeze(1) + 0.3 * torch.randn(ROWS, longest, case.spec.numbers, generator=generator)
    x[torch.arange(longest) >= length.unsqueeze(1)] = 0.0  # [rows, time, features]
    return [x, length], y


def _labels(case: Case, generator: torch.Generator) -> Tensor:
    return torch.randint(case.outputs, (ROWS,), generator=generator)


def _lengths(longest: int, generator: torch.Generator) -> Tensor:
    """int64 [rows], from a third of the longest on; the first row is the longest."""
    length = torch.randint(max(longest // 3, 1), longest + 1, (ROWS,), generator=generator)
    length[0] = longest
    return length


_TOYS = {"table": _table_toy, "image": _image_toy, "text": _text_toy, "series": _series_toy}


def evaluate(net: nn.Module, batch: list[Tensor]) -> Tensor:
    net.eval()
    with torch.no_grad():
        return net(*batch)


def state_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone().contiguous() for name, tensor in net.state_dict().items()}


def differing(a: dict[str, Tensor], b: dict[str, Tensor]) -> list[str]:
    """The names whose tensors differ in any bit (NaN equals NaN)."""
    return [name for name in a if name not in b or not same_bits(a[name], b[name])]


def distance(a: Tensor, b: Tensor) -> float:
    """The largest difference, relative to the size of the values (at least 1)."""
    return float((a - b).abs().max() / max(1.0, float(b.abs().max())))
