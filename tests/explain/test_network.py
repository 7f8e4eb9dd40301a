"""A small network from YAML: spam by its typed numbers, others against autograd, mistakes by their texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from learnloop.errors import UserError
from learnloop.explain.network import explain_network
from learnloop.explain.topics import spam
from learnloop.explain.walk import Equation, Network, Say, Table, Walk
from tests.explain.checks import assert_good_walk

SPAM = spam.FILE.read_text(encoding="utf-8")


def explained(tmp_path: Path, text: str, lr: float | None = None, target: str | None = None) -> Walk:
    path = tmp_path / "net.yaml"
    path.write_text(text, encoding="utf-8")
    return explain_network(path, lr, target)


def refused(tmp_path: Path, text: str, lr: float | None = None, target: str | None = None) -> str:
    with pytest.raises(UserError) as caught:
        explained(tmp_path, text, lr, target)
    return str(caught.value)


def equations(walk: Walk) -> dict[str, Equation]:
    """By what stands on the left; of several the first."""
    found: dict[str, Equation] = {}
    for section in walk.sections:
        for block in section.blocks:
            if isinstance(block, Equation):
                found.setdefault(block.formula.split(" = ")[0], block)
    return found


def words(walk: Walk) -> str:
    return "\n".join(block.text for section in walk.sections for block in section.blocks if isinstance(block, Say))


# --- spam -------------------------------------------------------------------------------------------------------


def test_spam_gives_the_guides_numbers() -> None:
    walk = spam.walk()
    assert_good_walk(walk)
    values = walk.values
    assert values["x"].tolist() == [1, 0, 1]
    assert values["linear1"] == pytest.approx([0.8, -0.1])
    assert values["relu1"] == pytest.approx([0.8, 0])
    assert values["output"] == pytest.approx([0.56])
    assert values["yhat"] == pytest.approx([0.636], abs=5e-4)
    assert "The network says: spam, with probability 0.6365. That is right." in words(walk)


def test_spam_goes_back_term_by_term() -> None:
    """Worked out by hand from sigmoid(0.56) = 0.636453: dL/dz = yhat - 1, dL/dw = dL/dz a, w - 0.1 dL/dw."""
    values = spam.walk().values
    assert values["loss"] == pytest.approx(0.451846, abs=2e-6)  # -log 0.636453
    assert values["gradient.yhat"] == pytest.approx([-1.571206], abs=1e-5)  # -1 / 0.636453
    assert values["gradient.output"] == pytest.approx([-0.363547], abs=1e-6)
    assert values["gradient.output.weight"] == pytest.approx(np.array([[-0.290838, 0]]), abs=1e-6)
    assert values["gradient.relu1"] == pytest.approx([-0.254483, -0.072709], abs=1e-6)
    assert values["gradient.linear1"] == pytest.approx([-0.254483, 0], abs=1e-6)
    assert values["gradient.linear1.weight"] == pytest.approx(
        np.array([[-0.254483, 0, -0.254483], [0, 0, 0]]), abs=1e-6
    )
    assert values["updated.linear1.weight"][0] == pytest.approx([0.525448, -0.2, 0.325448], abs=1e-6)
    assert values["updated.output.weight"] == pytest.approx(np.array([[0.729084, 0.2]]), abs=1e-6)
    # again: 0.525448 + 0.325448 = 0.850896, times 0.729084 = 0.620374, sigmoid 0.650304, -log 0.430315
    assert values["after.output"] == pytest.approx([0.620374], abs=2e-6)
    assert values["after.loss"] == pytest.approx(0.430315, abs=2e-6)


def test_spam_is_told_in_sums_that_can_be_read() -> None:
    told = equations(spam.walk())
    assert told["z[H1]"].numbers == "0.5*1 + (-0.2)*0 + 0.3*1"
    assert told["a[H2]"].numbers == "max(0, -0.1)" and "off" in told["a[H2]"].meaning
    assert told["yhat[spam]"].numbers == "1 / (1 + e^(-0.56))"
    assert told["L"].numbers == "-[1 log 0.6365 + 0 log 0.3635]"
    assert told["dL/dyhat[spam]"].numbers == "-1 / 0.6365"
    assert told["dyhat/dz[spam]"].numbers == "0.6365*(1 - 0.6365)"
    assert told["dL/dw[H1, offer]"].numbers == "(-0.2545)*1"
    assert told["dL/da[H1]"].numbers == "0.7*(-0.3635)"


def test_the_picture_has_every_unit_weight_and_slope() -> None:
    network = next(block for block in spam.walk().sections[0].blocks if isinstance(block, Network))
    assert [[node.name for node in layer] for layer in network.layers] == [
        ["free", "win", "offer"],
        ["H1", "H2"],
        ["spam"],
    ]
    assert len(network.edges) == 8 and network.note == ""
    edge = next(edge for edge in network.edges if (edge.layer, edge.start, edge.end) == (0, 2, 1))
    assert edge.weight == -0.5 and edge.gradient == 0


# --- other networks against autograd --------------------------------------------------------------------------------

TWO = """
inputs: {p: 0.5, q: -1.2}
layers:
  - {activation: ACTIVATION, weights: [[0.1, 0.2], [0.3, -0.4], [0.7, 0.9]], bias: [0.1, 0, -0.2]}
  - {activation: LINK, weights: [[0.1, 0.2, 0.3], [0.3, -0.4, -1]], bias: [0.05, 0], units: [cat, dog]}
