"""The section `augment`: words, lists, single fields, the model's advice, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.contracts import InputSpec
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.errors import ManyErrors, RecipeError
from learnloop.recipe.augmenting import Augmentation, Situation, augmentation
from learnloop.recipe.build import build
from learnloop.recipe.resolve import Resolved, resolve
from learnloop.recipe.text import from_yaml, to_yaml

ADVICE = {"flip": "alternate", "crop": 2, "fill": "nearest"}
WORDS = ("cat", "dog")
DIGITS = tuple("0123456789")


def spec(channels: int = 3, side: int = 32) -> InputSpec:
    return InputSpec("image", shape=(channels, side, side), mean=(0.4,) * channels, std=(0.2,) * channels)


def made(*sets: str, advice: dict[str, Any] | None = None, **situation: Any) -> Augmentation:
    draft = build(flags={"data.path": "toy"}, sets=sets)
    case = Situation(**{"spec": spec(), "classes": WORDS, **situation})
    return augmentation(draft.section("augment"), ADVICE if advice is None else advice, "suggested by toy", case)


def values(found: Augmentation) -> dict[str, Any]:
    return {name: getattr(found.config, name) for name in found.config.model_fields_set if name != "name"}


def test_the_models_advice_is_taken_where_nothing_was_asked() -> None:
    found = made()
    assert values(found) == ADVICE and found.config.name == "custom" and found.notes == ()
    assert found.origins["augment.crop"] == found.origins["augment.name"] == "suggested by toy"
    assert found.origins["augment.rotation"] == "default"


def test_what_was_given_stands_on_top() -> None:
    found = made("augment.rotation=15", "augment.crop=0")
    assert values(found) == {**ADVICE, "crop": 0, "rotation": 15}
    assert found.origins["augment.rotation"] == "--set" and found.origins["augment.flip"] == "suggested by toy"
    found = made("augment=standard", "augment.contrast=0.5")
    assert values(found)["contrast"] == 0.5 and values(found)["crop"] == 4 and found.config.name == "standard"
    assert found.origins["augment.crop"] == "augment: standard" and found.origins["augment.name"] == "--set"


def test_none_and_custom_begin_with_nothing() -> None:
    assert not made("augment=none").config.on
    assert values(made("augment=custom", "augment.hue=0.1")) == {"hue": 0.1}


@pytest.mark.parametrize("text", ["[flip, cutout]", "flip,cutout", "flip, cutout"])
def test_a_list_names_operations(text: str) -> None:
    found = made(f"augment={text}")
    assert values(found) == {"flip": "random", "cutout": 0.25} and found.config.name == ("flip", "cutout")
    assert values(made("augment=policy")) == {"policy_ops": 2, "policy_magnitude": 3.0}


def test_photos_are_mirrored_and_moved_unasked_and_nothing_else_is() -> None:
    found = made(advice={})
    assert values(found) == {"flip": "alternate", "crop": 2}
    assert found.origins["augment.name"] == "inferred: colour photos"
    assert not made(advice={}, spec=spec(1)).config.on
    assert not made(advice={}, spec=spec(3, 28)).config.on
    assert not made(advice={}, own=True).config.on


def test_a_run_of_two_passes_changes_nothing_unless_asked() -> None:
    assert not made(passes=2).config.on and made(passes=3).config.on
    assert made("augment=light", passes=1).config.on


@pytest.mark.parametrize("asked", [(), ("augment=light",), ("augment=strong",)])
@pytest.mark.parametrize(
    ("classes", "why"), [(DIGITS, "look like digits or letters"), (None, "the target is a number")]
)
def test_digits_and_numbers_are_not_mirrored_and_a_note_says_so(
    asked: tuple[str, ...], classes: tuple[str, ...] | None, why: str
) -> None:
    found = made(*asked, classes=classes)
    assert found.config.flip == "none" and found.config.crop > 0
    assert why in found.notes[0] and "--set augment.flip=random" in found.notes[0]


@pytest.mark.parametrize("asked", ["augment=[flip]", "augment.flip=random", "augment.flip=none"])
def test_what_was_said_about_mirroring_holds(asked: str) -> None:
    found = made(asked, classes=DIGITS)
    assert found.config.flip == ("none" if "none" in asked else "random") and found.notes == ()


def refused(*sets: str, **situation: Any) -> str:
    with pytest.raises(RecipeError) as caught:
        made(*sets, **situation)
    return str(caught.value)


def test_mistakes_are_named() -> None:
    assert refused("augment=stong") == (
        "augment: must be a kind of augmentation, or a list of operations\n"
        "  found:     'stong'\n"
        "  probably:  a spelling mistake. Did you mean 'strong'?\n"
        "  available: strong, custom, saturation, standard, rotation, auto, none, shift, cutout, contrast, zoom, crop"
    )
    assert "must be one of auto, none, light" in refused("augment=[light, flip]")
    assert "must be a field of augment\n  found:     'augment.rotations'" in refused("augment.rotations=3")
    assert refused("augment.crop=32") == (
        "augment.crop: must be less than the shorter side of the images, 32 pixels\n"
        "  found:     32\n  do:        --set augment.crop=4"
    )
    assert refused("augment=[hue]", spec=spec(1)) == (
        "augment: hue needs images of three channels (red, green and blue)\n"
        "  found:     images of 1 channel\n  do:        --set augment.brightness=0.2"
    )


def test_tables_are_refused() -> None:
    table = InputSpec("table", numbers=3)
    text = "is for images\n  found:     a table\n  do:        leave it out"
    assert refused("augment=light", spec=table) == f"augment: {text}"
    assert refused("augment.zoom=0.1", spec=table) == f"augment.zoom: {text}"
    assert not made("augment=none", spec=table).config.on and not made(spec=table, advice={}).config.on


def test_labels_that_cannot_be_mixed() -> None:
    assert refused("augment=[mixup]", loss="hinge") == (
        "augment: mixup makes probabilities of the labels, and needs a loss that takes them\n"
        "  found:     the loss 'hinge'\n"
        "  do:        --set task.loss=cross_entropy\n"
        "  or:        --set augment.mixup=0"
    )
    assert "the perceptron's rule" in refused("augment.cutmix=1", rule="perceptron")
    assert made("augment=[mixup]", loss="cross_entropy").config.mixes


def test_several_mistakes_come_together() -> None:
    with pytest.raises(ManyErrors) as caught:
        made("augment.rotation=500", "augment.flip=sideways", "augment=lite")
    assert "augment.rotation: must be at most 180" in str(caught.value) and "'lite'" in str(caught.value)


def images(side: int = 32) -> Dataset:
    fields = (Field("image", "image", shape=(side, side, 3)), Field("y", "category", "target", categories=WORDS))
    data = np.zeros((4, side, side, 3), np.uint8)
    return Dataset("toy", Schema(fields), pd.DataFrame({"y": ["cat", "dog"] * 2}), arrays={"image": data})


def resolved(draft: Any) -> Resolved:
    return resolve(draft, images(), spec(), 2, 4000)


@pytest.mark.parametrize("asked", [(), ("augment=strong",), ("augment=[flip, erase]",), ("augment.zoom=0.2",)])
def test_recipe_yaml_says_it_all_and_gives_it_again(asked: tuple[str, ...], tmp_path: Path) -> None:
    first = resolved(build(flags={"data.path": "toy", "model.name": "fastnet"}, sets=asked))
    (tmp_path / "recipe.yaml").write_text(to_yaml(first))
    again = resolved(from_yaml(tmp_path / "recipe.yaml"))
    assert again.augment == first.augment and first.augment.on
    other = build(file=tmp_path / "recipe.yaml", sets=["augment=light"])
    assert resolved(other).augment.policy_ops == 0 and resolved(other).augment.crop == 2


def test_steps_and_epochs_count_as_passes() -> None:
    def on(**flags: Any) -> bool:
        return resolved(build(flags={"data.path": "toy", "model.name": "fastnet", **flags})).augment.on

    assert not on(**{"train.epochs": 2}) and on(**{"train.epochs": 3})
    assert not on(**{"train.steps": 20, "train.batch_size": 500}) and on(**{"train.steps": 24, "train.batch_size": 500})
    assert on(**{"train.minutes": 0.1})
