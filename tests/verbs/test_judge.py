"""Judges of generated pictures, and what is measured with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import Batch, InputSpec
from learnloop.errors import ModelError, RecipeError, RunError
from learnloop.home import cache
from learnloop.verbs import judge_training
from learnloop.verbs.judge import Judge, Measure, make_judge
from learnloop.verbs.judges import ClassifierJudge, PixelJudge

SPEC = InputSpec(kind="image", shape=(1, 8, 8), mean=(0.3,), std=(0.37,))
CLASSES = tuple("0123456789")


def _digits() -> tuple[Batch, Batch]:
    data = load_digits()
    x = torch.from_numpy(np.round(data.images * 255 / 16).astype(np.uint8))[:, None]  # [1797, 1, 8, 8]
    y = torch.from_numpy(data.target.astype(np.int64))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    x, y = x[order], y[order]
    return {"x": x[:1300], "y": y[:1300]}, {"x": x[1300:], "y": y[1300:]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle]:
    """A run folder with a judge in it."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEARNLOOP_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(judge_training, "_MOST_PASSES", 6)
        _judge(folder)
        assert list((cache() / "judges").glob("*/bundle.json"))
    return folder, Bundle.load(folder / "judge")


def _judge(folder: Path, asked: str | None = None, *, seconds: float = 60.0, seed: int = 0) -> Judge:
    train, validation = _digits()
    return make_judge(
        train,
        validation,
        SPEC,
        CLASSES,
        folder=folder,
        seconds=seconds,
        seed=seed,
        asked=asked,
        say=lambda line: None,
    )