loss: LOSS
target: TARGET
learning_rate: 0.5
"""
ACTIVATE = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "leaky_relu": F.leaky_relu, "swish": F.silu,
    "gelu": F.gelu, "elu": F.elu, "selu": F.selu, "identity": lambda z: z, "softmax": lambda z: torch.softmax(z, -1),
}  # fmt: skip
PAIRS = [
    ("softmax", "cross_entropy", [0.0, 1.0]),
    ("softmax", "kl", [0.3, 0.7]),
    ("softmax", "mse", [0.0, 1.0]),
    ("sigmoid", "binary_cross_entropy", [0.2, 1.0]),
    ("sigmoid", "mse", [0.0, 1.0]),
    ("identity", "mse", [2.0, -1.0]),
    ("identity", "mae", [2.0, -1.0]),
    ("identity", "huber", [2.0, -0.1]),
    ("identity", "hinge", [0.0, 1.0]),
    ("tanh", "mse", [0.5, -0.5]),
]


def torch_loss(name: str, z: torch.Tensor, yhat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if name == "cross_entropy":
        return F.cross_entropy(z[None], y[None])
    if name == "kl":
        return F.kl_div(yhat.log(), y, reduction="sum")
    if name == "binary_cross_entropy":
        return F.binary_cross_entropy_with_logits(z, y)
    if name == "hinge":
        return (1 - (2 * y - 1) * z).clamp(min=0).mean()
    return {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}[name](yhat, y)


@pytest.mark.parametrize(
    ("activation", "link", "loss", "target"),
    [*[("tanh", *pair) for pair in PAIRS], *[(name, *PAIRS[3]) for name in ACTIVATE]],
)
def test_every_number_equals_autograds(
    activation: str, link: str, loss: str, target: list[float], tmp_path: Path
) -> None:
    text = TWO.replace("ACTIVATION", activation).replace("LINK", link).replace("LOSS", loss)
    walk = explained(tmp_path, text.replace("TARGET", str(target)))
    assert_good_walk(walk)
    x, y = torch.tensor([0.5, -1.2], dtype=torch.float64), torch.tensor(target, dtype=torch.float64)
    arrays = [[[0.1, 0.2], [0.3, -0.4], [0.7, 0.9]], [0.1, 0, -0.2], [[0.1, 0.2, 0.3], [0.3, -0.4, -1]], [0.05, 0]]
    names = ["linear1.weight", "linear1.bias", "output.weight", "output.bias"]
    weights = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in arrays]

    def run(W1: torch.Tensor, b1: torch.Tensor, W2: torch.Tensor, b2: torch.Tensor) -> tuple[torch.Tensor, ...]:
        a = ACTIVATE[activation](W1 @ x + b1)
        z = W2 @ a + b2
        yhat = ACTIVATE[link](z)
        return a, z, yhat, torch_loss(loss, z, yhat, y)

    a, z, yhat, value = run(*weights)
    a.retain_grad(), z.retain_grad()
    value.backward()
    expected = {f"{activation}1": a, "output": z, "yhat": yhat, "loss": value}
    expected |= {f"gradient.{activation}1": a.grad, "gradient.output": z.grad}  # type: ignore[dict-item]
    moved = []
    for name, weight in zip(names, weights, strict=True):
        assert weight.grad is not None
        moved.append((weight - 0.5 * weight.grad).detach())
        expected |= {f"gradient.{name}": weight.grad, f"updated.{name}": moved[-1]}
    expected["after.loss"] = run(*moved)[3]
    for name, tensor in expected.items():
        np.testing.assert_allclose(walk.values[name], tensor.detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_matrix_and_units_by_name_are_the_same_network(tmp_path: Path) -> None:
    by_name = """
