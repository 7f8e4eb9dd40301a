"""The conformance suite over every entry of MODELS and every kind of input that it takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError, RecipeError
from learnloop.models.config import FITTING
from learnloop.models.table import MODELS, default_model, find_model
from learnloop.testing.models import CHECKS, check_model
from tests.small_models import ONE_OF_EACH, PUBLISHED, least_side, small_options


def images(channels: int, height: int, width: int) -> InputSpec:
    return InputSpec("image", shape=(channels, height, width), mean=(0.3,) * channels, std=(0.25,) * channels)


SPECS = {
    "numbers": InputSpec("table", numbers=4),
    "mixed": InputSpec("table", numbers=3, cardinalities=(3, 2, 40)),
    "categories": InputSpec("table", cardinalities=(5, 30)),
    "28x28": images(1, 28, 28),
    "32x32x3": images(3, 32, 32),
    "8x8": images(1, 8, 8),
    "words": InputSpec("text", vocabulary=60, length=12),
    "steps": InputSpec("series", numbers=3, length=10),
}
ROW_KINDS = {spec.kind for spec in SPECS.values()}
OTHERS = ("hf", *(name for name in MODELS if not MODELS[name].inputs & ROW_KINDS))
"""They need a folder to be built from, or answer with a text: their own tests hold them to their contracts."""
FITTING_PAIRS = [
    (name, key)
    for name in MODELS
    if name not in OTHERS
    for key, spec in SPECS.items()
    if spec.kind in MODELS[name].inputs and name not in PUBLISHED and (name != "mini_resnet" or key == "8x8")
]
CANCELLED = ("vgg11_bn", "efficientnet_b0")
"""They have shifts that the next norm takes away again: tests/models/test_published.py names them."""
WITHOUT_TRAINING = ["declares", "suggests", "refuses", "shape", "seed", "first_loss", "single_row"]


@pytest.mark.parametrize(("name", "key"), FITTING_PAIRS)
def test_every_model_keeps_to_the_contract(name: str, key: str) -> None:
    check_model(MODELS[name].model_validate({}), SPECS[key])


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_network_keeps_to_the_contract(name: str) -> None:
    side = least_side(name)
    only = [check for check in CHECKS if check != "fresh_process" and (check != "gradients" or name not in CANCELLED)]
    config = MODELS[name].model_validate(small_options(name))
    check_model(config, images(1, side, side), only=only if name in ONE_OF_EACH else WITHOUT_TRAINING)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_published_network_learns_a_number(name: str) -> None:
    config = MODELS[name].model_validate(small_options(name))
    check_model(config, SPECS["8x8"], outputs=1, only=["shape", "gradients", "learns"])


def test_mini_resnet_on_its_own_sizes() -> None:
    for key in ("28x28", "32x32x3"):
        check_model(MODELS["mini_resnet"].model_validate({}), SPECS[key], only=["shape", "rows", "first_loss"])


@pytest.mark.parametrize(
    "name",
    [name for name in MODELS if MODELS[name].rule == "gradient" and name not in (*PUBLISHED, *OTHERS)],
)
def test_every_model_learns_a_number(name: str) -> None:
    spec = next(SPECS[key] for key in ("mixed", "8x8", "words") if SPECS[key].kind in MODELS[name].inputs)
    check_model(MODELS[name].model_validate({}), spec, outputs=1, only=["shape", "gradients", "learns"])


@pytest.mark.parametrize(
    "options",
    [
        *(
            {"pooling": pooling, "layers": 2, "bidirectional": False}
            for pooling in ("last", "max", "mean", "attention")
        ),
        {"pooling": "last", "layers": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_every_way_of_pooling_keeps_to_the_contract(name: str, options: dict[str, object]) -> None:
    config = MODELS[name].model_validate({"hidden": 8, "embedding": 8, **options})
    check_model(config, SPECS["steps"], only=["declares", "shape", "gradients", "rows", "padding", "stored"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bow", {"bayes": False, "buckets": 32}),
        ("bow", {"embedding": 0, "ngrams": 3, "slots": 100}),
        ("bow", {"ngrams": 1}),
        ("textcnn", {"widths": [1, 2, 20], "maps": 4, "layers": 3}),
        ("transformer", {"width": 16, "positions": "learned", "pooling": "cls"}),
        ("transformer", {"width": 16, "positions": "rotary"}),
        ("transformer", {"width": 16, "embedding": 8, "heads": 2, "layers": 1}),
    ],
)
def test_other_forms_of_text_models_keep_to_the_contract(name: str, options: dict[str, object]) -> None:
    config = MODELS[name].model_validate(options)
    check_model(config, SPECS["words"], only=["declares", "shape", "gradients", "rows", "padding", "stored", "learns"])


def test_a_transformer_wants_a_width_that_its_heads_divide() -> None:
    for positions, width, fitting in (("sinusoidal", 30, 32), ("rotary", 36, 32)):
        config = MODELS["transformer"].model_validate({"width": width, "positions": positions})
        with pytest.raises(ModelError) as caught:
            config.build(SPECS["words"], 2)
        assert f"--set model.width={fitting}" in str(caught.value)
        MODELS["transformer"].model_validate({"width": fitting, "positions": positions}).build(SPECS["words"], 2)


@pytest.mark.parametrize("name", ["mlp", "tabular", "cnn", "bow", "lstm"])
def test_a_fresh_process_gives_the_same_weights(name: str) -> None:
    key = next(key for key in ("mixed", "8x8", "words") if SPECS[key].kind in MODELS[name].inputs)
    check_model(MODELS[name].model_validate({}), SPECS[key], only=["fresh_process"])


@pytest.mark.parametrize("name", [name for name in MODELS if name not in OTHERS])
def test_wrong_inputs_are_refused_with_models_that_fit(name: str) -> None:
    for key in ("numbers", "28x28", "words", "steps"):
        if SPECS[key].kind not in MODELS[name].inputs:
            with pytest.raises(ModelError) as caught:
                MODELS[name].model_validate({}).build(SPECS[key], 3)
            assert FITTING[SPECS[key].kind][0] in str(caught.value)
    with pytest.raises(ModelError):
        MODELS[name].model_validate({}).build(InputSpec("table"), 3)


def test_fitting_names_agree_with_the_table() -> None:
    for kind, names in FITTING.items():
        assert set(names) == {name for name, config in MODELS.items() if kind in config.inputs}
    assert default_model("table") == "tabular" and default_model("image") == "cnn"
    assert default_model("text") == "blend" and default_model("series") == "lstm"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(RecipeError) as caught:
        find_model("lenet")
    assert str(caught.value) == (
        "--model: must be the name of a model, or an import path package.module:Name\n"
        "  found:     'lenet'\n"
        "  probably:  Did you mean 'lenet5'?\n"
        f"  available: {', '.join(caught.value.available)}"
    )
    assert caught.value.available[0] == "lenet5" and set(caught.value.available) <= set(MODELS)


def test_every_config_describes_its_fields() -> None:
    for name in MODELS:
        for field, info in find_model(name).model_fields.items():  # type: ignore[attr-defined]
            assert info.description, f"{name}.{field} has no description"


def test_suggestions_for_four_rows_and_for_millions() -> None:
    mlp = MODELS["mlp"].model_validate({})
    tiny = mlp.suggest(4, SPECS["numbers"], 2, None)
    assert tiny["train.batch_size"] == 4 and tiny["train.epochs"] >= 500 and tiny["train.patience"] is None
    large = mlp.suggest(2_000_000, SPECS["numbers"], 2, None)
    assert large["train.batch_size"] == 1024 and large["train.epochs"] == 3
    assert "train.epochs" not in mlp.suggest(1000, SPECS["numbers"], 2, 1.0)


OWN = """
import torch
from torch import nn
from learnloop.config import Config


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x)