def test_with_labels_a_classifier_is_trained_once(
    trained: tuple[Path, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, bundle = trained

    def again(*arguments: object, **named: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(judge_training, "set_up", again)
    judge = _judge(folder, seed=5)
    assert judge.name == "fid_classifier" and judge.score == "classifier_score"
    assert judge.classes == CLASSES
    assert judge.accuracy is not None and judge.accuracy > 0.95
    assert judge.facts["kind"] == "classifier" and judge.facts["features"] == 128
    assert judge.facts["path"] == str(folder / "judge") and len(judge.facts["sha256"]) == 64
    assert judge.facts["accuracy_rows"] == 497
    assert bundle.about.model["name"] == "cnn"


def test_the_next_run_on_the_same_data_has_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_training, "_MOST_PASSES", 3)
    said: list[str] = []
    train, validation = _digits()
    some = {key: value[:200] for key, value in train.items()}
    for name in ("one", "other"):
        make_judge(some, validation, SPEC, CLASSES, folder=tmp_path / name, seconds=60, seed=0, say=said.append)
    assert said == ["judge: training a classifier of 200 pictures, 3 passes over the data"]
    one, other = (tmp_path / name / "judge" / "model.safetensors" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    more = {"x": some["x"], "y": some["y"].flip(0)}
    make_judge(more, validation, SPEC, CLASSES, folder=tmp_path / "third", seconds=60, seed=0, say=said.append)
    assert len(said) == 2  # other labels are other data


def test_one_that_was_cut_short_is_not_kept_for_others(tmp_path: Path) -> None:
    said: list[str] = []
    train, validation = _digits()
    for name in ("one", "other"):
        make_judge(train, validation, SPEC, CLASSES, folder=tmp_path / name, seconds=0.3, seed=0, say=said.append)
    assert len(said) == 2 and "0 s of training" in said[0]
    assert not (cache() / "judges").exists()


def test_whoever_trains_is_not_disturbed(tmp_path: Path) -> None:
    torch.manual_seed(3)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    _judge(tmp_path, seconds=0.2)
    assert torch.equal(state, torch.get_rng_state())
    assert threads == torch.get_num_threads()


def test_a_classifier_that_is_named_judges(trained: tuple[Path, Bundle], tmp_path: Path) -> None:
    folder, _ = trained
    judge = _judge(tmp_path, asked=str(folder / "judge"))
    assert judge.name == "fid_classifier" and judge.accuracy is not None
    assert not (tmp_path / "judge").exists()


def test_classifiers_that_do_not_fit_are_refused(trained: tuple[Path, Bundle], tmp_path: Path) -> None:
    _, bundle = trained
    path = trained[0] / "judge"
    with pytest.raises(RunError, match="must be a classifier of pictures of 28 x 28 pixels and 3 channels") as size:
        ClassifierJudge(bundle, path, InputSpec(kind="image", shape=(3, 28, 28)), CLASSES)
    assert "one of pictures of 8 x 8 pixels and 1 channel" in str(size.value)
    with pytest.raises(RunError, match="must tell the classes of this data") as names:
        ClassifierJudge(bundle, path, SPEC, ("3", "cat"))
    assert "'cat'" in str(names.value)
    with pytest.raises(RunError, match="must be a run folder, or the name of a run"):
        _judge(tmp_path, asked="no-such-run")
    with pytest.raises(RunError, match="there is no such file"):
        _judge(tmp_path, asked="inception:no-such-file.pth")
    train, validation = _digits()
    table = InputSpec(kind="table", numbers=3)
    with pytest.raises(ModelError, match=r"generate.judge: is for pictures"):
        make_judge(train, validation, table, (), folder=tmp_path, seconds=1, seed=0)


def test_features_are_the_means_of_the_last_maps_and_probabilities_those_of_the_bundle(
    trained: tuple[Path, Bundle],
) -> None:
    folder, bundle = trained
    _, validation = _digits()
    judge = ClassifierJudge(bundle, folder / "judge", SPEC, CLASSES)
    pictures = validation["x"][:300]
    seen = judge.see(pictures)
    with torch.no_grad():
        parts = dict(bundle.net.named_children())
        x: Tensor = pictures
        for name, part in parts.items():
            if name == "flatten":
                break
            x = part(x)
        logits = bundle.net(pictures)
    assert np.allclose(seen.features, x.mean((2, 3)).numpy(), atol=1e-5)
    assert seen.probabilities is not None
    assert np.allclose(seen.probabilities, logits.softmax(1).numpy(), atol=1e-5)
    turned = ClassifierJudge(bundle, folder / "judge", SPEC, CLASSES[::-1])
    assert np.array_equal(turned.probabilities(pictures), seen.probabilities[:, ::-1])  # type: ignore[arg-type]


def test_without_labels_the_pixels_judge() -> None:
    train, validation = _digits()
    unlabelled = {"x": train["x"]}
    judge = make_judge(unlabelled, {"x": validation["x"]}, SPEC, (), folder=Path("."), seconds=1, seed=0)
    assert isinstance(judge, PixelJudge) and judge.name == "frechet_pixels"
    assert judge.probabilities(validation["x"]) is None and judge.accuracy is None
    features = judge.features(train["x"])
    assert features.shape == (1300, judge.facts["features"])
    pixels = train["x"].flatten(1).double().numpy() / 255
    values = np.sort(np.linalg.eigvalsh(np.cov(pixels.T)))[::-1][: features.shape[1]]
    assert np.allclose(features.var(0, ddof=1), values, rtol=1e-8)
    one_class = {"x": train["x"], "y": torch.zeros(1300, dtype=torch.int64)}
    assert isinstance(make_judge(one_class, one_class, SPEC, ("0",), folder=Path("."), seconds=1, seed=0), PixelJudge)


def test_wide_pictures_have_the_same_components_found_another_way() -> None:
    pictures = torch.randint(0, 256, (60, 3, 30, 30), generator=torch.Generator().manual_seed(0)).byte()
    judge = PixelJudge(pictures)
    features = judge.features(pictures)
    pixels = pictures.flatten(1).double().numpy() / 255
    values = np.linalg.svd(pixels - pixels.mean(0), compute_uv=False)[: features.shape[1]] ** 2 / 59
    assert judge.facts["features"] == 59  # 60 rows span no more
    assert np.allclose(features.var(0, ddof=1), values, rtol=1e-8)


def test_real_pictures_are_better_than_blurred_and_collapsed_ones(trained: tuple[Path, Bundle]) -> None:
    train, validation = _digits()
    judges: list[Judge] = [ClassifierJudge(trained[1], trained[0] / "judge", SPEC, CLASSES), PixelJudge(train["x"])]
    blurred = torch.nn.functional.avg_pool2d(train["x"].float(), 3, 1, 1).byte()
    collapsed = train["x"][train["y"] == 1].repeat(8, 1, 1, 1)
    for judge in judges:
        measure = Measure(judge, validation["x"])
        real = measure.of(train["x"])
        assert real[judge.name] < 0.25 * measure.of(blurred)[judge.name]
        dull = measure.of(collapsed)
        assert real[judge.name] < 0.25 * dull[judge.name]
        assert real["generated_precision"] > 0.8 and real["generated_recall"] > 0.8
        assert dull["generated_recall"] < 0.3 and dull["coverage"] < 0.3 * real["coverage"]


def test_classes_of_samples_are_counted(trained: tuple[Path, Bundle]) -> None:
    train, validation = _digits()
    judge = ClassifierJudge(trained[1], trained[0] / "judge", SPEC, CLASSES)
    measure = Measure(judge, validation["x"])
    some = (train["y"] == 3) | (train["y"] == 5)
    pictures, labels = train["x"][some], train["y"][some]
    shares = measure.histogram(pictures)
    assert shares is not None and list(shares) == list(CLASSES)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["3"] == pytest.approx((labels == 3).double().mean().item(), abs=0.02)
    found = measure.of(pictures, asked=labels)
    assert found["class_share_least"] == 0
    assert found["class_share_most"] == max(shares.values())
    assert found["class_entropy"] == pytest.approx(np.log(2), abs=0.05)
    assert found["as_asked"] > 0.95
    assert measure.of(pictures, asked=labels.roll(1))["as_asked"] < 0.8
    assert found["classifier_score"] == pytest.approx(2, abs=0.2)
    assert "as_asked" not in measure.of(pictures)


def test_fewer_samples_than_features_are_refused_where_it_counts(trained: tuple[Path, Bundle]) -> None:
    train, validation = _digits()
    judge = ClassifierJudge(trained[1], trained[0] / "judge", SPEC, CLASSES)
    with pytest.raises(RecipeError, match="must be more than the 128 features of the judge") as few:
        Measure(judge, validation["x"]).of(train["x"][:128])
    assert "generate.samples" in str(few.value) and "found:     128 samples" in str(few.value)
    assert "--set generate.samples=1000" in str(few.value)
    with pytest.raises(RecipeError, match="100 real pictures"):
        Measure(judge, validation["x"][:100])
    loose = Measure(judge, validation["x"][:100], strict=False).of(train["x"][:60])
    assert loose["fid_classifier"] > 0


def test_facts_say_what_was_compared(trained: tuple[Path, Bundle]) -> None:
    _, validation = _digits()
    facts = Measure(ClassifierJudge(trained[1], trained[0] / "judge", SPEC, CLASSES), validation["x"]).facts
    assert facts["name"] == "fid_classifier" and facts["real"] == 497 and facts["features"] == 128
