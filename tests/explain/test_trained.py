"""`learnloop explain RUN`: every number equals the trained network's own, by its modules and by autograd."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import learnloop as ll
from learnloop.data.conform import conform
from learnloop.data.split import Split
from learnloop.errors import LearnloopError
from learnloop.explain import trained
from learnloop.explain.trained import explain_run
from learnloop.explain.walk import Equation, Grid, Network, Say, Table, Walk
from learnloop.nn.inputs import TableInput
from learnloop.tasks.perceptron import PerceptronTask
from tests.explain.checks import assert_good_walk

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
}
INPUTS = ["a", "b", "colour", "town", "day"]
LR = 0.05


def table(rows: int = 120) -> pd.DataFrame:
    """Numbers with gaps, a short and a long category, a date; targets of every kind."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=rows), 30 + 12 * rng.normal(size=rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    score = a + (b - 30) / 20 + np.where(colour == "red", 1.0, -0.5)
    frame = pd.DataFrame({"a": a, "b": b, "colour": colour, "town": [f"t{i % 20}" for i in range(rows)]})
    frame["day"] = pd.date_range("2024-01-01", periods=rows, freq="5D").strftime("%Y-%m-%d")
    frame["y"], frame["k"] = np.where(score > 0, "yes", "no"), np.digitize(score, [-0.7, 0.7])
    frame["z"], frame["w"] = 50 + 10 * score, -3 * score
    frame["p"], frame["q"] = (a > 0).astype(int), (b > 30).astype(int)
    frame.loc[::17, "a"] = np.nan
    return frame.astype({"k": str}).replace({"k": {"0": "low", "1": "mid", "2": "high"}})


