"""`check_coder`: what every autoencoder must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.coders import check_coder
    check_coder(MyConfig(), InputSpec(kind="table", numbers=4))

Each check raises AssertionError with what was expected and what was found; `check_coder` runs all and reports all.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import describe
from learnloop.models.generative.config import Coder, GenerativeConfig, Sampler
from learnloop.models.linear import LinearConfig
from learnloop.seeds import derive, seed_torch
from learnloop.testing.gradients import require_gradients
from learnloop.testing.model_case import Case, differing, distance, state_of
from learnloop.testing.suite import run_checks

CLASSES = 3
_CLOSE = 2e-5
"""Of float32 answers that were computed in batches of other sizes."""


@dataclass(frozen=True)
class CoderCase:
    """One config on one kind of rows, of which some are near each other: `CLASSES` groups of them."""

    config: GenerativeConfig
    spec: InputSpec

    @property
    def classes(self) -> int:
        return CLASSES if self.config.conditional else 0

    def net(self, seed: int = 0) -> Any:
        seed_torch(seed, "weights")
        return self.config.build(self.spec, self.classes)

    @cached_property
    def _toy(self) -> Case:
        return Case(LinearConfig(), self.spec, CLASSES)  # the config is not used, only the rows

    @property
    def batch(self) -> list[Tensor]:
        return self._toy.batch

    @property
    def label(self) -> Tensor | None:
        return self._toy.y if self.config.conditional else None

    def loss(self, net: nn.Module) -> Tensor:
        terms: Mapping[str, Tensor] = net(*self.batch, label=self.label)
        return terms["loss"].mean()

    def trained(self) -> Any:
        return copy.deepcopy(self._trained)

    @cached_property
    def _trained(self) -> Any:
        net = self.net()
        torch.manual_seed(derive(0, "steps"))
        _learn(self, net, 3)
        return net.eval()


def _learn(case: CoderCase, net: nn.Module, steps: int) -> None:
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    net.train()
    for number in range(steps):
        if callable(getattr(net, "progress", None)):
            net.progress(number / steps)  # type: ignore[operator]
        optimiser.zero_grad()
        case.loss(net).backward()
        optimiser.step()


def _answers(net: Any, batch: list[Tensor], label: Tensor | None) -> dict[str, Tensor]:
    """Everything that a coder says of rows, in evaluation."""
    net.eval()
    with torch.no_grad():
        codes = net.encode(*batch)
        return {"codes": codes, "made": net.decode(codes, label), **net.terms(*batch, label=label)}


def check_declares(case: CoderCase) -> None:
    """The config has a title and a source, and survives JSON; the network is a `Coder`, and a `Sampler` with all that
    belongs to one where it can generate."""
    kind = type(case.config)
    assert 10 < len(kind.title) < 120, f"title is {kind.title!r}"
    assert len(kind.source) > 10, f"source is {kind.source!r}"
    assert kind.task == "autoencode", f"task is {kind.task!r}"
    assert case.spec.kind in kind.inputs, f"inputs are {sorted(kind.inputs)}"
    again = kind.model_validate(json.loads(json.dumps(case.config.model_dump(mode="json"))))
    assert again == case.config, f"JSON gave back {again!r}"
    net = case.net()
    assert isinstance(net, Coder), f"{type(net).__name__} lacks members of Coder"
    assert isinstance(net, Sampler) or not hasattr(net, "generate"), "it generates, and has no noise_shape"


def check_suggests(case: CoderCase) -> None:
    """`suggest` gives JSON values under dotted keys that the config takes, and a length where no time is given."""
    for rows in (4, 1000, 1_000_000):
        for minutes in (None, 1.0):
            values = case.config.suggest(rows, case.spec, minutes)
            json.dumps(values)
            bad = [key for key in values if key.count(".") != 1]
            assert not bad, f"suggest gives keys without a section: {bad}"
            own = {key.removeprefix("model."): value for key, value in values.items() if key.startswith("model.")}
            type(case.config).model_validate({**case.config.model_dump(), **own})
            assert 1 <= values["train.batch_size"] <= rows and values["optimiser.lr"] > 0, f"suggest gives {values}"
            lasting = {"train.steps", "train.epochs"} & values.keys()
            assert bool(lasting) == (minutes is None), f"minutes = {minutes}, and suggest gives {sorted(lasting)}"


def check_refuses(case: CoderCase) -> None:
    """Texts, and rows without numbers, end in a ModelError."""
    empty: dict[str, dict[str, Any]] = {
        "image": {"shape": (1, 0, 8)},
        "table": {"numbers": 0, "cardinalities": ()},
        "series": {"numbers": 0},
    }
    broken = {
        "texts": InputSpec("text", vocabulary=9, length=5),
        "no numbers": replace(case.spec, **empty[case.spec.kind]),
    }
    for told, spec in broken.items():
        try:
            case.config.build(spec, case.classes)
        except ModelError:
            continue
        raise AssertionError(f"a spec with {told} is built")


def check_shapes(case: CoderCase) -> None:
    """Codes [n, code_size], what they stand for in the layout of `Coder.decode`, terms [n]; all float32 and finite."""
    net, n, spec = case.trained(), len(case.batch[0]), case.spec
    layouts = {
        "image": [n, *spec.shape],
        "table": [n, spec.numbers + sum(spec.cardinalities)],
        "series": [n, max(spec.length, 1), spec.numbers],
    }
    with torch.no_grad():
        codes, terms = net.encode(*case.batch), net.terms(*case.batch, label=case.label)
        made = net.decode(codes, case.label)
    assert next(iter(terms)) == "loss" and "reconstruction" in terms, f"terms are {', '.join(terms)}: loss comes first"
    for name, tensor, shape in (
        ("codes", codes, [n, net.code_size]),
        ("reconstruction", made, layouts[spec.kind]),
        *((name, term, [n]) for name, term in terms.items()),
    ):
        found = f"{tensor.dtype} {list(tensor.shape)}"
        assert tensor.dtype == torch.float32 and list(tensor.shape) == shape, f"{name} is {found}, not float32 {shape}"
        assert bool(tensor.isfinite().all()), f"{name} is not finite"
    if spec.kind == "image":
        assert float(made.min()) >= 0 and float(made.max()) <= 1, "a picture leaves 0..1"
    start = spec.numbers
    for size in spec.cardinalities:
        total = made[:, start : start + size].sum(1)
        assert torch.allclose(total, torch.ones(n), atol=1e-5), "the shares of a category do not add up to 1"
        start += size


def check_gradients(case: CoderCase) -> None:
    """Every parameter gets a gradient, finite, and not zero throughout the first steps."""
    net = case.net().train()
    require_gradients(net, lambda: case.loss(net) / max(net.code_size, 1))


def check_learns(case: CoderCase) -> None:
    """The error of reconstructions falls to 0.7 of what the best constant makes, within 400 steps of Adam."""
    net = case.net()
    for _ in range(8):
        _learn(case, net, 50)
        found, constant = _error(net, case), _constant_error(case)
        if found <= 0.7 * constant:
            return
    raise AssertionError(f"reconstructions are {found:.4g} off after 400 steps, and the mean row {constant:.4g}")


def _error(net: Any, case: CoderCase) -> float:
    return _off(_answers(net, case.batch, case.label)["made"], case)


def _constant_error(case: CoderCase) -> float:
    wanted = _wanted(case)
    return _off(wanted.mean(0, keepdim=True).expand_as(wanted), case)


def _off(made: Tensor, case: CoderCase) -> float:
    return float((made - _wanted(case)).square().mean())


def _wanted(case: CoderCase) -> Tensor:
    """The rows in the layout of `decode`."""
    x, *rest = case.batch
    if case.spec.kind == "image":
        return x.float() / 255
    hot = [nn.functional.one_hot(rest[0][:, j], size).float() for j, size in enumerate(case.spec.cardinalities)]
    return torch.cat([x, *hot], 1) if hot else x


def check_rows(case: CoderCase) -> None:
    """What is said of a row does not depend on the rows beside it, on their order, or on padding."""
    net = case.trained()
    whole = _answers(net, case.batch, case.label)
    order = torch.arange(len(case.batch[0])).flip(0)
    some = order[:5]
    label = None if case.label is None else case.label[some]
    part = _answers(net, [rows[some] for rows in case.batch], label)
    for name, tensor in part.items():
        found = distance(tensor, whole[name][some])
        assert found <= _CLOSE, f"{name} depends on the other rows: {found:.2g} off"
    if case.spec.kind == "series":
        x, length = case.batch
        junk = torch.where(torch.arange(x.shape[1])[None, :, None] < length[:, None, None], x, x.new_tensor(7.0))
        padded = torch.cat([junk, x.new_full((len(x), 3, x.shape[2]), -3.0)], 1)
        for name, tensor in _answers(net, [padded, length], case.label).items():
            assert distance(tensor, whole[name]) <= _CLOSE, f"{name} depends on what stands behind the end of a series"


def check_evaluation(case: CoderCase) -> None:
    """Evaluation changes nothing and is not random: no state, no draw from torch's generator, the same answers."""
    net = case.trained()
    before, drawn = state_of(net), torch.get_rng_state()
    first = _answers(net, case.batch, case.label)
    changed = differing(before, state_of(net))
    assert not changed, f"evaluation changes {', '.join(changed)}"
    assert torch.equal(drawn, torch.get_rng_state()), "evaluation draws random numbers"
    again = _answers(net, case.batch, case.label)
    different = differing(first, again)
    assert not different, f"evaluating twice gives two answers: {', '.join(different)}"