inputs: {free: 1, win: 0, offer: 1}
layers:
  - activation: relu
    units:
      H1: {weights: {offer: 0.3, free: 0.5, win: -0.2}}
      H2: {weights: [0.4, 0.1, -0.5], bias: 0}
  - {activation: sigmoid, weights: [[0.7, 0.2]], units: [spam]}
target: spam
"""
    found, expected = explained(tmp_path, by_name), spam.walk()
    for name in ("yhat", "loss", "gradient.linear1.weight", "after.output"):
        np.testing.assert_allclose(found.values[name], expected.values[name], atol=0.05 if "after" in name else 1e-15)
    # H2's bias makes biases of the layer, which move too: here that of H1.
    assert found.values["updated.linear1.bias"] == pytest.approx([0.0254483, 0], abs=1e-6)
    assert "linear1.bias" not in " ".join(expected.values)


def test_and_by_a_step_unit_is_corrected_by_the_perceptrons_rule(tmp_path: Path) -> None:
    text = (
        "inputs: [1, 1]\nlayers:\n  - {activation: step, units: {AND: {weights: [1, 1], bias: -1.5}}}\ntarget: TARGET\n"
    )
    right = explained(tmp_path, text.replace("TARGET", "1"))
    assert right.values["yhat"].tolist() == [1] and not right.values["gradient.output.weight"].any()
    assert "Every slope is 0 here" in words(right)
    wrong = explained(tmp_path, text.replace("TARGET", "0"), lr=1.0)
    assert wrong.values["updated.output.weight"].tolist() == [[0, 0]] and wrong.values["updated.output.bias"] == [-2.5]
    assert wrong.values["after.yhat"].tolist() == [0]
    assert_good_walk(wrong)


def test_a_hidden_step_goes_forward_only(tmp_path: Path) -> None:
    xor = """
inputs: {a: 1, b: 0}
layers:
  - activation: step
    units: {OR: {weights: [1, 1], bias: -0.5}, AND: {weights: [1, 1], bias: -1.5}}
  - activation: step
    units: {XOR: {weights: {OR: 1, AND: -1}, bias: -0.5}}
