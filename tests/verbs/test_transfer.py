"""Transfer learning end to end: three ways, frozen bases, exact resume, weights that are refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn

import learnloop as ll
from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import DataError, ManyErrors, ModelError, RecipeError, RunError
from learnloop.models import pretrained
from learnloop.models.resnet import ResNet18Config
from learnloop.models.table import MODELS
from learnloop.optim.stepper import TorchStepper
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
}
SMALL = {"model.stem": 4, "model.width": 8, "model.dense": 8}


def photos(classes: int = 3, rows: int = 48, side: int = 16, shift: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Class k has its bright stripe at a place of its own."""
    rng = np.random.default_rng(classes)
    x = rng.integers(0, 120, (rows, side, side, 3)).astype(np.uint8)
    y = np.arange(rows) % classes
    for image, k in zip(x, y):
        image[4 * k : 4 * k + 4] = 250
    return x, np.array(["cat", "dog", "owl", "cow", "hen"])[y + shift]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base") / "base"
    ll.fit(photos(4), model="mini_resnet", epochs=3, batch_size=16, out=out, set={**FAST, **SMALL})
    return out


def move(base: Path, out: Path, settings: Mapping[str, Any], **more: Any) -> ll.Run:
    values = {**FAST, "model.weights": str(base), **settings}
    return ll.fit(photos(), batch_size=8, out=out, set=values, **{"epochs": 3, **more})


def tensors(run: Path) -> dict[str, Tensor]:
    return load_file(run / "bundle" / "model.safetensors")


def changed(base: Path, run: ll.Run) -> set[str]:
    before, after = tensors(base), tensors(run.path)
    assert before.keys() == after.keys()
    return {
        name for name in after if before[name].shape != after[name].shape or not torch.equal(before[name], after[name])
    }


# --- the three ways -----------------------------------------------------------------------------------------------


def test_features_change_nothing_but_the_head(base: Path, tmp_path: Path) -> None:
    run = move(base, tmp_path / "run", {"transfer.mode": "features"})
    assert changed(base, run) == {"net.output.weight", "net.output.bias"}
    facts = run.report["training"]["transfer"]
    assert facts["computed_once"] and facts["head"] == "net.output" and facts["trained"] == 8 * 3 + 3
    assert not (run.path / "features.safetensors").exists()  # a cache: gone with the end of the run
    assert any("3 outputs instead of 4" in note for note in run.report["data"]["notes"])


def test_features_of_colour_photos_are_computed_once_unaugmented_and_that_is_said(base: Path, tmp_path: Path) -> None:
    """Photos of 32 pixels are moved and mirrored by default, but not where a moved one would need new features."""
    data = photos(side=32)
    values = {**FAST, "model.weights": str(base)}
    run = ll.fit(data, batch_size=8, epochs=4, out=tmp_path / "run", set={**values, "transfer.mode": "features"})
    recipe = yaml.safe_load((run.path / "recipe.yaml").read_text())
    assert recipe["augment"]["name"] == "none" and recipe["augment"]["flip"] == "none"
    assert run.report["training"]["transfer"]["computed_once"]
    said = (
        "features: computed once for all rows, whose images are not augmented; only the head net.output is trained, "
        "on them (--set augment=light computes them anew for every batch)"
    )
    assert said in run.report["data"]["notes"]
    tuned = ll.fit(data, batch_size=8, epochs=4, out=tmp_path / "tuned", set=values)
    recipe = yaml.safe_load((tuned.path / "recipe.yaml").read_text())
    assert recipe["transfer"]["mode"] == "finetune" and recipe["augment"]["flip"] == "alternate"


@pytest.mark.parametrize(("name", "side"), [("vgg11", 32), ("alexnet", 24)])
def test_layers_keep_the_sizes_of_the_weights_on_small_images(name: str, side: int, tmp_path: Path) -> None:
    """From scratch these networks get smaller dense layers under 64 pixels; published weights would not fit those."""
    fields = {"width": 0.0625, "dense": 16}
    spec = InputSpec("image", shape=(3, side, side), mean=(0.5,) * 3, std=(0.25,) * 3)
    published = MODELS[name](**fields)  # type: ignore[operator]
    torch.save(published.build(spec, 10).state_dict(), tmp_path / "own.pth")
    chosen = {f"model.{field}": value for field, value in fields.items()}
    data = photos(side=side)
    scratch = ll.fit(data, model=name, steps=1, batch_size=8, out=tmp_path / "scratch", set={**FAST, **chosen})
    values = {**FAST, **chosen, "model.weights": str(tmp_path / "own.pth")}
    run = ll.fit(data, model=name, steps=1, batch_size=8, out=tmp_path / "run", set=values)
    pools = [yaml.safe_load((each.path / "recipe.yaml").read_text())["model"]["pool"] for each in (scratch, run)]
    assert pools[0] < pools[1] == published.pool
    assert any("tensors of own.pth; the head net.classifier.6 is new" in note for note in run.report["data"]["notes"])


