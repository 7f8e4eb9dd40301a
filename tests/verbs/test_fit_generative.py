"""`fit` of networks that make data: what it infers, writes and refuses; resumed bit for bit; what is measured."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import learnloop as ll
from learnloop.bundle.generative import GenerativeBundle
from learnloop.cli.main import run as command
from learnloop.contracts import X, Y
from learnloop.errors import ManyErrors, RecipeError, RunError, UserError
from learnloop.recipe.build import build
from learnloop.recipe.draft import Draft
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted, job_of
from learnloop.verbs.generative import judged_rows, wants_generative
from learnloop.verbs.generative_data import GenerativePrepared, prepare_generative
from learnloop.verbs.generative_made import _of_classes, _source_itself
from learnloop.verbs.run import Run

PLAIN = {"plan.name": "plain", "plan.threads": 1, "report.html": False, "train.batch_size": 8}
SMALL: dict[str, dict[str, Any]] = {
    "autoencoder": {"model.code": 2},
    "vae": {"model.code": 2, "model.widths": [8], "generate.shots": 3},
    "dense_gan": {"model.widths": [8], "model.noise": 4, "generate.samples": 80},
}


def pictures(count: int = 120, side: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares above (class "up") or below ("down"), of different brightness and place."""
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 30, (count, side, side)).astype(np.uint8)
    down = np.arange(count) % 2
    for row in range(count):
        left, top = rng.integers(0, side // 2), down[row] * side // 2
        found[row, top : top + side // 2, left : left + side // 2] += rng.integers(120, 220).astype(np.uint8)
    return found, np.array(["up", "down"])[down]


def table(count: int = 90) -> pd.DataFrame:
    """Four columns of two dimensions, a category, a class, and a number that is none."""
    rng = np.random.default_rng(0)
    two = rng.standard_normal((count, 2))
    columns = {f"x{place}": two @ np.array(weights) for place, weights in enumerate([(1, 0), (0, 1), (1, 1), (2, -1)])}
    colour = np.where(two[:, 0] > 0, "red", "blue")
    return pd.DataFrame({**columns, "colour": colour, "kind": np.where(two[:, 1] > 0, "a", "b")})


def images(folder: Path, count: int, channels: int = 1, names: str = "{}.png", seed: int = 0) -> Path:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures(count, seed=seed)[0]):
        full = picture if channels == 1 else np.stack([picture] * 3, axis=-1)
        Image.fromarray(full).save(folder / names.format(number))
    return folder


def draft(data: object, sets: dict[str, Any] | None = None, **flags: Any) -> Draft:
    given = {"data.path": str(data)} if isinstance(data, str | Path) else {}
    objects = {} if given else {"data": data}
    named = {"task": "task.name", "model": "model.name", "target": "data.target", "out": "out"}
    values = {**given, **{named[key]: value for key, value in flags.items()}, **(sets or {})}
    return build(flags=values, objects=objects, origin="argument")


def prepared(data: object, sets: dict[str, Any] | None = None, **flags: Any) -> GenerativePrepared:
    return prepare_generative(draft(data, {"watch.progress": "off", **(sets or {})}, **flags))


def fit(data: object, out: Path, task: str, model: str, steps: int = 4, **more: Any) -> Run:
    settings = {**PLAIN, **SMALL.get(model, {}), **more.pop("set", {})}
    return ll.fit(data, out=out, task=task, model=model, steps=steps, set=settings, progress="off", **more)


def weights(run: Run) -> bytes:
    return (run.path / "bundle" / "model.safetensors").read_bytes()


def stop_at_three(event: Event) -> None:
    """Ends the run the way Ctrl-C does."""
    if event.kind == "train" and event.step >= 3:
        os.kill(os.getpid(), signal.SIGINT)


# --- whole runs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "model"), [("autoencode", "vae"), ("gan", "dense_gan")])
def test_a_run_resumed_is_the_run_that_was_not_cut(task: str, model: str, tmp_path: Path) -> None:
    x, _ = pictures()
    np.savez(tmp_path / "x.npz", x=x)
    data, more = tmp_path / "x.npz", {"train.log_every": 1, "train.average": 0.9}
    whole = fit(data, tmp_path / "whole", task, model, 6, set=more)
    with pytest.raises(Interrupted, match="learnloop fit --resume"):
        fit(data, tmp_path / "cut", task, model, 6, set=more, watchers=[stop_at_three])
    resumed = ll.fit(resume=tmp_path / "cut", progress="off")
    assert weights(resumed) == weights(whole)
    assert whole.history.drop(columns="seconds").equals(resumed.history.drop(columns="seconds"))
    assert resumed.metrics == whole.metrics
    again = ll.fit(whole.path / "recipe.yaml", out=tmp_path / "again", progress="off")
    assert weights(again) == weights(whole), "the resolved recipe does not give the run again"


def test_the_run_says_what_was_decided(tmp_path: Path) -> None:
    found = ll.fit(
        pictures(), out=tmp_path / "run", model="vae", steps=3, set={**PLAIN, **SMALL["vae"]}, progress="off"
    )
    recipe = (found.path / "recipe.yaml").read_text()
    assert re.search(r"name: autoencode +# inferred: vae is of this task", recipe)
    assert re.search(r"target: \[y\] +# inferred: 'y' holds classes", recipe)
    assert re.search(r"path: null +# argument: an object in memory", recipe)
    assert re.search(r"shots: 3 +# argument", recipe) and re.search(r"loss: auto +# the network's own", recipe)
    report = found.report
    assert report["asked"]["task"] == "autoencode" and report["asked"]["target"] == ["y"]
    assert report["data"]["rows"] == {"train": 82, "validation": 14, "test": 24}
    assert report["generative"]["kind"] == ["coder", "sampler"]
    assert [row["name"] for row in report["baselines"]] == ["pca"]
    assert job_of(draft("x"), found.path) == "generative"


def test_the_figures_by_which_weights_were_chosen_stand_beside_the_final_ones(tmp_path: Path) -> None:
    run = fit(pictures(), tmp_path / "run", "gan", "dense_gan", 6, set={"train.evaluate_every": 2})
    rows = run.history.query("kind == 'validation'").set_index("step")
    report = run.report
    chosen, monitor = report["training"]["best_step"], report["training"]["monitor"]
    assert list(rows.index) == [2, 4, 6]
    assert chosen == rows[monitor].idxmin()
    assert run.metrics["validation"][monitor] == rows.loc[chosen, monitor]
    assert run.summary()["metrics"]["test"] == run.metrics["test"] != run.metrics["validation"]
    assert "loss" not in run.metrics["validation"]


def test_figures_of_codes_are_those_of_the_bundle(tmp_path: Path) -> None:
    found = fit(pictures(), tmp_path / "run", "autoencode", "autoencoder")
    p = prepared(pictures(), {**PLAIN, **SMALL["autoencoder"]}, task="autoencode", model="autoencoder")
    bundle = GenerativeBundle.load(found.path / "bundle")
    held = p.part("test")
    errors = bundle.encode(held).terms["mse"]
    metrics = found.metrics["test"]
    assert metrics["mse"] == pytest.approx(errors.mean(), rel=1e-5)
    x = held.arrays["image"].reshape(len(held), -1) / 255
    centre = (p.part("train").arrays["image"].reshape(-1, x.shape[1]) / 255).mean(0)
    kept = 1 - errors.sum() * x.shape[1] / np.square(x - centre).sum()
    assert metrics["explained_variance"] == pytest.approx(kept, abs=1e-4)
    validation = bundle.encode(p.part("validation")).score
    assert bundle.about.threshold == pytest.approx(validation.max(), rel=1e-6), "14 rows cannot say where 95 % lie"
    assert bundle.means is not None and bundle.means.shape == (2, 2)
    train, y = bundle.encode(p.part("train")).codes, p.codes("train")
    assert np.allclose(bundle.means[1], train[y == 1].mean(axis=0), atol=1e-5)


def test_pca_keeps_all_of_what_has_two_dimensions(tmp_path: Path) -> None:
    data = table().drop(columns=["colour", "kind"])
    found = fit(data, tmp_path / "run", "autoencode", "autoencoder", set={"generate.clusters": 3})
    (pca,) = found.report["baselines"]
    assert pca["title"] == "PCA with 2 numbers" and pca["metrics"]["explained_variance"] == pytest.approx(1, abs=1e-6)
    assert found.report["generative"]["codes"]["clusters"]["count"] == 3
    assert "less than PCA with as many (100.0 %): take PCA" in found.report["verdict"]
    columns = found.report["generative"]["columns"]
    assert [row["name"] for row in columns] == ["x0", "x1", "x2", "x3"] and all(row["mse"] > 0 for row in columns)


def test_a_table_with_categories_says_how_many_are_right(tmp_path: Path) -> None:
    found = fit(table(), tmp_path / "run", "autoencode", "autoencoder", 300, set={"optimiser.lr": 0.02})
    (colour,) = [row for row in found.report["generative"]["columns"] if row["name"] == "colour"]
    assert colour["right"] > 0.9, "the colour is the sign of x0, which two numbers keep"
    assert "mse" not in found.report["baselines"][0]["metrics"], "the network's error is about categories too"
    assert "adjusted_rand" not in found.metrics["test"] and found.report["asked"]["target"] == []


def test_a_table_of_categories_alone_has_no_variance_to_explain(tmp_path: Path) -> None:
    data = table().assign(other=lambda rows: np.where(rows.x2 > 0, "up", "down"))[["colour", "kind", "other"]]
    found = fit(data, tmp_path / "run", "autoencode", "autoencoder", 5)
    assert "explained_variance" not in found.metrics["test"]
    rights = [row["right"] for row in found.report["generative"]["columns"]]
    assert (
        len(rights) == 3 and f"keep {100 * np.mean(rights):.1f} % of the categories of rows" in found.report["verdict"]
    )


def test_anomalies_are_found_among_classes_that_were_not_trained_on(tmp_path: Path) -> None:
    found = fit(pictures(), tmp_path / "run", "autoencode", "autoencoder", 150, set={"generate.normal": "up"})
    part = found.report["generative"]["anomalies"]
    names = [(row["name"], row["title"]) for row in part["methods"]]
    assert names == [("network", "The network"), ("pca", "PCA"), ("isolation_forest", "IsolationForest")]
    assert all(row["roc_auc"] > 0.9 for row in part["methods"][:2]), "below is nothing like above"
    assert part["rows"] == {"normal": 12, "odd": 12}
    assert found.metrics["test"]["roc_auc"] == part["methods"][0]["roc_auc"]
    assert "Rows that are not up are told best by" in found.report["verdict"]
    assert found.report["data"]["rows"]["train"] == 41, "only normal rows are learnt from"
    assert found.report["evaluation"]["test"]["rows"] == 12, "whose errors are those of normal rows"
    bundle = GenerativeBundle.load(found.path / "bundle")
    odd = bundle.codes(pictures(40, seed=5)[0])["anomaly"].to_numpy()
    assert odd[1::2].mean() > 0.8 and odd[1::2].mean() == pytest.approx(part["methods"][0]["flagged"], abs=0.25)


def test_the_bound_names_its_binarisation_and_lies_above_the_elbo(tmp_path: Path) -> None:
    found = fit(pictures(), tmp_path / "run", "autoencode", "vae", 30, set={"generate.shots": 20})
    part, metrics = found.report["generative"], found.metrics["test"]
    assert part["bound"] | {"log_likelihood": 0} == {
        "binarise": "dynamic", "likelihood": "bernoulli", "k": 20, "rows": 24, "log_likelihood": 0,
    }  # fmt: skip
    assert metrics["elbo"] == pytest.approx(-metrics["reconstruction"] - metrics["kl"], rel=1e-5)
    assert metrics["log_likelihood"] > metrics["elbo"] - 1, "20 draws are no worse than one"
    assert len(part["kl"]) == 2 and sum(part["kl"]) == pytest.approx(metrics["kl"], rel=0.05)
    assert (
        f"ln p(x) is at least {metrics['log_likelihood']:.2f} nats (dynamic binarisation, k = 20)"
        in found.report["verdict"]
    )


def test_samples_are_measured_beside_real_pictures(tmp_path: Path) -> None:
    found = fit(pictures(320)[0], tmp_path / "run", "gan", "dense_gan")
    report, metrics = found.report, found.metrics["test"]
    assert [row["name"] for row in report["baselines"]] == ["real", "gaussian"]
    values = {row["name"]: row["metrics"]["frechet_pixels"] for row in report["baselines"]}
    assert values["real"] < values["gaussian"] < metrics["frechet_pixels"]
    assert report["verdict"].startswith(f"Frechet of pixels of 80 samples: {metrics['frechet_pixels']:.4g} (real ")
    assert "it has learnt nothing of use" in report["verdict"], "after four steps"
    assert report["training"]["monitor"] == "frechet_pixels" and 0 <= metrics["memorised"] <= 1
    assert report["generative"]["judge"]["name"] == "frechet_pixels"
    assert report["generative"]["samples"]["rows"] == 80
    bundle = GenerativeBundle.load(found.path / "bundle")
    assert (bundle.generate(3, seed=7) == bundle.generate(80, seed=7)[:3]).all()


@pytest.mark.parametrize(("model", "key"), [("pix2pix", "mae"), ("cyclegan", "cycle_error")])
def test_pictures_from_pictures_are_measured(model: str, key: str, tmp_path: Path) -> None:
    more = {"generate.make": "invert", "generate.samples": 10, "model.widths": [4, 8]}
    if model == "cyclegan":
        more = {"generate.make": "invert", "generate.samples": 10}
    found = fit(pictures(60)[0], tmp_path / "run", "gan", model, 3, set=more)
    metrics = found.metrics["test"]
    assert key in metrics and metrics["mae"] > 0, "what is wanted is known, even where it was not shown"
    (itself,) = found.report["baselines"]
    test = prepared(pictures(60)[0], {"generate.make": "invert"}, task="gan", model=model).tensors["test"]
    off = (test[X][:10].double() - test[Y][:10].double()).abs().mean() / 255
    assert itself["metrics"]["mae"] == pytest.approx(float(off), rel=1e-6)
    assert found.report["generative"]["kind"] == ["mapper"]


def test_a_source_picture_is_brought_to_the_size_and_colours_of_what_is_wanted() -> None:
    found = prepared(pictures(), {"generate.make": "halve"}, task="gan")
    flat = torch.full((2, 1, 4, 4), 100, dtype=torch.uint8)
    row = _source_itself(found, flat, torch.full((2, 3, 8, 8), 151, dtype=torch.uint8))
    assert row["metrics"]["mae"] == pytest.approx(51 / 255, rel=1e-6), "enlarged, and grey in all three colours"
    assert row["metrics"]["psnr"] == pytest.approx(-20 * np.log10(51 / 255), rel=1e-6)
    red = torch.zeros((2, 3, 8, 8), dtype=torch.uint8)
    red[:, 0] = 100
    grey = _source_itself(found, red, torch.zeros((2, 1, 8, 8), dtype=torch.uint8))
    assert grey["metrics"]["mae"] == pytest.approx(29.9 / 255, rel=1e-5)


# --- what is read -----------------------------------------------------------------------------------------------


def test_data_without_any_target_is_learnt_from(tmp_path: Path) -> None:
    loose = images(tmp_path / "loose", 30, 3)
    x = pictures(30)[0]
    np.savez(tmp_path / "parts.npz", x_train=x[:20], x_test=x[20:])
    table().drop(columns="kind").to_csv(tmp_path / "rows.csv", index=False)
    for source, shape in ((loose, (3, 8, 8)), (tmp_path / "parts.npz", (1, 8, 8)), (x, (1, 8, 8))):
        found = prepared(source, task="diffusion")
        assert found.spec.shape == shape and found.labels is None and found.classes == ()
        assert Y not in found.tensors["train"] and found.recipe.data.target == ()
    assert len(prepared(tmp_path / "parts.npz", task="diffusion").tensors["test"][X]) == 10
    assert len(prepared(loose, task="diffusion").dataset.origin["sha256"]) == 64
    rows = prepared(tmp_path / "rows.csv", task="autoencode")
    assert rows.spec.numbers == 4 and rows.spec.cardinalities == (3,) and rows.choice.model == "deep_autoencoder"


def test_classes_are_known_and_told_only_where_the_network_is_to_be_told(tmp_path: Path) -> None:
    free = prepared(pictures(), task="gan")
    assert free.classes == ("down", "up") and Y not in free.tensors["train"] and not free.labelled
    told = prepared(pictures(), {"model.class_conditional": True}, task="gan")
    codes = told.codes("train")
    assert codes is not None and told.labelled and (told.tensors["train"][Y].numpy() == codes).all()
    assert (judged_rows(free, "test")[Y].numpy() == free.codes("test")).all()


def test_a_target_without_classes_is_learnt_like_the_other_columns() -> None:
    data = table().assign(y=np.linspace(0, 1, 90))
    found = prepared(data, task="autoencode")
    assert found.classes == () and "y" in found.encoder.number_names
    assert "Learnt like the other columns, as it holds no classes: y." in found.notes
    with pytest.raises(RecipeError, match="must be a column of classes for the task autoencode") as error:
        prepared(data, task="autoencode", target=("y",))
    assert "found:     'y' is a number" in str(error.value) and "leave it out: all columns are learnt" in str(
        error.value
    )
    named = prepared(data, task="autoencode", target=("kind",))
    assert named.classes == ("a", "b") and "kind" not in named.encoder.category_names


def test_one_class_folder_is_no_class(tmp_path: Path) -> None:
    images(tmp_path / "faces" / "all", 30)
    found = prepared(tmp_path / "faces", task="gan")
    assert found.labels is None and "label says the same of every row: it is no class." in found.notes


def test_held_out_rows_stand_in_a_drawn_order(tmp_path: Path) -> None:
    for name in ("a1", "b1", "c1"):
        images(tmp_path / name, 20)
    found = prepared(tmp_path, {"generate.normal": ["a1", "c1"]}, task="autoencode")
    codes = found.codes("test")
    assert codes is not None and set(codes[:6]) == {0, 1, 2} and len(codes) == 12
    again = prepared(tmp_path, {"generate.normal": ["a1", "c1"]}, task="autoencode")
    assert (again.split.test == found.split.test).all() and torch.equal(
        again.tensors["test"][X], found.tensors["test"][X]
    )
    for part in ("train", "validation"):
        some = found.codes(part)
        assert some is not None and set(some) == {0, 2}


def test_pairs_are_recognised_and_the_network_follows(tmp_path: Path) -> None:
    images(tmp_path / "named" / "a", 24)
    images(tmp_path / "named" / "b", 24, 3)
    found = prepared(tmp_path / "named", task="gan")
    assert (found.choice.model, found.pairing, found.aligned) == ("pix2pix", "paired", True)
    assert found.wanted is not None and found.wanted.shape == (3, 8, 8) and found.spec.shape == (1, 8, 8)
    grey = found.tensors["test"][X].expand(-1, 3, -1, -1)
    assert torch.equal(grey, found.tensors["test"][Y]), "row i of Y is what is wanted of row i of X"
    images(tmp_path / "heaps" / "trainA", 24)
    images(tmp_path / "heaps" / "trainB", 40)
    heaps = prepared(tmp_path / "heaps", task="gan")
    assert (heaps.choice.model, heaps.aligned) == ("cyclegan", False)
    assert sum(len(part[Y]) for part in heaps.tensors.values()) == 40
    assert torch.equal(heaps.pictures("train"), heaps.tensors["train"][Y])


def test_folders_a_and_b_are_classes_where_a_network_of_pictures_is_asked_for(tmp_path: Path) -> None:
    images(tmp_path / "a", 20)
    images(tmp_path / "b", 20, names="other{}.png")
    assert prepared(tmp_path, task="gan", model="dcgan").classes == ("a", "b")
    assert prepared(tmp_path, task="autoencode").classes == ("a", "b")
    assert prepared(tmp_path, task="gan").choice.model == "cyclegan"


def test_sources_are_computed_from_the_pictures_themselves() -> None:
    found = prepared(pictures(), {"generate.make": "halve"}, task="gan")
    assert found.choice.model == "superres" and found.spec.shape == (1, 4, 4) and found.classes == ("down", "up")
    assert found.wanted is not None and found.wanted.shape == (1, 8, 8)
    tiles = found.tensors["train"][Y].float().unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5))
    assert torch.equal(found.tensors["train"][X], tiles.round().byte())
    resized = prepared(pictures(), {"generate.make": "quarter", "data.image_size": 16}, task="gan")
    assert resized.wanted is not None and resized.wanted.shape == (1, 16, 16) and resized.spec.shape == (1, 4, 4)
    free = prepared(pictures(), {"generate.make": "invert"}, task="gan", model="cyclegan")
    assert free.pairing == "unpaired" and free.aligned


