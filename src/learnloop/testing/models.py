"""`check_model`: what every model must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.models import check_model
    check_model(MyConfig(), InputSpec("table", numbers=4))

Each check raises AssertionError with what was expected and what was found; `check_model` runs all and reports
all.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import FITTING, ModelConfig
from learnloop.seeds import torch_stream
from learnloop.testing.frozen import check_frozen
from learnloop.testing.model_case import ROWS, Case, differing, distance, evaluate, state_of
from learnloop.testing.suite import run_checks


def check_declares(case: Case) -> None:
    """The config has its class variables, and survives a round trip through JSON."""
    kind = type(case.config)
    for name in ("inputs", "title", "numbers", "rule", "build", "suggest"):
        assert hasattr(kind, name), f"{kind.__name__} has no {name!r}"
    assert kind.inputs and kind.inputs <= {"table", "image"}, f"inputs is {kind.inputs!r}"
    assert kind.rule in ("gradient", "perceptron"), f"rule is {kind.rule!r}"
    assert kind.numbers in ("standard", "quantile", "robust", "none"), f"numbers is {kind.numbers!r}"
    again = kind.model_validate(json.loads(json.dumps(case.config.model_dump(mode="json"))))
    assert again == case.config, f"JSON gave back {again!r}"


def check_suggests(case: Case) -> None:
    """`suggest` gives JSON values under dotted keys, for four rows and for a million, with and without
    minutes.
    """
    for rows in (4, 1000, 1_000_000):
        for minutes in (None, 1.0):
            values = case.config.suggest(rows, case.spec, case.outputs, minutes)
            json.dumps(values)
            bad = [key for key in values if key.count(".") < 1]
            assert not bad, f"suggest gives keys without a section: {bad}"
            batch = values.get("train.batch_size")
            assert batch is None or 1 <= batch <= rows, f"suggest gives a batch of {batch} for {rows} rows"


def check_refuses(case: Case) -> None:
    """Inputs of the other kind end in a ModelError that names models that fit."""
    other = InputSpec("image", shape=(1, 28, 28), mean=(0.5,), std=(0.5,))
    if case.spec.kind == "image":
        other = InputSpec("table", numbers=3)
    if other.kind in case.config.inputs:
        return
    try:
        case.config.build(other, case.outputs)
    except ModelError as error:
        named = [name for name in FITTING[other.kind] if name in str(error)]
        assert named, f"the error names no model that takes a {other.kind}: {error}"
    else:
        raise AssertionError(f"it was built for a {other.kind}, which is not in its inputs")


def check_shape(case: Case) -> None:
    """forward gives float [batch, outputs] or [batch, members, outputs], in training and in evaluation."""
    net = case.net()
    for mode in (True, False):
        out = net.train(mode)(*case.batch)
        found = f"{out.dtype} {list(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        fits = isinstance(out, Tensor) and out.is_floating_point() and out.ndim in (2, 3)
        fits = fits and out.shape[0] == ROWS and out.shape[-1] == case.outputs
        wanted = f"[{ROWS}, {case.outputs}] or [{ROWS}, members, {case.outputs}]"
        assert fits, f"expected float {wanted}, found {found}"


def check_gradients(case: Case) -> None:
    """Every parameter that requires a gradient gets one, finite, and not zero throughout the first steps."""
    net = case.net().train()
    trainable = {name: p for name, p in net.named_parameters() if p.requires_grad}
    if not trainable:
        return
    largest = dict.fromkeys(trainable, 0.0)
    optimiser = torch.optim.SGD(list(trainable.values()), lr=0.05)
    # Several steps, because what stands before weights that start at zero gets its gradient only later.
    for _ in range(4):
        optimiser.zero_grad()
        case.loss(net(*case.batch)).backward()
        for name, parameter in trainable.items():
            assert parameter.grad is not None, f"{name} gets no gradient: forward does not use it"
            assert bool(parameter.grad.isfinite().all()), f"{name} gets a gradient that is not finite"
            largest[name] = max(largest[name], float(parameter.grad.abs().max()))
        optimiser.step()
    top = max(largest.values())
    dead = [name for name, value in largest.items() if value <= 1e-7 * top]
    assert not dead, f"dead parameters, their gradient stays zero: {', '.join(dead)}"


def check_learns(case: Case) -> None:
    """The toy problem is learnt: accuracy 0.95 (R2 0.8) on its own rows within 300 steps of Adam, or by its
    rule.
    """
    net = case.net()
    needed = 0.8 if case.outputs == 1 else 0.95
    step = _perceptron_step(case, net) if case.config.rule == "perceptron" else _adam_step(case, net)
    found = -math.inf
    for number in range(1, 301):
        net.train()
        step()
        if number % 10 == 0:
            found = case.quality(net)
            if found >= needed:
                return
    name = "R2" if case.outputs == 1 else "accuracy"
    raise AssertionError(f"the toy problem is not learnt in 300 steps: {name} {found:.2f}, needed {needed}")


def _adam_step(case: Case, net: nn.Module) -> Callable[[], None]:
    trainable = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(trainable, lr=5e-3)

    def step() -> None:
        optimiser.zero_grad()
        case.loss(net(*case.batch)).backward()
        optimiser.step()

    return step


def _perceptron_step(case: Case, net: Any) -> Callable[[], None]:
    """w += lr (y - y_hat) x, row by row: one pass over the toy problem."""
    target = (case.y > 0).float() if case.outputs == 1 else nn.functional.one_hot(case.y, case.outputs).float()

    def step() -> None:
        with torch.no_grad():
            features = net.features(*case.batch)  # [rows, features]
            for x, y in zip(features, target):
                fired = (net.weight @ x + net.bias > 0).float()  # [outputs]
                net.weight += 0.1 * torch.outer(y - fired, x)
                net.bias += 0.1 * (y - fired)

    return step


def check_seed(case: Case) -> None:
    """The same seed gives the same weights, bit for bit; nothing else is random."""
    different = differing(state_of(case.net(1)), state_of(case.net(1)))
    assert not different, f"two builds with one seed differ in {', '.join(different)}"


def check_fresh_process(case: Case) -> None:
    """The same seed gives the same weights in another process with another hash seed."""
    kind = type(case.config)
    message = {
        "class": [kind.__module__, kind.__qualname__],
        "config": case.config.model_dump(mode="json"),
        "spec": case.spec.to_json(),
        "outputs": case.outputs,
    }
    code = "import sys, learnloop.testing.models as m; print(m.fingerprint_of(sys.stdin.read()))"
    # The search path, so that a class from a test file is found; and a hash seed that is not ours.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(message),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"a fresh process cannot build it:\n{done.stderr}"
    here, there = fingerprint(case.net(1)), done.stdout.split()[-1]
    assert here == there, f"weights have fingerprint {here} here and {there} in a fresh process"


def fingerprint(net: nn.Module) -> str:
    """A hash of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state_of(net).items()):
        digest.update(name.encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def fingerprint_of(message: str) -> str:
    """What a fresh process does in `check_fresh_process`."""
    given = json.loads(message)
    module, name = given["class"]
    kind = getattr(importlib.import_module(module), name)
    case = Case(kind.model_validate(given["config"]), InputSpec.from_json(given["spec"]), given["outputs"])
    return fingerprint(case.net(1))


def check_first_loss(case: Case) -> None:
    """At initialisation nothing is known: cross-entropy is ln(classes) within 0.5, whatever the labels."""
    if case.outputs == 1:
        return
    out, expected = evaluate(case.net(), case.batch), math.log(case.outputs)
    found = float((out.logsumexp(-1) - out.mean(-1)).mean())
    assert abs(found - expected) <= 0.5, f"first loss {found:.3f}, not ln({case.outputs}) = {expected:.3f}"


def check_rows(case: Case) -> None:
    """In evaluation a row's prediction depends on that row alone: not on batch size or order."""
    net = case.trained()
    whole = evaluate(net, case.batch)
    order = torch.randperm(ROWS, generator=torch_stream(1, "check_model"))
    shuffled = evaluate(net, [part[order] for part in case.batch])
    far = distance(shuffled, whole[order])
    assert far < 1e-4, f"a prediction depends on the order of rows: it moves by {far:.2g}"
    parts = torch.cat([evaluate(net, [part[k : k + 7] for part in case.batch]) for k in range(0, ROWS, 7)])
    far = distance(parts, whole)
    assert far < 1e-4, f"a prediction depends on the batch size, {ROWS} or 7: it moves by {far:.2g}"


def check_single_row(case: Case) -> None:
    """A batch of one works in evaluation and predicts what it predicts among others."""
    net = case.trained()
    one = evaluate(net, [part[:1] for part in case.batch])
    assert one.shape[0] == 1 and one.shape[-1] == case.outputs, f"a batch of one gives {list(one.shape)}"
    far = distance(one, evaluate(net, case.batch)[:1])
    assert far < 1e-4, f"a row alone is predicted differently: by {far:.2g}"


def check_evaluation(case: Case) -> None:
    """Evaluation changes nothing and is not random: no state, no draw from torch's generator, the same
    answer.
    """
    net = case.trained().eval()
    before, drawn = state_of(net), torch.get_rng_state()
    first = evaluate(net, case.batch)
    changed = differing(before, state_of(net))
    assert not changed, f"evaluation changes {', '.join(changed)}"
    assert torch.equal(drawn, torch.get_rng_state()), "evaluation draws random numbers"
    assert torch.equal(first, evaluate(net, case.batch)), "evaluating twice gives two answers"


def check_stored(case: Case) -> None:
    """state_dict -> safetensors -> a network built from another seed predicts the same bits."""
    net = case.trained()
    stored = safetensors.torch.save(state_of(net))
    other = case.net(seed=99)
    other.load_state_dict(safetensors.torch.load(stored))
    same = torch.equal(evaluate(net, case.batch), evaluate(other, case.batch))
    assert same, "after save and load it predicts differently: something that matters is not in state_dict"


def check_bytes(case: Case) -> None:
    """Images as uint8 and as float of the same values (0..255) give the same prediction."""
    if case.spec.kind != "image":
        return
    net = case.trained()
    far = distance(evaluate(net, [case.batch[0].float()]), evaluate(net, case.batch))
    assert far < 1e-5, f"float images are predicted differently from uint8 images: by {far:.2g}"


def check_extremes(case: Case) -> None:
    """Outputs stay finite for numbers of a million, for pure black and white, and for unseen categories."""
    net = case.trained()
    if case.spec.kind == "image":
        image = torch.zeros(4, *case.spec.shape, dtype=torch.uint8)
        image[1], image[2, :, ::2] = 255, 255
        cases = {"black and white images": [image]}
    else:
        x = torch.full((4, case.spec.numbers), 1e6) * torch.tensor([1.0, -1.0, 0.0, 1e-12]).unsqueeze(1)
        codes = torch.zeros(4, len(case.spec.cardinalities), dtype=torch.int64)
        rest = [codes] if case.spec.cardinalities else []
        cases = {"numbers of a million and unseen categories": [x, *rest]}
        if rest:
            last = torch.tensor(case.spec.cardinalities).expand(4, -1) - 1
            cases["the last code of each category"] = [torch.zeros_like(x), last]
    for name, batch in cases.items():
        assert bool(evaluate(net, batch).isfinite().all()), f"the output is not finite for {name}"


CHECKS: dict[str, Callable[[Case], None]] = {
    "declares": check_declares,
    "suggests": check_suggests,
    "refuses": check_refuses,
    "shape": check_shape,
    "gradients": check_gradients,
    "learns": check_learns,
    "seed": check_seed,
    "fresh_process": check_fresh_process,
    "first_loss": check_first_loss,
    "rows": check_rows,
    "single_row": check_single_row,
    "evaluation": check_evaluation,
    "stored": check_stored,
    "bytes": check_bytes,
    "extremes": check_extremes,
    "frozen": check_frozen,
}
"""Every check by name, in the order in which they run."""


def check_model(
    config: ModelConfig,
    spec: InputSpec,
    outputs: int = 3,
    *,
    only: Collection[str] = (),
    fresh_process: bool = False,
) -> None:
    """Run the checks on `config.build(spec, outputs)`; AssertionError names every one that failed and why.

    only           names of CHECKS to run; empty = all
    fresh_process  also build in another process (about 2 s)

    torch's global generator is as it was before, afterwards.
    """
    case = Case(config, spec, outputs)
    with torch.random.fork_rng(devices=[]):
        try:
            case.net()
        except Exception as error:
            raise AssertionError(f"{_title(case)}: cannot be built: {type(error).__name__}: {error}") from error
    default = [name for name in CHECKS if name != "fresh_process" or fresh_process]
    run_checks(_title(case), CHECKS, case, only or default)


def _title(case: Case) -> str:
    spec = case.spec
    shape = spec.shape if spec.kind == "image" else (spec.numbers, spec.cardinalities)
    return f"{type(case.config).__name__} on {spec.kind} {shape}, {case.outputs} outputs"