class Told(nn.Module):
    def __init__(self, spec, outputs, width=8):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.LazyLinear(width), nn.ReLU(), nn.Linear(width, outputs))

    def forward(self, x):
        return self.net(x)


class Demanding(nn.Module):
    def __init__(self, secret):
        super().__init__()


class Half(Config):
    size: int = 3


nothing = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_nets.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    return "own_nets"


def test_a_class_of_yours_by_import_path(own: str) -> None:
    config = find_model(f"{own}:Plain").model_validate({})
    assert config.build(SPECS["numbers"], 3)(torch.zeros(2, 4)).shape == (2, 3)
    assert json.loads(json.dumps(config.model_dump(mode="json")))["path"] == f"{own}:Plain"
    told = find_model(f"{own}:Told").model_validate({"options": {"width": 5}})
    for key in ("mixed", "8x8"):
        spec = SPECS[key]
        net = told.build(spec, 2)
        batch = [torch.zeros(3, *spec.shape)] if spec.kind == "image" else [torch.zeros(3, 3), torch.zeros(3, 3).long()]
        assert net(*batch).shape == (3, 2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Plan", "no 'Plan' in own_nets\n  available: Plain"),
        ("Half", "found:     a ModelMetaclass without inputs, title, numbers, rule, build, suggest"),
        ("nothing", "must be an nn.Module class, or a learnloop.config.Config class"),
    ],
)
def test_a_path_that_names_no_model(own: str, name: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        find_model(f"{own}:{name}")
    assert text in str(caught.value)


def test_a_module_that_cannot_be_imported(own: str) -> None:
    with pytest.raises(RecipeError, match=r"no module named 'own_netz'(.|\n)*PYTHONPATH=. learnloop fit"):
        find_model("own_netz:Plain")
    with pytest.raises(RecipeError, match=r"must import without an error(.|\n)*ZeroDivisionError"):
        find_model("own_broken:Plain")


def test_a_constructor_that_wants_more_or_less(own: str) -> None:
    with pytest.raises(ModelError, match=r"no value for secret(.|\n)*--set model.options.secret="):
        find_model(f"{own}:Demanding").model_validate({}).build(SPECS["numbers"], 3)
    with pytest.raises(ModelError, match=r"options must be parameters(.|\n)*found:     widht\n  available: width"):
        find_model(f"{own}:Told").model_validate({"options": {"widht": 5}}).build(SPECS["numbers"], 3)