# --- what is refused --------------------------------------------------------------------------------------------


def refused(data: object, sets: dict[str, Any] | None = None, **flags: Any) -> str:
    with pytest.raises(UserError) as error:
        prepared(data, sets, **flags)
    return str(error.value)


def test_unpaired_data_is_refused_by_pix2pix(tmp_path: Path) -> None:
    images(tmp_path / "trainA", 24)
    images(tmp_path / "trainB", 30)
    said = refused(tmp_path, task="gan", model="pix2pix")
    assert "pix2pix needs pairs: the picture to make beside each source picture" in said
    assert "holds 24 and 30 pictures without pairs" in said
    assert "--model cyclegan   # learns from two heaps of pictures" in said
    assert "files of the same name in folders a/ and b/" in said


def test_pictures_by_themselves_are_refused_by_networks_that_map() -> None:
    said = refused(pictures(), task="gan", model="pix2pix")
    assert "found:     (x, y) holds pictures by themselves" in said and "--set generate.make=edges" in said
    assert "cyclegan needs two heaps of pictures" in refused(pictures(), task="gan", model="cyclegan")


def test_pairs_are_refused_by_networks_of_single_pictures() -> None:
    x = pictures(30)[0]
    said = refused((x, 255 - x), task="gan", model="dcgan")
    assert "must be a network that makes pictures from pictures" in said
    assert "found:     'dcgan', and (x, y) holds 30 pairs of pictures" in said
    assert "available: pix2pix, cyclegan, superres" in said
    assert "'conv_autoencoder', and (x, y) holds" in refused((x, 255 - x), task="autoencode")
    said = refused((x, 255 - x), {"generate.make": "edges"}, task="gan")
    assert "generate.make: is for data without pairs" in said and "(x, y) holds 30 pairs of pictures" in said


