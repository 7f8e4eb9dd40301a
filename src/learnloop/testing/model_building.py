"""Checks of models: what the config declares and refuses, and that a seed decides what it builds."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import FITTING
from learnloop.testing.fresh import declared, in_fresh_process, rebuilt
from learnloop.testing.model_case import Case, differing, state_of


def check_declares(case: Case) -> None:
    """The config has its class variables, and survives a round trip through JSON."""
    kind = type(case.config)
    for name in ("inputs", "title", "numbers", "rule", "build", "suggest"):
        assert hasattr(kind, name), f"{kind.__name__} has no {name!r}"
    assert kind.inputs and kind.inputs <= FITTING.keys(), f"inputs is {kind.inputs!r}"
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


def check_seed(case: Case) -> None:
    """The same seed gives the same weights, bit for bit; nothing else is random."""
    different = differing(state_of(case.net(1)), state_of(case.net(1)))
    assert not different, f"two builds with one seed differ in {', '.join(different)}"


def check_fresh_process(case: Case) -> None:
    """The same seed gives the same weights in another process with another hash seed."""
    message = {**declared(case.config), "spec": case.spec.to_json(), "outputs": case.outputs}
    here, there = fingerprint(case.net(1)), in_fresh_process(fingerprint_of, message, "build it")
    assert here == there, f"weights have fingerprint {here} here and {there} in a fresh process"


def fingerprint(net: nn.Module) -> str:
    """A hash of all weights and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state_of(net).items()):
        digest.update(name.encode() + tensor.cpu().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def fingerprint_of(given: dict[str, Any]) -> str:
    """What a fresh process does in `check_fresh_process`."""
    case = Case(rebuilt(given), InputSpec.from_json(given["spec"]), given["outputs"])
    return fingerprint(case.net(1))