target: 1
"""
    walk = explained(tmp_path, xor)
    assert walk.values["step1"].tolist() == [1, 0] and walk.values["yhat"].tolist() == [1]
    assert "slope 0" in words(walk) and "gradient.output" not in walk.values


def test_without_a_target_it_goes_forward_and_says_how_to_give_one(tmp_path: Path) -> None:
    text = SPAM.replace("target: 1", "")
    walk = explained(tmp_path, text)
    assert "loss" not in walk.values and "--target 1" in words(walk)
    for target in ("0", "not spam"):
        asked = explained(tmp_path, text, target=target)
        assert asked.values["target"].tolist() == [0]
        assert "That is wrong: the truth is not spam." in words(asked)
    assert "the truth is ham" in words(explained(tmp_path, text + "otherwise: ham\n", target="ham"))


def test_the_learning_rate_of_the_command_goes_first_and_one_too_large_is_said(tmp_path: Path) -> None:
    small, large = explained(tmp_path, SPAM, lr=0.01), explained(tmp_path, SPAM, lr=1.0)
    change = small.values["updated.output.weight"] - 0.7
    assert change[0, 0] == pytest.approx(0.01 * 0.290838, abs=1e-6)
    assert "loss fell" in words(small) and small.values["after.loss"] > large.values["after.loss"]
    line = "inputs: [3]\nlayers:\n  - {weights: [[2]]}\ntarget: 7\n"
    assert "The loss rose" in words(explained(tmp_path, line, lr=1.0)) and "`--lr 0.1`" in words(
        explained(tmp_path, line, lr=1.0)
    )


def test_long_sums_show_the_largest_terms_and_what_the_others_add(tmp_path: Path) -> None:
    weights = [0.01 * place for place in range(40)]
    walk = explained(tmp_path, f"inputs: {[1.0] * 40}\nlayers:\n  - {{weights: [{weights}], bias: [0.5]}}\ntarget: 1\n")
    told = equations(walk)["z[y1]"].numbers
    assert told.startswith("0.34*1 + 0.35*1") and told.endswith("+ ... 34 more terms that add 5.61 + 0.5")
    assert walk.values["output"] == pytest.approx([8.3])
    table = next(
        b for section in walk.sections for b in section.blocks if isinstance(b, Table) and "dL/dw" in b.columns
    )
    assert len(table.rows) == 7  # six of forty inputs are shown, and the bias
    assert table.note == "the steepest of those shown; 34 more move the same way"


# --- mistakes -------------------------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit_name_both_and_the_equation(tmp_path: Path) -> None:
    text = refused(tmp_path, SPAM.replace("[0.7, 0.2]", "[0.7, 0.2, 0.1]"))
    assert "net.yaml line 12: layers[1].units" in text
    assert "one weight for each of H1, H2" in text and "z = W a + b: W is [1, 3], a is [2]" in text
    text = refused(tmp_path, SPAM.replace("[0.4, 0.1, -0.5]", "[0.4, 0.1]"))
    assert "layers[0].units.H2" in text and "z = w . a + b of H2: w is [2], a is [3]" in text
    matrix = "inputs: [1, 2]\nlayers:\n  - {weights: [[1, 2, 3], [4, 5, 6]], bias: [1]}\ntarget: [1, 2]\n"
    text = refused(tmp_path, matrix)
    assert "z = W a + b: W is [2, 3], a is [2]" in text and "z = W a + b: W is [2, 3], b is [1]" in text
    text = refused(tmp_path, SPAM.replace("target: 1", "target: [1, 0]"))
    assert "L(yhat, y): yhat is [1], y is [2]" in text
    text = refused(tmp_path, "inputs: [1]\nlayers:\n  - {weights: [[1], [2, 3]]}\n")
    assert "every row must be as long as the others" in text and "rows of 1, 2 numbers" in text


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        """inputs: {free: 1, win: zero, offer: 1}
layer: []
layers:
  - activation: rellu
    units:
      H1: [0.5, -0.2]
      H2: {weights: {free: 0.4, wins: 0.1, offer: 1}, bais: 1}
  - activation: sigmoid
    weights: [[0.7, 0.2]]
    bias: [.nan]