def test_labels_that_are_not_there_are_refused() -> None:
    said = refused(pictures()[0], {"model.class_conditional": True}, task="gan")
    assert "model.class_conditional: needs a class of every row" in said and "--target COLUMN" in said
    said = refused(pictures()[0], {"generate.normal": "up"}, task="autoencode")
    assert "generate.normal: needs a class of every row" in said
    said = refused(pictures(), {"generate.normal": ["up", "left"]}, task="autoencode")
    assert "must name classes of (x, y)\n  found:     'left'\n  available: down, up" in said
    assert "must leave a class that is to be found" in refused(
        pictures(), {"generate.normal": ["up", "down"]}, task="autoencode"
    )


def test_models_that_do_not_fit_the_data_are_refused() -> None:
    said = refused(table(), task="gan")
    assert "--model: must be a model for tables\n  found:     'dcgan' takes images" in said
    assert "--task autoencode --model vae" in said
    said = refused(table(), task="autoencode", model="conv_vae")
    assert "available: autoencoder, deep_autoencoder" in said
    said = refused(pictures(), task="gan", model="vae")
    assert "must be the name of a gan model" in said and "dcgan" in said
    with pytest.raises(RecipeError, match="must be the name of a network of the task gan"):
        ll.fit(pictures(), task="gan", model=torch.nn.Linear(2, 2), steps=1)