def test_features_equal_a_frozen_base_in_the_loop(base: Path, tmp_path: Path) -> None:
    once = move(base, tmp_path / "once", {"transfer.mode": "features"})
    loop = move(base, tmp_path / "loop", {"transfer.mode": "finetune", "transfer.stages": 0, "augment": "none"})
    assert not loop.report["training"]["transfer"]["computed_once"]
    a, b = tensors(once.path), tensors(loop.path)
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-6)
    assert changed(base, loop) == changed(base, once)


def test_features_are_computed_anew_with_augmentation(base: Path, tmp_path: Path) -> None:
    run = move(base, tmp_path / "run", {"transfer.mode": "features", "augment.flip": "random"})
    assert not run.report["training"]["transfer"]["computed_once"]
    assert "features: computed anew for every batch, because images are augmented" in run.report["data"]["notes"]
    assert changed(base, run) == {"net.output.weight", "net.output.bias"}


def test_the_last_stages_learn_and_those_below_stay(base: Path, tmp_path: Path) -> None:
    run = move(base, tmp_path / "run", {"transfer.mode": "finetune", "transfer.stages": 2})
    facts = run.report["training"]["transfer"]
    assert facts["rates"] == {"dense": 0.1, "block2": 0.04} and facts["frozen"] == ["stem", "block1"]
    moved = {name.split(".")[1] for name in changed(base, run)}
    assert moved == {"block2", "dense", "output"}
    assert "net.block2.bn1.running_mean" in changed(base, run)  # the statistics of what learns follow


def test_finetune_and_full_move_everything_but_the_pixels(base: Path, tmp_path: Path) -> None:
    for mode in ("finetune", "full"):
        found = changed(base, move(base, tmp_path / mode, {"transfer.mode": mode}))
        assert found == {name for name in tensors(base) if not name.startswith("input.")}, mode


def test_gradual_unfreezing_reaches_the_first_stage_at_half_of_the_run(base: Path, tmp_path: Path) -> None:
    settings = {"transfer.unfreeze": "gradual", "train.log_every": 1, "train.evaluate_every": 1}
    seen: dict[int, set[str]] = {}

    def look(event: Event) -> None:
        if event.kind == "train":
            live = training[0].task.net.named_parameters()
            seen[event.step] = {name.split(".")[1] for name, p in live if p.requires_grad}

    training: list[Any] = []
    import learnloop.verbs.fit as module

    original = module.set_up

    def spy(*args: Any, **named: Any) -> Any:
        found = original(*args, **named)
        training.append(found)
        return found

    module.set_up = spy  # type: ignore[assignment]
    try:
        move(base, tmp_path / "run", settings, steps=16, epochs=None, watchers=[look])
    finally:
        module.set_up = original
    assert seen[1] == {"output"}
    assert seen[3] == {"output", "dense"}  # step 3 is taken at the share 2/16 = 0.5 * 1/4
    assert seen[9] == seen[16] == {"output", "dense", "block2", "block1", "stem"}


def test_a_head_for_the_same_classes_is_kept(base: Path, tmp_path: Path) -> None:
    run = ll.fit(photos(4), steps=1, batch_size=8, out=tmp_path / "run", set={**FAST, "model.weights": str(base)})
    assert not run.report["training"]["transfer"]["new_head"]
    other = ll.fit(
        photos(4, shift=1), steps=1, batch_size=8, out=tmp_path / "other", set={**FAST, "model.weights": str(base)}
    )
    assert other.report["training"]["transfer"]["new_head"]
    assert any("its 4 outputs are other classes" in note for note in other.report["data"]["notes"])


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.body(x).flatten(1))  # [batch, 3]


def test_a_module_that_was_handed_over_brings_its_own_weights(tmp_path: Path) -> None:
    net = Own()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    ll.fit(photos(), model=net, epochs=2, batch_size=8, out=tmp_path / "r", set={**FAST, "transfer": "features"})
    moved = {name for name, tensor in net.state_dict().items() if not torch.equal(before[name], tensor)}
    assert moved == {"fc.weight", "fc.bias"}


