"""Bundles that make data: samples by seed, codes, ways back to the user's units, refusals, and the exam at load."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from learnloop.bundle.bundle import Bundle
from learnloop.bundle.generative import GenerativeBundle
from learnloop.bundle.noise import between, classes_of, combined, noise_of
from learnloop.contracts import X_CAT, X
from learnloop.errors import DataError, ModelError, RunError
from learnloop.transforms.decoded import decoded_rows
from learnloop.transforms.inputs import InputEncoder
from tests.bundle.generative_cases import SMALL, bundle_of, pictures, series, table

SAMPLERS = ["vae", "dense_gan", "dcgan", "ddpm"]


def array(made: object) -> np.ndarray:
    assert isinstance(made, np.ndarray)
    return made


# --- samples


@pytest.mark.parametrize("name", SAMPLERS)
def test_sample_i_is_a_function_of_the_seed_and_i_alone(name: str) -> None:
    bundle = bundle_of(name, pictures())
    many = array(bundle.generate(37, seed=5))
    assert many.dtype == np.uint8 and many.shape == (37, 1, 16, 16)
    assert np.array_equal(array(bundle.generate(3, seed=5)), many[:3]), "not of how many are asked for"
    assert np.array_equal(array(bundle.generate(20, seed=5)), many[:20])
    assert not np.array_equal(array(bundle.generate(3, seed=6)), many[:3]), "another seed, other samples"
    assert len(np.unique(many.reshape(37, -1), axis=0)) == 37, "no two alike"


def test_making_samples_draws_nothing_from_the_global_stream() -> None:
    state = torch.get_rng_state()
    bundle_of("ddpm", pictures()).generate(2)
    bundle = bundle_of("vae", pictures())
    after = torch.get_rng_state()
    bundle.generate(2)
    bundle.interpolate(3)
    assert torch.equal(after, torch.get_rng_state())
    torch.set_rng_state(state)


def test_classes_are_those_asked_for_and_else_as_frequent_as_in_training() -> None:
    bundle = bundle_of("vae", pictures(), class_conditional=True, shares=(0.0, 0.25, 0.75))
    assert bundle.labels(3, 0, "owl").tolist() == [2, 2, 2]  # type: ignore[union-attr]
    assert bundle.labels(2, 0, ["dog", "cat"]).tolist() == [1, 0]  # type: ignore[union-attr]
    drawn = bundle.labels(4000, 1)
    assert drawn is not None and np.bincount(drawn.numpy(), minlength=3) / 4000 == pytest.approx(
        [0, 0.25, 0.75], abs=0.03
    )  # 4 standard errors of 4000 draws
    assert torch.equal(bundle.labels(7, 1), drawn[:7])  # type: ignore[arg-type]
    owls, cats = array(bundle.generate(4, 3, "owl")), array(bundle.generate(4, 3, "cat"))
    assert not np.array_equal(owls, cats), "the class is told to the network"
    assert bundle_of("vae", pictures()).labels(5, 0) is None


def test_other_classes_are_refused_with_those_that_there_are() -> None:
    told = bundle_of("vae", pictures(), class_conditional=True)
    with pytest.raises(DataError) as caught:
        told.generate(2, label="dgo")
    text = str(caught.value)
    assert "--class dgo: must be a class that the network was trained with" in text
    assert "Did you mean 'dog'?" in text and "available: dog, owl, cat" in text
    with pytest.raises(DataError, match="must be one class, or one for each of the 3 samples"):
        told.generate(3, label=["cat", "dog"])
    with pytest.raises(DataError) as caught:
        bundle_of("vae", pictures()).generate(2, label="dog")
    assert "is for networks that are told a class" in str(caught.value)
    assert "--model vae --set model.class_conditional=true" in str(caught.value)
    with pytest.raises(DataError, match="--count: must be at least 1 sample"):
        told.generate(0)


# --- ways between, and sums


def test_the_way_between_begins_and_ends_at_samples() -> None:
    bundle = bundle_of("vae", pictures())
    way = array(bundle.interpolate(5, seed=4))
    ends = array(bundle.generate(2, seed=4))
    assert way.shape == (5, 1, 16, 16)
    assert np.abs(way[[0, -1]].astype(int) - ends).max() <= 1  # rounding of the angle


def test_a_way_along_the_sphere_keeps_its_length_and_meets_the_middle() -> None:
    way = between(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 3)
    assert way[1].tolist() == pytest.approx([2**0.5, 2**0.5])
    assert way.norm(dim=1).tolist() == pytest.approx([2, 2, 2])
    straight = between(torch.tensor([1.0, 0.0]), torch.tensor([3.0, 0.0]), 3)
    assert straight[1].tolist() == pytest.approx([2, 0])


def test_sums_of_seeds_are_as_long_as_draws() -> None:
    rows = noise_of(3, range(3), (4000,))
    total = combined([1, -1, 1], rows)
    assert torch.allclose(total[0], (rows[0] - rows[1] + rows[2]) / 3**0.5)
    assert float(total.std()) == pytest.approx(1, abs=0.05)
    assert torch.equal(noise_of(3, [2], (4000,))[0], rows[2])
    assert classes_of(0, range(5), (0.5, 0.5)).tolist() == classes_of(0, range(9), (0.5, 0.5)).tolist()[:5]


def test_arithmetic_of_classes_decodes_the_sum_of_their_means() -> None:
    bundle = bundle_of("deep_autoencoder", pictures())
    bundle.means = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3]])
    made = array(bundle.arithmetic("cat - dog + owl"))
    assert np.array_equal(made, array(bundle.decode(np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3], [1, -2, 3]]))))
    assert np.array_equal(array(bundle.arithmetic("cat-dog+owl")), made)
    with pytest.raises(DataError) as caught:
        bundle.arithmetic("cat - bird")
    assert "must be of classes that the network was trained on\n  found:     'bird'" in str(caught.value)
    with pytest.raises(DataError, match="must be terms joined by"):
        bundle.arithmetic("cat")
    bundle.means[1] = np.nan  # a class without training rows
    with pytest.raises(DataError, match="found:     'dog'"):
        bundle.arithmetic("cat - dog")


def test_arithmetic_of_seeds_shows_each_term_and_the_sum() -> None:
    bundle = bundle_of("dcgan", pictures())
    made = array(bundle.arithmetic("3 - 1 + 7"))
    assert len(made) == 4
    assert np.array_equal(made[1], array(bundle.generate(1, seed=1))[0])
    with pytest.raises(DataError, match="must be of seeds: whole numbers"):
        bundle.arithmetic("cat - dog")


def test_the_square_of_codes_of_two_numbers_is_read_from_the_top_left() -> None:
    bundle = bundle_of("deep_autoencoder", pictures(), code=2)
    square = array(bundle.grid(side=3, reach=1.0))
    corners = array(bundle.decode(np.array([[-1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])))
    assert np.array_equal(square[[0, 2, 4]], corners) and len(square) == 9
    assert bundle_of("deep_autoencoder", pictures()).grid() is None, "codes of three numbers have no square"


# --- codes


@pytest.mark.parametrize("name", ["vae", "deep_autoencoder", "conv_autoencoder"])
def test_codes_scores_and_flags_of_rows(name: str) -> None:
    data = pictures()
    bundle = bundle_of(name, data, threshold=0.05)
    x = data.arrays["image"]
    frame = bundle.codes(x)
    assert list(frame.columns) == ["code_1", "code_2", "code_3", "score", "anomaly"]
    assert frame["anomaly"].tolist() == (frame["score"] > 0.05).tolist()
    made = array(bundle.reconstruct(x))
    assert made.shape == (24, 1, 16, 16)
    error = (((made[:, 0].astype(float) - x[..., 0]) / 255) ** 2).mean((1, 2))
    coded = bundle.encode(data)
    assert coded.terms["mse"] == pytest.approx(error, abs=2e-3)  # half a grey level, twice
    assert frame["score"].tolist() == coded.terms["score"].tolist()
    one = bundle.codes(x[3])
    assert one.iloc[0, :4].tolist() == pytest.approx(frame.iloc[3, :4].tolist(), rel=1e-4)
    assert "anomaly" not in bundle_of(name, data).codes(x[:2]).columns


def test_rows_without_their_class_are_coded_under_the_one_that_suits_them() -> None:
    bundle = bundle_of("vae", pictures(), class_conditional=True)
    frame = bundle.codes(pictures().arrays["image"][:5])
    assert len(frame) == 5 and np.isfinite(frame["score"]).all()


# --- back to the user's units


def test_rows_come_back_in_their_own_units_and_categories() -> None:
    data = table()
    encoder = InputEncoder()
    encoder.fit(data)
    arrays = encoder.apply(data)
    hot = [np.eye(size)[arrays[X_CAT][:, place]] for place, size in enumerate(encoder.spec.cardinalities)]
    back = decoded_rows(encoder, data.schema, np.concatenate([arrays[X], *hot], axis=1))
    truth = data.frame
    assert list(back.columns) == ["age", "weight", "colour", "member", "since"]
    assert back["age"].dtype == np.int64 and back["age"].tolist() == truth["age"].tolist()
    assert back["weight"].isna().tolist() == truth["weight"].isna().tolist(), "what was missing is missing"
    assert back["weight"].dropna().to_numpy() == pytest.approx(truth["weight"].dropna().to_numpy(), abs=1e-3)
    assert back["colour"].tolist() == truth["colour"].astype(str).tolist()
    assert [value is True for value in back["member"]] == [str(value) == "True" for value in truth["member"]]
    assert (back["since"] == pd.to_datetime(truth["since"])).all()


def test_categories_are_drawn_by_their_shares_and_none_is_made_up() -> None:
    data = table()
    encoder = InputEncoder()
    encoder.fit(data)
    row = np.zeros((4, len(encoder.number_names) + sum(encoder.spec.cardinalities)))
    start = len(encoder.number_names)
    row[:, start : start + 4] = [0.4, 0.2, 0.3, 0.1]  # nothing was missing in training: code 0 is never taken
    row[:, start + 4 : start + 7] = [0, 1, 0]
    draws = np.array([[0.0, 0], [0.3, 0], [0.4, 0], [0.99, 0]])
    names = list(encoder.categories["colour"])
    drawn = decoded_rows(encoder, data.schema, row, draws)["colour"].tolist()
    assert drawn == [names[0], names[0], names[1], names[2]]
    assert decoded_rows(encoder, data.schema, row)["colour"].tolist() == [names[1]] * 4, "else the likeliest"


def test_a_table_is_sampled_and_reconstructed_as_a_table() -> None:
    data = table()
    bundle = bundle_of("vae", data)
    made, more = bundle.generate(4, seed=2), bundle.generate(30, seed=2)
    assert isinstance(made, pd.DataFrame) and isinstance(more, pd.DataFrame)
    pd.testing.assert_frame_equal(made, more.head(4), check_dtype=False)
    assert set(more["colour"]) <= {"red", "green", "blue"} and more["since"].dtype.kind == "M"
    back = bundle.reconstruct(data.frame)
    assert isinstance(back, pd.DataFrame) and len(back) == len(data)


def test_numbers_of_sampled_rows_have_the_spread_that_was_learnt() -> None:
    bundle = bundle_of("vae", table())
    ages = {}
    for deviation in (0.01, 1.0):
        torch.nn.init.constant_(bundle.net.log_deviation, float(np.log(deviation)))  # type: ignore[arg-type]
        made = bundle.generate(400, seed=3)
        assert isinstance(made, pd.DataFrame)
        ages[deviation] = made["age"]
    known = table().frame["age"].std()
    added = (ages[1.0] - ages[0.01]).std()
    assert added == pytest.approx(known, rel=0.2), "one deviation of the scaled column is one of the column"


def test_series_come_back_in_their_own_units_and_end_where_they_ended() -> None:
    data = series()
    bundle = bundle_of("deep_autoencoder", data)
    values = data.arrays[data.schema.inputs[0].name]
    made = array(bundle.reconstruct(values))
    assert made.shape == values.shape
    assert np.array_equal(np.isnan(made), np.isnan(values)), "nothing behind the end of a row"
    assert 3 < np.nanmean(made) < 7, "in the units of the data, whose mean is 5"
    assert array(bundle_of("vae", data).generate(2)).shape == (2, 12, 2)


# --- pictures from pictures


def test_pictures_are_made_from_pictures_row_by_row() -> None:
    x = pictures(rows=20).arrays["image"]
    for name in ("pix2pix", "cyclegan"):
        bundle = bundle_of(name, pictures())
        made = bundle.translate(x)
        assert made.shape == (20, 1, 16, 16) and made.dtype == np.uint8
        assert np.abs(bundle.translate(x[7:8])[0].astype(int) - made[7]).max() <= 1
    back = bundle_of("cyclegan", pictures()).translate(x, back=True)
    assert not np.array_equal(back, bundle_of("cyclegan", pictures()).translate(x))


def test_small_pictures_become_large_ones() -> None:
    data = pictures(rows=4)
    bundle = bundle_of("superres", data)
    assert bundle.translate(data.arrays["image"]).shape == (4, 1, 32, 32)


def test_what_a_network_cannot_do_is_refused_with_what_it_is() -> None:
    mapper, coder, sampler = (bundle_of(name, pictures()) for name in ("pix2pix", "deep_autoencoder", "dcgan"))
    assert (mapper.kinds, coder.kinds, sampler.kinds) == (("mapper",), ("coder",), ("sampler",))
    with pytest.raises(ModelError) as caught:
        mapper.generate(3)
    assert "pix2pix: must be a network that can generate\n  found:     a mapper of the task gan" in str(caught.value)
    assert "learnloop predict RUN pictures/ --out FOLDER" in str(caught.value)
    with pytest.raises(ModelError, match="--task autoencode --model vae"):
        coder.generate(3)
    with pytest.raises(ModelError, match="must be a network that can encode rows"):
        sampler.codes(pictures().arrays["image"])
    with pytest.raises(ModelError, match="must be a network that can translate pictures"):
        coder.translate(pictures().arrays["image"])


# --- saving and loading


@pytest.mark.parametrize("name", SMALL)
def test_saved_and_loaded_it_makes_the_same(name: str, tmp_path: Path) -> None:
    data = pictures()
    bundle = bundle_of(name, data, threshold=0.25)
    bundle.means = np.array([[0.5, np.nan], [1.0, 2.0]])
    bundle.save(tmp_path / "bundle", data)
    state = torch.get_rng_state()
    again = GenerativeBundle.load(tmp_path / "bundle")
    assert torch.equal(state, torch.get_rng_state())
    assert again.about == bundle.about and again.kinds == bundle.kinds
    assert np.array_equal(again.means, bundle.means, equal_nan=True)  # type: ignore[arg-type]
    x = data.arrays["image"][:4]
    if "sampler" in bundle.kinds:
        assert np.array_equal(array(again.generate(3, 1)), array(bundle.generate(3, 1)))
    if "coder" in bundle.kinds:
        pd.testing.assert_frame_equal(again.codes(x), bundle.codes(x))
    if "mapper" in bundle.kinds:
        assert np.array_equal(again.translate(x), bundle.translate(x))
    exam = json.loads((tmp_path / "bundle" / "probe.json").read_text())
    names = {"coder": "codes", "sampler": "samples", "mapper": "translated"}
    assert {names[kind] for kind in bundle.kinds} <= set(exam["answers"])
    assert ("back" in exam["answers"]) == (name == "cyclegan")
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "## Use" in card and "Trained by learnloop" in card


@pytest.mark.parametrize("data", [table, series])
def test_bundles_of_rows_and_of_classes_pass_their_exam(data: object, tmp_path: Path) -> None:
    rows = data()  # type: ignore[operator]
    bundle = bundle_of("vae", rows, class_conditional=True)
    bundle.save(tmp_path / "bundle", rows)
    again = GenerativeBundle.load(tmp_path / "bundle")
    one, other = (
        again.generate(2, 4, "up" if data is series else "a"),
        bundle.generate(2, 4, "up" if data is series else "a"),
    )
    assert np.array_equal(np.asarray(one), np.asarray(other)) if data is series else one.equals(other)  # type: ignore[union-attr, arg-type]


def test_an_exam_of_large_pictures_holds_fewer_of_them(tmp_path: Path) -> None:
    data = pictures(rows=6, side=160)
    bundle_of("deep_autoencoder", data).save(tmp_path / "bundle", data)
    exam = json.loads((tmp_path / "bundle" / "probe.json").read_text())
    assert len(exam["inputs"]["image"]) == 2 and len(exam["answers"]["scores"]) == 2
    GenerativeBundle.load(tmp_path / "bundle")


@pytest.mark.parametrize("name", ["deep_autoencoder", "dcgan", "pix2pix"])
def test_other_weights_fail_the_exam(name: str, tmp_path: Path) -> None:
    data = pictures()
    bundle_of(name, data).save(tmp_path / "bundle", data)
    path = tmp_path / "bundle" / "model.safetensors"
    save_file(
        {key: value + 0.5 if value.is_floating_point() else value for key, value in load_file(path).items()}, path
    )
    with pytest.raises(RunError, match="must give the answers of its own probe.json"):
        GenerativeBundle.load(tmp_path / "bundle")


def test_damage_and_other_kinds_are_told(tmp_path: Path) -> None:
    data = pictures()
    path = tmp_path / "bundle"
    bundle_of("vae", data).save(path, data)
    with pytest.raises(RunError) as caught:
        Bundle.load(path)
    assert "found:     one that makes data" in str(caught.value) and "--count 64" in str(caught.value)
    about = json.loads((path / "bundle.json").read_text())
    (path / "bundle.json").write_text(json.dumps({**about, "format": 99}))
    with pytest.raises(RunError, match="must be of bundle format 1 or older"):
        GenerativeBundle.load(path)
    (path / "bundle.json").write_text(json.dumps({**about, "kind": "rows", "task": "classify"}))
    with pytest.raises(RunError, match="a model for the task classify"):
        GenerativeBundle.load(path)
    (path / "bundle.json").write_text(json.dumps(about))
    (path / "transforms.safetensors").write_bytes(b"no")
    with pytest.raises(RunError, match="must be an intact bundle"):
        GenerativeBundle.load(path)
    (path / "bundle.json").unlink()
    with pytest.raises(RunError, match="there is no bundle.json"):
        GenerativeBundle.load(path)