def test_values_that_nothing_listens_to_are_refused_all_at_once() -> None:
    sets = {"augment.rotation": 10, "text.tokens": "bpe", "generate.make": "edges", "report.views": "mirror"}
    with pytest.raises(ManyErrors) as error:
        prepared(pictures(), sets, task="autoencode")
    said = str(error.value)
    for key in ("augment.rotation", "text.tokens", "report.views"):
        assert f"{key}: is of no use to networks that make data" in said
    assert "generate.make: is for the task gan and diffusion\n  found:     the task autoencode" in said
    assert "generate.normal: is for the task autoencode" in refused(pictures(), {"generate.normal": "up"}, task="gan")
    said = refused(pictures(), {"task.loss": "mse"}, task="gan")
    assert "the task gan has its own objective" in said and "do:        model.objective" in said
    with pytest.raises(RecipeError, match=r"is for networks that make data \(tasks autoencode, gan, diffusion\)"):
        ll.fit(pictures(), task="classify", model="linear", steps=1, set={"generate.samples": 5})


def test_fewer_samples_than_features_are_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="generate.samples: must be more than the 64 features of the judge") as error:
        fit(pictures(320)[0], tmp_path / "run", "gan", "dense_gan", set={"generate.samples": 20})
    assert "found:     20 samples" in str(error.value)
    assert not (tmp_path / "run" / "checkpoints").exists() or not list((tmp_path / "run" / "checkpoints").iterdir())