def check_seed(case: CoderCase) -> None:
    """The same seed gives the same weights, bit for bit, and another seed others."""
    different = differing(state_of(case.net(1)), state_of(case.net(1)))
    assert not different, f"two builds with one seed differ in {', '.join(different)}"
    assert differing(state_of(case.net(1)), state_of(case.net(2))), "two seeds give the same weights"


def check_stored(case: CoderCase) -> None:
    """state_dict -> safetensors -> a network built from another seed says the same bits."""
    net, other = case.trained(), case.net(seed=99)
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(state_of(net))))
    different = differing(_answers(net, case.batch, case.label), _answers(other, case.batch, case.label))
    assert not different, f"what is stored says other things of {', '.join(different)}"


def check_extremes(case: CoderCase) -> None:
    """Rows that are all black or white, far out, or unknown have finite codes, reconstructions and terms."""
    net = case.trained()
    label = None if case.label is None else case.label[:2]
    x, *rest = (rows[:2] for rows in case.batch)
    if case.spec.kind == "image":
        batch = [torch.stack([torch.zeros_like(x[0]), torch.full_like(x[0], 255)])]
    elif case.spec.kind == "series":
        batch = [torch.stack([x[0] * 0, x[1] * 0 + 1e5]), rest[0]]
    else:
        batch = [torch.stack([x[0] * 0, x[1] * 0 + 1e5]), *(codes * 0 for codes in rest)]
    for name, tensor in _answers(net, batch, label).items():
        assert bool(tensor.isfinite().all()), f"{name} of extreme rows is not finite"