# name: (targets, model, recipe)
CASES: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "two classes": (["y"], "mlp", {"model.hidden": [12, 5]}),
    "one output": (["y"], "mlp", {"task.loss": "binary_cross_entropy", "model.activation": "tanh"}),
    "hinge": (["y"], "mlp", {"task.loss": "hinge", "model.hidden": [9], "model.activation": "sigmoid"}),
    "batch norm": (["k"], "mlp", {"model.batch_norm": True, "model.activation": "gelu", "model.hidden": [12, 7]}),
    "layer norm": (["k"], "mlp", {"model.layer_norm": True, "model.activation": "swish", "model.dropout": 0.5}),
    "both norms": (["z"], "mlp", {"model.layer_norm": True, "model.batch_norm": True, "model.activation": "elu"}),
    "huber": (["z"], "mlp", {"task.loss": "huber", "model.activation": "selu", "model.hidden": [3]}),
    "mae": (["z"], "mlp", {"task.loss": "mae", "model.activation": "leaky_relu", "model.hidden": [8]}),
    "two numbers": (["z", "w"], "mlp", {"model.activation": "identity", "model.hidden": [4, 3]}),
    "two labels": (["p", "q"], "mlp", {"model.activation": "silu", "model.hidden": [6]}),
    "softmax inside": (["k"], "mlp", {"model.activation": "softmax", "model.hidden": [6, 5]}),
    "linear": (["k"], "linear", {}),
    "line": (["z"], "linear", {}),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a case, trained when it is first asked for."""
    home = tmp_path_factory.mktemp("runs")
    table().to_csv(home / "data.csv", index=False)

    def run(name: str) -> Path:
        out = home / name.replace(" ", "-")
        if not out.exists():
            targets, model, recipe = CASES[name]
            others = [column for column in table().columns if column not in (*INPUTS, *targets)]
            small = {"model.hidden": [12]} if model == "mlp" else {}
            settings = {**FAST, "data.ignore": others, **small, **recipe}
            ll.fit(home / "data.csv", target=targets, model=model, steps=6, lr=0.05, out=out, set=settings)
        return out

    return run


def given(row: pd.Series, *more: str) -> str:
    """A row as it is typed: JSON, missing values null."""
    values = {name: row[name] for name in (*INPUTS, *more)}
    return json.dumps(
        {name: None if pd.isna(v) else v.item() if hasattr(v, "item") else v for name, v in values.items()}
    )


# --- the real network -----------------------------------------------------------------------------------------------


def body_of(net: nn.Module) -> nn.Module:
    return net.body if hasattr(net, "body") else net  # type: ignore[return-value]


def forwards(net: nn.Module, inputs: list[Tensor], slopes: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """The outputs, and what came out of each named module of the stack."""
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(module: nn.Module, arguments: Any, out: Tensor) -> None:
            if slopes:
                out.retain_grad()
            kept[name] = out

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in body_of(net).named_children()]
    outputs = net(*inputs)
    for hook in hooks:
        hook.remove()
    return outputs, kept


def loss_of(name: str, kind: str, outputs: Tensor, y: Tensor) -> Tensor:
    if kind == "numbers":
        losses = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}
        return losses[name](outputs, y)
    if name == "hinge":
        return (1 - (2 * y - 1) * outputs).clamp(min=0).mean()
    if outputs.shape[1] > 1 and kind == "class":
        return F.cross_entropy(outputs, y[:, 0].long())
    return F.binary_cross_entropy_with_logits(outputs, y)


def same(found: np.ndarray, expected: Tensor, what: str) -> None:
    """In float64 both do the same sums in another order: 1e-9 of the largest entry, far below the 1e-5 promised."""
    wanted = expected.detach().numpy().reshape(np.shape(found))
    scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9 * scale, err_msg=what)


def compare(walk: Walk, bundle: ll.Bundle, row: str, y: np.ndarray, loss_name: str) -> None:
    """Every value of the walk against the bundle's network in float64: outcomes, loss, slopes, and the step."""
    data = conform(json.loads(row), bundle.about.schema)
    arrays = bundle.encoder.apply(data)
    net = copy.deepcopy(bundle.net).double().eval()
    # The first inputs as the network computes them: numbers as float64, one-hot and embedded categories.
    inputs = [torch.from_numpy(arrays[key]) for key in bundle.about.spec.keys]
    inputs[0] = inputs[0].double()
    target = torch.from_numpy(y[None])
    outputs, kept = forwards(net, inputs, slopes=True)
    loss = loss_of(loss_name, bundle.about.target, outputs, target)
    loss.backward()
    values, expected = walk.values, dict[str, Tensor]()
    for name, out in kept.items():
        if name in values:
            expected |= {name: out, f"gradient.{name}": out.grad}  # type: ignore[dict-item]
    modules = [
        name for name, module in body_of(net).named_children() if not isinstance(module, nn.Dropout | nn.Flatten)
    ]
    assert {name for name in modules if name != "input"} <= set(values)
    for name, parameter in body_of(net).named_parameters():
        assert parameter.grad is not None
        expected |= {f"gradient.{name}": parameter.grad, f"updated.{name}": parameter - LR * parameter.grad}
    _embeddings(net, arrays, expected, values)
    expected["loss"] = loss
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter -= LR * parameter.grad
        again, _ = forwards(net, inputs, slopes=False)
        expected |= {"after.output": again, "after.loss": loss_of(loss_name, bundle.about.target, again, target)}
    for name, tensor in expected.items():
        same(np.asarray(values[name]), tensor, name)
    answers = bundle.outputs(data)  # in float32, as served
    served = next(iter(answers.values()))[0]
    told = values["value"] if bundle.about.target == "numbers" else values["yhat"]
    if bundle.about.target == "class" and bundle.about.outputs == 1:
        served = served[1:]
    np.testing.assert_allclose(told, served, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(served).max())))


def _embeddings(net: nn.Module, arrays: Any, expected: dict[str, Tensor], values: Any) -> None:
    for module in net.modules():
        if not isinstance(module, TableInput):
            continue
        for place, weights in zip(module.embedded, module.embeddings):
            code = int(arrays["x_cat"][0, place])
            assert ("gradient.embedding.town" in values) == (code > 0)
            if code:
                old, slope = weights.weight[code].detach().clone(), weights.weight.grad[code]  # type: ignore[index]
                expected |= {"gradient.embedding.town": slope, "updated.embedding.town": old - LR * slope}


def truth(bundle: ll.Bundle, row: pd.Series) -> np.ndarray:
    """The row's target as its loss takes it: a class number, 0/1 for each label, or standardised numbers."""
    names = bundle.target_names
    if bundle.about.target == "class":
        return np.array([float(bundle.target.classes.index(row[names[0]]))])
    plain = row[names].to_numpy(np.float64)
    return plain if bundle.about.target == "labels" else (plain - bundle.target.mean) / bundle.target.std