def test_too_few_real_pictures_are_measured_all_the_same(tmp_path: Path) -> None:
    found = fit(pictures(40)[0], tmp_path / "run", "gan", "dense_gan")
    assert np.isfinite(found.metrics["test"]["frechet_pixels"])
    assert found.report["generative"]["judge"]["real"] == 40, "all there are"


def test_changed_data_is_refused_when_a_run_is_resumed(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=pictures()[0])
    with pytest.raises(Interrupted):
        fit(
            tmp_path / "x.npz", tmp_path / "run", "autoencode", "autoencoder", 6,
            set={"train.log_every": 1}, watchers=[stop_at_three],
        )  # fmt: skip
    np.savez(tmp_path / "x.npz", x=pictures(seed=3)[0])
    with pytest.raises(RunError, match="needs the data that the run was begun on"):
        ll.fit(resume=tmp_path / "run", progress="off")


# --- which job, and what the commands say -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"task": "gan"}, True),
        ({"task": "diffusion"}, True),
        ({"model": "vae"}, True),
        ({"model": "ddpm", "task": "auto"}, True),
        ({"task": "classify", "model": "cnn"}, False),
        ({"model": "lstm"}, False),
        ({}, False),
    ],
)
def test_the_task_or_the_model_says_that_data_is_to_be_made(flags: dict[str, str], wanted: bool) -> None:
    assert wants_generative(draft("mnist", **flags)) is wanted
    assert (job_of(draft("digits", **flags)) == "generative") is wanted