def check_samples(case: CoderCase) -> None:
    """Where it generates: rows in the layout of `decode`, row i of noise i alone, nothing else drawn."""
    net = case.trained()
    if not isinstance(net, Sampler):
        return
    label = None if case.label is None else case.label[:4]
    noise, drawn = torch.randn(4, *net.noise_shape), torch.get_rng_state()
    with torch.no_grad():
        made = net.generate(noise, label)
        alone = net.generate(noise[2:3], None if label is None else label[2:3])
    assert torch.equal(drawn, torch.get_rng_state()), "generating draws random numbers"
    assert distance(alone, made[2:3]) <= _CLOSE, "a sample depends on those beside it"
    assert float((made[0] - made[1]).abs().max()) > 0, "two draws of noise give one sample"


CHECKS: dict[str, Callable[[CoderCase], None]] = {
    "declares": check_declares,
    "suggests": check_suggests,
    "refuses": check_refuses,
    "shapes": check_shapes,
    "gradients": check_gradients,
    "learns": check_learns,
    "rows": check_rows,
    "evaluation": check_evaluation,
    "seed": check_seed,
    "stored": check_stored,
    "extremes": check_extremes,
    "samples": check_samples,
}
"""Every check by name, in the order in which they run."""


def check_coder(config: GenerativeConfig, spec: InputSpec, *, only: Collection[str] = ()) -> None:
    """Run the checks on `config.build(spec)`; AssertionError names every one that failed and why.

    only  names of CHECKS to run; empty = all. torch's global generator is as it was before, afterwards.
    """
    case = CoderCase(config, spec)
    title = f"{type(config).__name__} with {describe(spec)}"
    with torch.random.fork_rng(devices=[]):
        try:
            case.net()
        except Exception as error:
            raise AssertionError(f"{title}: cannot be built: {type(error).__name__}: {error}") from error
    run_checks(title, CHECKS, case, only)