@pytest.mark.parametrize("case", list(CASES))
def test_every_number_is_the_trained_networks_own(case: str, runs: Callable[[str], Path]) -> None:
    run, frame = runs(case), table()
    bundle = ll.Bundle.load(run / "bundle")
    targets, _, recipe = CASES[case]
    unseen = frame.iloc[5].copy()
    unseen[["town", "colour"]] = ["nowhere", None]
    for row in (frame.iloc[3], frame.iloc[17], unseen):  # row 17 lacks a
        walk = explain_run(str(run), [given(row, *targets)], lr=LR)
        assert_good_walk(walk)
        compare(walk, bundle, given(row), truth(bundle, row), recipe.get("task.loss", "mse"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> ll.Run:
    settings = {**FAST, "model.hidden": [40, 20], "model.batch_norm": True}
    return ll.fit("digits", model="mlp", steps=5, out=tmp_path_factory.mktemp("digits") / "run", set=settings)


def test_images_too(digits: ll.Run) -> None:
    walk = explain_run(str(digits.path), lr=LR)
    assert_good_walk(walk)
    pixels = next(block for section in walk.sections for block in section.blocks if isinstance(block, Grid)).values
    assert pixels.shape == (8, 8)
    net = copy.deepcopy(digits.bundle.net).double().eval()
    image = torch.from_numpy(pixels.astype(np.uint8))[None, None]
    target = torch.from_numpy(walk.values["target"])[None]
    loss = F.cross_entropy(net(image), target)
    loss.backward()
    same(np.asarray(walk.values["loss"]), loss, "loss")
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        same(walk.values[f"gradient.{name}"], parameter.grad, name)
    served = digits.bundle.predict(pixels.astype(np.uint8)[..., None])
    assert float(served["probability"].iloc[0]) == pytest.approx(walk.values["yhat"].max(), abs=1e-5)


@pytest.mark.parametrize("target", ["y", "k"])
def test_the_perceptrons_rule_moves_what_its_task_moves(target: str, tmp_path: Path) -> None:
    frame = table().drop(columns=["day", *[c for c in "ykzwpq" if c != target]])
    frame.to_csv(tmp_path / "data.csv", index=False)
    run = ll.fit(tmp_path / "data.csv", target=target, model="perceptron", steps=1, out=tmp_path / "run", set=FAST)
    bundle = run.bundle
    moved = 0
    for place in range(8):
        row = frame.iloc[place].dropna().to_dict()
        walk = explain_run(str(run.path), [json.dumps({"a": None, **row})], lr=LR)
        net = copy.deepcopy(bundle.net).double()
        task = PerceptronTask(net, bundle.about.spec.keys, lr=LR)
        data = conform({"a": None, **row}, bundle.about.schema, need_target=True)
        batch = {key: torch.from_numpy(value) for key, value in bundle.encoder.apply(data).items()}
        batch["x"] = batch["x"].double()
        before = net.weight.detach().clone()
        task.train_step({**batch, "y": torch.from_numpy(bundle.target.apply(data))})
        same(walk.values["updated.output.weight"], net.weight, "weight")
        same(walk.values["updated.output.bias"], net.bias, "bias")
        moved += int(not torch.equal(before, net.weight))
    assert 0 < moved < 8, "rows that are right and rows that are wrong must both be among them"


# --- which row ------------------------------------------------------------------------------------------------------


def test_without_an_input_it_takes_the_rows_held_out(runs: Callable[[str], Path]) -> None:
    run = runs("two classes")
    test = Split.load(run / "splits.npz").test
    for row in (None, 2):
        frame = table().iloc[test[row or 0]]
        found, expected = explain_run(str(run), row=row), explain_run(str(run), [given(frame, "y")])
        assert found.values.keys() == expected.values.keys()
        for name, array in found.values.items():
            np.testing.assert_array_equal(array, expected.values[name], err_msg=name)
    assert "Row 2 of the test part: the network has never seen it" in words(explain_run(str(run), row=2))
    with pytest.raises(LearnloopError, match=r"--row 99: must be a row of the rows held out, counted from 0"):
        explain_run(str(run), row=99)


def test_a_bundle_alone_goes_forward_on_a_row_of_its_exam(runs: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(runs("two classes") / "bundle", tmp_path / "model")
    walk = explain_run(str(tmp_path / "model"))
    assert "loss" not in walk.values and "the bundle lies outside of its run" in words(walk)
    assert "--target no" in words(walk)
    asked = explain_run(str(tmp_path / "model"), target="no")
    assert asked.values["target"].tolist() == [1.0, 0.0] and asked.values["loss"] > 0
    assert "does not keep by which loss it was trained" in words(asked)
    inside = explain_run(str(runs("two classes") / "bundle"))
    np.testing.assert_array_equal(inside.values["loss"], explain_run(str(runs("two classes"))).values["loss"])


def test_data_that_changed_is_said_and_not_used(runs: Callable[[str], Path]) -> None:
    run = runs("line")
    path = run.parent / "data.csv"
    text = path.read_text()
    try:
        path.write_text(text.replace("red", "reds", 1))
        assert "data.csv has changed since it was trained on" in words(explain_run(str(run)))
        path.unlink()
        assert "cannot be read as it was" in words(explain_run(str(run)))
    finally:
        path.write_text(text)
    assert "loss" in explain_run(str(run)).values


def test_a_file_with_and_without_its_target(runs: Callable[[str], Path], tmp_path: Path) -> None:
    run, frame = str(runs("two classes")), table()
    frame[[*INPUTS, "y"]].to_csv(tmp_path / "with.csv", index=False)
    frame[INPUTS].to_csv(tmp_path / "without.csv", index=False)
    assert explain_run(run, [str(tmp_path / "with.csv")], row=4).values["target"].argmax() == (frame["y"][4] == "yes")
    assert "Row 4 of " in words(explain_run(run, [str(tmp_path / "with.csv")], row=4))
    assert "loss" not in explain_run(run, [str(tmp_path / "without.csv")], row=4).values
    asked = explain_run(run, [str(tmp_path / "without.csv")], row=4, target="yes")
    assert asked.values["target"].tolist() == [0.0, 1.0]
    frame["y"] = "maybe"
    frame[[*INPUTS, "y"]].to_csv(tmp_path / "wrong.csv", index=False)
    with pytest.raises(LearnloopError, match="must hold labels that the model was trained on"):
        explain_run(run, [str(tmp_path / "wrong.csv")])


def test_pairs_are_a_row_and_what_was_never_seen_is_said(runs: Callable[[str], Path]) -> None:
    walk = explain_run(str(runs("two classes")), ["a=", "b=31", "colour=pink", "town=t3", "day=2024-03-01"])
    assert "'colour': 1 value never seen in training ('pink'): code 0." in words(walk)
    rows = {row[0]: row for row in the_table(walk, "What goes in").rows}
    assert rows["colour is red"][2] == 0 and "no category of the training part" in str(rows["colour is red"][3])
    assert rows["a"][1] == "missing" and "the training median" in str(rows["a"][3]) and rows["a is missing"][2] == 1


def words(walk: Walk) -> str:
    """All sentences of a walk."""
    return "\n".join(block.text for section in walk.sections for block in section.blocks if isinstance(block, Say))


def the_table(walk: Walk, title: str) -> Table:
    section = next(section for section in walk.sections if section.title == title)
    return next(block for block in section.blocks if isinstance(block, Table))


# --- what is told ---------------------------------------------------------------------------------------------------


def test_a_number_comes_back_in_its_own_unit(runs: Callable[[str], Path]) -> None:
    row = table().iloc[3]
    walk = explain_run(str(runs("line")), [given(row)], target="61.5")
    bundle = ll.Bundle.load(runs("line") / "bundle")
    assert walk.values["value"][0] == pytest.approx(bundle.predict(json.loads(given(row)))["prediction"][0], rel=1e-5)
    assert walk.values["target"][0] == pytest.approx((61.5 - bundle.target.mean[0]) / bundle.target.std[0], abs=1e-12)
    assert "The true value is 61.5." in words(walk) and "standardised" in words(walk)
    assert the_table(walk, "What goes in").columns == ("input", "given", "what the network gets", "how")


def test_of_a_wide_layer_the_most_active_paths_are_shown(digits: ll.Run) -> None:
    walk = explain_run(str(digits.path))
    network = next(block for section in walk.sections for block in section.blocks if isinstance(block, Network))
    assert [len(layer) for layer in network.layers] == [6, 4, 4, 3]
    assert "Shown: 6 of 64 inputs, 4 of 40 units of layer 1, 4 of 20 units of layer 2, 3 of 10 outputs" in network.note
    # The units of the last hidden layer are those that put most into the sums of the outputs shown.
    outputs = [int(node.name) for node in network.layers[-1]]
    assert walk.values["target"].argmax() in outputs and walk.values["yhat"].argmax() in outputs
    weights = digits.bundle.net.output.weight.detach().double().numpy()  # type: ignore[union-attr,operator]
    flow = np.abs(weights[outputs] * walk.values["relu2"]).sum(0)
    assert sorted(node.name for node in network.layers[-2]) == sorted(f"h2.{i + 1}" for i in np.argsort(-flow)[:4])
    sums = [block for block in walk.sections[2].blocks if isinstance(block, Equation) and "z[h1." in block.formula]
    assert "... 58 more terms that add" in sums[0].numbers


def test_training_what_the_loss_left_out_is_said(tmp_path: Path) -> None:
    frame = table()[["a", "b", "y"]]
    frame.to_csv(tmp_path / "data.csv", index=False)
    settings = {**FAST, "task.label_smoothing": 0.1, "task.class_weights": "balanced"}
    run = ll.fit(tmp_path / "data.csv", target="y", model="linear", steps=3, out=tmp_path / "run", set=settings)
    text = words(explain_run(str(run.path)))
    assert "Training smoothed the labels by 0.1" in text and "Training weighed the classes" in text


# --- what cannot be explained -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("cnn3", ["a cnn3 model", "learnloop explain conv", "learnloop explain pool"]),
        ("tabular", ["a tabular model", "learnloop explain mlp"]),
        ("own", ["a module of your own", "learnloop explain mlp"]),
        ("mypackage.nets:Net", ["a module of your own"]),
    ],
)
def test_another_model_says_what_can_be_explained(model: str, said: list[str], digits: ll.Run, tmp_path: Path) -> None:
    shutil.copytree(digits.path, tmp_path / "run")
    about = tmp_path / "run" / "bundle" / "bundle.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"model": {"name": model, "config": {}}}))
    with pytest.raises(LearnloopError) as caught:
        explain_run(str(tmp_path / "run"))
    for text in ("must be a network of weighted sums", "learnloop fit digits --target label --model mlp", *said):
        assert text in str(caught.value)


def test_a_model_too_large_says_what_can_be_explained(
    runs: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "MOST_WEIGHTS", 100)
    with pytest.raises(LearnloopError) as caught:
        explain_run(str(runs("two classes")))
    text = str(caught.value)
    assert "must have at most 100 weights" in text and " weights\n" in text
    assert "--target y --model mlp --set model.hidden=[32]" in text and "learnloop explain spam" in text


@pytest.mark.parametrize(
    ("case", "target", "said"),
    [
        ("two classes", "yess", "must be a class that the network was trained on"),
        ("two classes", "yess", "Did you mean 'yes'?"),
        ("two labels", "p,r", "must be the labels that hold, separated by commas, or none"),
        ("two numbers", "1", "must be 2 numbers, separated by commas"),
        ("line", "high", "must be a number"),
        ("line", "nan", "must be a number"),
    ],
)
def test_a_target_that_is_none(case: str, target: str, said: str, runs: Callable[[str], Path]) -> None:
    with pytest.raises(LearnloopError) as caught:
        explain_run(str(runs(case)), [given(table().iloc[3])], target=target)
    assert said in str(caught.value) and f"--target {target}" in str(caught.value)


def test_labels_and_numbers_are_typed_with_commas(runs: Callable[[str], Path]) -> None:
    row = given(table().iloc[3])
    assert explain_run(str(runs("two labels")), [row], target="q").values["target"].tolist() == [0.0, 1.0]
    assert explain_run(str(runs("two labels")), [row], target="none").values["target"].tolist() == [0.0, 0.0]
    bundle = ll.Bundle.load(runs("two numbers") / "bundle")
    found = explain_run(str(runs("two numbers")), [row], target="50, -3").values["target"]
    np.testing.assert_allclose(found, (np.array([50, -3]) - bundle.target.mean) / bundle.target.std, rtol=1e-12)


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_that_is_none(lr: float, runs: Callable[[str], Path]) -> None:
    with pytest.raises(LearnloopError, match="--lr: must be a finite number above 0"):
        explain_run(str(runs("line")), lr=lr)


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(LearnloopError, match="must be a run folder, or the name of a run"):
        explain_run(str(tmp_path))