# --- resume and recipe --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"transfer.mode": "features"},
        {"transfer.mode": "features", "augment": ["flip"]},
        {"transfer.unfreeze": "gradual", "train.average": 0.9},
        {"transfer.mode": "finetune", "transfer.stages": 1},
    ],
    ids=["features", "augmented", "gradual", "stages"],
)
def test_interrupted_and_resumed_equals_undisturbed(base: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    def stop(event: Event) -> None:
        if event.kind == "train" and event.step >= 5:
            os.kill(os.getpid(), signal.SIGINT)

    settings = {**settings, "train.log_every": 1}
    whole = move(base, tmp_path / "whole", settings)
    with pytest.raises(Interrupted):
        move(base, tmp_path / "cut", settings, watchers=[stop])
    again = ll.fit(photos(), resume=tmp_path / "cut")
    assert 0 < again.report["training"]["steps"] == whole.report["training"]["steps"]
    one, other = ((run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, again))
    assert one == other


def test_the_recipe_holds_weights_and_checksum_and_gives_the_run_again(base: Path, tmp_path: Path) -> None:
    run = move(base, tmp_path / "run", {"transfer.mode": "finetune"})
    digest = hashlib.sha256((base / "bundle" / "model.safetensors").read_bytes()).hexdigest()
    text = (run.path / "recipe.yaml").read_text()
    assert digest in text and str(base / "bundle") in text and "name: mini_resnet" in text
    assert run.folder.read_json(run.folder.environment)["weights"] == {"name": "base", "sha256": digest}
    again = _from_recipe(run, tmp_path / "again")
    assert tensors(run.path).keys() == tensors(again.path).keys()
    assert all(torch.equal(tensor, tensors(again.path)[name]) for name, tensor in tensors(run.path).items())


def _from_recipe(run: ll.Run, out: Path) -> ll.Run:
    from learnloop.recipe.build import build
    from learnloop.verbs.fit import fit_draft

    draft = build(file=run.path / "recipe.yaml", flags={"out": str(out)}, objects={"data": photos()}, origin="argument")
    return fit_draft(draft)


def test_weights_that_have_changed_since_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.pth"
    net = ResNet18Config.model_validate({"width": 0.0625, "stem": "small"}).build(_spec(), 3)
    torch.save(net.state_dict(), file)
    settings = {**FAST, "model.weights": str(file), "model.width": 0.0625, "model.stem": "small"}
    run = ll.fit(photos(), model="resnet18", steps=1, batch_size=8, out=tmp_path / "run", set=settings)
    net.net.fc.bias.data += 1  # type: ignore[union-attr]
    torch.save(net.state_dict(), file)
    with pytest.raises(DataError, match="must have the sha256") as caught:
        _from_recipe(run, tmp_path / "again")
    assert "other weights under the same name" in str(caught.value)


def _spec() -> Any:
    from learnloop.contracts import InputSpec

    return InputSpec("image", shape=(3, 16, 16), mean=(0.5,) * 3, std=(0.2,) * 3)


# --- published weights --------------------------------------------------------------------------------------------


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A narrow resnet18 in the place of the published one, in LEARNLOOP_DATA."""
    monkeypatch.setattr(ResNet18Config.model_fields["width"], "default", 0.0625)
    net = ResNet18Config.model_validate({"width": 0.0625, "stem": "published"}).build(_imagenet(), 1000)
    folder = tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    torch.save(net.net.state_dict(), folder / "new.pth")  # type: ignore[union-attr]
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()[:8]
    path = (folder / "new.pth").rename(folder / f"resnet18-{digest}.pth")
    monkeypatch.setenv("LEARNLOOP_DATA", str(tmp_path / "data"))
    url = f"https://example.org/models/{path.name}"
    monkeypatch.setitem(pretrained.PUBLISHED, "imagenet", {"resnet18": url})
    return path


def _imagenet() -> Any:
    from learnloop.contracts import InputSpec

    return InputSpec("image", shape=(3, 224, 224), mean=pretrained.IMAGENET_MEAN, std=pretrained.IMAGENET_STD)


@pytest.mark.parametrize("how", ["name", "file"])
def test_published_weights_bring_model_stem_and_pixels(published: Path, tmp_path: Path, how: str) -> None:
    weights = "imagenet" if how == "name" else str(published)
    data = photos(side=32)
    run = ll.fit(data, steps=2, batch_size=8, out=tmp_path / "run", set={**FAST, "model.weights": weights})
    found = tensors(run.path)
    assert run.report["asked"]["model"] == "resnet18" and found["net.conv1.weight"].shape[-1] == 7
    torch.testing.assert_close(found["input.scale"].flatten()[0].item(), 1 / (255 * 0.229), rtol=1e-6, atol=0)
    assert any("3 outputs instead of 1000" in note for note in run.report["data"]["notes"])
    assert "stem: published" in (run.path / "recipe.yaml").read_text()


def test_damaged_published_weights_are_refused(published: Path, tmp_path: Path) -> None:
    published.write_bytes(published.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError) as caught:
        ll.fit(photos(side=32), out=tmp_path / "run", set={**FAST, "model.weights": "imagenet"})
    assert f"must have the sha256 {published.stem[-8:]}..." in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_weights_are_not_downloaded_unasked(published: Path, tmp_path: Path) -> None:
    published.unlink()
    with pytest.raises(DataError) as caught:
        ll.fit(photos(side=32), out=tmp_path / "run", set={**FAST, "model.weights": "imagenet"})
    text = str(caught.value)
    assert "it is neither in LEARNLOOP_DATA nor in the cache" in text and "--download" in text
    assert "https://example.org/models/resnet18-" in text


def test_a_model_without_published_weights_is_told_which_have_some(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="names weights for some models only") as caught:
        ll.fit(photos(), model="cnn", out=tmp_path / "r", set={**FAST, "model.weights": "imagenet"})
    assert "resnet18" in str(caught.value) and "available:" in str(caught.value)


def test_a_url_needs_a_checksum(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="must come with a checksum"):
        ll.fit(photos(), out=tmp_path / "r", set={**FAST, "model.weights": "https://example.org/net.pth"})


# --- what is refused ----------------------------------------------------------------------------------------------


def refused(settings: Mapping[str, Any], tmp_path: Path, data: object = None, **more: Any) -> str:
    with pytest.raises((RecipeError, ModelError, RunError, ManyErrors)) as caught:
        ll.fit(photos() if data is None else data, out=tmp_path / "refused", set={**FAST, **settings}, **more)
    return str(caught.value)


def test_weights_of_another_architecture(base: Path, tmp_path: Path) -> None:
    text = refused({"model.weights": str(base)}, tmp_path, model="cnn3")
    assert "must be weights of the same architecture" in text and "conv1.weight is absent in base" in text


def test_a_name_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "flowers.pth").write_bytes(b"")
    text = refused({"model.weights": str(tmp_path / "flower.pth")}, tmp_path)
    assert "nothing of that name" in text and "flowers.pth" in text and "imagenet" in text


def test_a_file_of_objects(tmp_path: Path) -> None:
    path = tmp_path / "own.pth"
    path.write_bytes(pickle.dumps({"net": Own}))
    assert "must be a file of tensors" in refused({"model.weights": str(path)}, tmp_path)


def test_modes_that_need_weights_and_weights_that_need_a_mode(base: Path, tmp_path: Path) -> None:
    assert "features needs weights to start from" in refused({"transfer.mode": "features"}, tmp_path)
    text = refused({"model.weights": str(base), "transfer.mode": "none"}, tmp_path)
    assert "must not be none where weights are given" in text
    text = refused({"model.weights": str(base), "transfer.mode": "features", "transfer.stages": 2}, tmp_path)
    assert "is for a base that learns" in text
    assert "must be at most 4" in refused({"model.weights": str(base), "transfer.stages": 9}, tmp_path)


def test_tables_are_refused(base: Path, tmp_path: Path) -> None:
    table = (np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2)
    text = refused({"transfer.mode": "finetune", "transfer.weights": None}, tmp_path, table, model="mlp")
    assert "is for networks on images" in text
    assert "must be a model for tables" in refused({"model.weights": str(base)}, tmp_path, table)


class TorchSGD(Config):
    """An optimiser of somebody else's: one rate for all tensors."""

    lr: float = Field(0.01, gt=0)

    def build(self, net: nn.Module, *, fused: bool = True) -> TorchStepper:
        return TorchStepper(torch.optim.SGD(net.parameters(), lr=self.lr))


def test_an_optimiser_that_knows_no_rates_by_stage_is_refused(base: Path, tmp_path: Path) -> None:
    settings = {"model.weights": str(base), "optimiser.name": f"{__name__}:TorchSGD"}
    text = refused(settings, tmp_path)
    assert "a TorchStepper, which has one rate for all" in text and "--set optimiser=adamw" in text
    run = move(base, tmp_path / "even", {**settings, "transfer.mode": "full"}, epochs=1)
    assert "net.stem.conv.weight" in changed(base, run)