target: 2
loss: cross_entropy
learning_rate: -1
""",
    )
    for expected in (
        "10 mistakes:\nnet.yaml line 1:",
        "net.yaml line 1: inputs.win: must be a finite number\n  found:     'zero'",
        "net.yaml line 2: layer: no such key here\n  probably:  Did you mean 'layers'?",
        "net.yaml line 4: layers[0].activation: must be a name that is known",
        "Did you mean 'relu'?",
        "net.yaml line 6: layers[0].units.H1",
        "net.yaml line 7: layers[0].units.H2.bais: no such key here\n  probably:  Did you mean 'bias'?",
        "net.yaml line 7: layers[0].units.H2.weights.wins: nothing of this name comes in",
        "Did you mean 'win'?",
        "net.yaml line 10: layers[1].bias[0]: must be a finite number",
        "net.yaml line 12: loss: cross_entropy needs softmax as the activation of the last layer",
        "do:        loss: binary_cross_entropy\n  or:        activation: softmax   # in layers[1]",
        "net.yaml line 13: learning_rate: must be a number above 0",
    ):
        assert expected in text, f"{expected}\n---\n{text}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inputs: {a: [1", "net.yaml line 1, column"),
        ("", "must be a mapping with title"),
        ("- 1", "must be a mapping with title"),
        ("inputs: {}", "must be {name: number} or a list of numbers"),
        ("inputs: {a: 1, a: 2}", "inputs.a: must be given once"),
        ("inputs: [1]", "must be a list of layers"),
        ("inputs: [1]\nlayers: [3]", "layers[0]: must be a mapping with activation, units"),
        ("inputs: [1]\nlayers: [{units: 3}]", "must have units with their weights, or a matrix"),
        ("inputs: [1]\nlayers: [{units: {}}]", "must have at least one unit"),
        ("inputs: [1]\nlayers: [{units: {h: 0.5}}]", "must be a list of numbers, or {name: number}"),
        ("inputs: [1]\nlayers: [{weights: [0.5]}]", "must be a matrix: one list of numbers a unit"),
        ("inputs: [1]\nlayers: [{weights: [[1], [2]], units: [a, a]}]", "must name each row of the matrix once"),
        ("inputs: [1]\nlayers: [{weights: [[1]]}]\ntarget: up", "must be a number for each output"),
        ("inputs: [true]\nlayers: [{weights: [[1]]}]", "inputs[0]: must be a finite number"),
        ("inputs: [1]\nlayers: [{weights: [[1e999]]}]", "layers[0].weights[0][0]: must be a finite number"),
        ("inputs: [1e300]\nlayers: [{weights: [[1e300]]}]\ntarget: 1", "must stay finite"),
    ],
)
def test_bad_files_are_explained(text: str, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("link", "target", "said"),
    [
        ("sigmoid", "2", "binary_cross_entropy compares probabilities: from 0 to 1"),
        ("softmax", "[1, 1]", "the target must add up to 1"),
        ("softmax", "dig", "Did you mean 'dog'?"),
        ("softmax", "1", "L(yhat, y): yhat is [2], y is [] (one number)"),
        ("step", "[0.5, 1]", "perceptron knows no and yes: 0 or 1"),
    ],
)
def test_a_target_that_does_not_go_with_the_loss(link: str, target: str, said: str, tmp_path: Path) -> None:
    layers = f"layers:\n  - {{activation: {link}, weights: [[1], [2]], units: [cat, dog]}}\n"
    if link == "sigmoid":
        layers = layers.replace(", [2]]", "]").replace("[cat, dog]", "[cat]")
    text = refused(tmp_path, f"inputs: [1]\n{layers}target: {target}\n")
    assert said in text and "net.yaml line 4: target" in text
    assert f"--target {target}: " in refused(tmp_path, f"inputs: [1]\n{layers}", target=target)


def test_no_file_and_a_rate_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must be a YAML file with a network\n  found:     no such file"):
        explain_network(tmp_path / "nothing.yaml")
    assert "--lr: must be a finite number above 0" in refused(tmp_path, SPAM, lr=0.0)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="must be a readable text file in UTF-8"):
        explain_network(tmp_path / "binary.yaml")


def test_saturated_outputs_stay_finite(tmp_path: Path) -> None:
    text = "inputs: [1]\nlayers:\n  - {activation: sigmoid, weights: [[-2000]], units: [on]}\ntarget: 1\n"
    walk = explained(tmp_path, text)
    assert_good_walk(walk)
    assert walk.values["loss"] == pytest.approx(2000) and walk.values["gradient.output"] == pytest.approx([-1.0])
    assert "only the short form can be computed" in equations(walk)["dL/dz[on]"].meaning