def test_the_command_checks_without_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "x.npz", x=pictures()[0], y=(pictures()[1] == "up").astype(int))
    told = ["fit", str(tmp_path / "x.npz"), "--task", "gan", "--model", "dense_gan", "--check", "--json"]
    assert command(told) == 0
    out = capsys.readouterr()
    found = json.loads(out.out.splitlines()[-1])
    assert found["ok"] and (found["task"], found["model"]) == ("gan", "dense_gan") and found["rows"]["test"] == 24
    assert "images 8x8x1; classes: 0, 1 (only to measure by)" in out.err
    assert command([*told, "--set", "generate.normal=3"]) == 2


def test_the_verdict_names_classes_that_are_made_too_seldom() -> None:
    real = {"0": 0.5, "1": 0.3, "2": 0.2}
    alike = {"histogram": {"0": 0.45, "1": 0.3, "2": 0.25}, "classes_in_data": real}
    assert _of_classes(alike) == " It makes all 3 classes about as often as the data has them."
    said = _of_classes({"histogram": {"0": 0.9, "1": 0.1, "2": 0.0}, "classes_in_data": real})
    assert said == (
        " It makes some classes too seldom or too often: 2 0.0 % (20.0 % in the data), 1 10.0 % (30.0 % in the data), "
        "0 90.0 % (50.0 % in the data)."
    )
    assert _of_classes({"histogram": {"cat": 1.0}, "classes_in_data": real}) == "", "a judge of other classes"
