"""inside.json of a run on pictures: what is in it, that it is true, and that a run without it is finished too."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import learnloop as ll
from learnloop.bundle.bundle import Bundle
from learnloop.data.read import read
from learnloop.runs.folder import RunFolder
from learnloop.verbs import inside
from learnloop.verbs.confused import confused_pairs
from learnloop.verbs.inside import look_inside
from learnloop.verbs.scoring import predicted, truth
from learnloop.verbs.suspects import MOST, suspects

PLAIN: dict[str, Any] = {"plan.name": "plain", "plan.threads": 1, "report.baselines": False, "watch.progress": "off"}
NAMES = ["left", "right", "top"]


def bars(rows: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright bar at the left, at the right or on top."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 90, (rows, 16, 16, 1), dtype=np.uint8), rng.integers(0, 3, rows)
    x[y == 0, :, :4] += 150
    x[y == 1, :, -4:] += 150
    x[y == 2, :4] += 150
    return x, y


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = bars()
    wrong = y.copy()
    wrong[[7, 19, 33]] = (y[[7, 19, 33]] + 1) % 3  # three labels of the training part are wrong
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    parts = {"x_train": x[:200], "y_train": wrong[:200], "x_val": x[200:240], "y_val": y[200:240]}
    parts |= {"x_test": x[240:], "y_test": y[240:]}
    np.savez(path, **parts, class_names=np.array(NAMES))
    return path


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> ll.Run:
    out = tmp_path_factory.mktemp("run") / "cnn"
    return ll.fit(str(data), model="cnn", epochs=6, out=out, set={**PLAIN, "train.batch_size": 32})


def inside_of(run: ll.Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.path / "inside.json").read_text())
    return found


def test_a_run_on_pictures_has_it_all(run: ll.Run) -> None:
    found = inside_of(run)
    assert found["format"] == 1 and found["notes"] == []
    assert found["filters"]["layer"] == "stem.conv" and found["filters"]["shape"] == [32, 1, 3, 3]
    assert [layer["shape"][1] for layer in found["maps"]["layers"]] == [16, 8, 4]
    assert found["maps"]["target"] == found["maps"]["prediction"]
    assert found["cam"]["layer"] == "conv2_2.relu" and {row["target"] for row in found["cam"]["rows"]} == set(NAMES)
    page = (run.path / "report.html").read_text()
    for heading in ("Likely label errors in training", "Where the network looked", "The first filters"):
        assert heading in page
    assert len(page) < 2_000_000 and "<script" not in page and not re.findall(r'src="(?!data:image/)', page)


def test_wrong_labels_are_found(run: ll.Run) -> None:
    found = inside_of(run)["suspects"]
    assert found["looked_at"] == found["rows"] and len(found["worst"]) == MOST
    assert {row["row"] for row in found["worst"][:3]} == {7, 19, 33}
    loss = [row["loss"] for row in found["worst"]]
    assert loss == sorted(loss, reverse=True)
    first = found["worst"][0]
    _, y = bars()
    assert first["prediction"] == NAMES[y[first["row"]]] and first["target"] == NAMES[(y[first["row"]] + 1) % 3]


def test_the_search_keeps_to_its_time(run: ll.Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnloop.verbs.suspects._FEWEST", 10)
    monkeypatch.setattr("learnloop.verbs.suspects._ROWS", 20)
    bundle, dataset = Bundle.load(run.path / "bundle"), read(str(data), target="y")
    ten_rows_a_second = iter([0.0, 1.0, 3.0, 5.0, 6.5])
    found = suspects(bundle, dataset, np.arange(200), 6.5, now=lambda: next(ten_rows_a_second))
    assert (found["looked_at"], found["rows"]) == (65, 200), "10, 20, 20, and the 15 that there is time for"
    assert suspects(bundle, dataset, np.arange(200), 0.0)["looked_at"] == 10, "the fewest, however late it is"


def test_pairs_are_counted_both_ways_and_shown_by_sureness(run: ll.Run, data: Path) -> None:
    bundle, dataset = Bundle.load(run.path / "bundle"), read(str(data), target="y").take(np.arange(8))
    y = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    said = np.array([1, 1, 0, 0, 1, 2, 0, 2])
    sure = np.array([0.6, 0.9, 0.8, 0.7, 0.9, 0.9, 0.55, 0.9])
    outputs = np.full((8, 3), 0.0)
    outputs[np.arange(8), said] = sure
    found = confused_pairs(bundle, dataset, y, outputs)
    assert [(pair["rows"], *((way["truth"], way["prediction"]) for way in pair["ways"])) for pair in found] == [
        (3, ("left", "right"), ("right", "left")),
        (1, ("left", "top"), ("top", "left")),
    ]
    way = found[0]["ways"][0]
    assert (way["rows"], way["of"], [row["row"] for row in way["pictures"]]) == (2, 3, [1, 0])
    assert found[1]["ways"][0] == {"truth": "left", "prediction": "top", "rows": 0, "of": 3, "pictures": []}


def test_the_heat_lies_on_what_tells_the_classes_apart(run: ll.Run, data: Path) -> None:
    """Grad-CAM of the trained network: more on the bar than its share of the picture."""
    from learnloop.diagnose.gradcam import grad_cam
    from learnloop.diagnose.layers import calls, last_maps

    net = Bundle.load(run.path / "bundle").net
    x, y = bars(60, seed=5)
    pixels = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    layer = last_maps(calls(net, pixels[:1]))
    assert layer is not None
    heat = grad_cam(net, pixels, torch.from_numpy(y), layer, by_place=True)
    assert heat is not None and heat.shape == (60, 4, 4)
    share = heat / heat.sum((1, 2), keepdim=True)
    left, right = share[y == 0][:, :, 0].sum(1).mean(), share[y == 1][:, :, -1].sum(1).mean()
    top = share[y == 2][:, 0].sum(1).mean()
    assert min(left, right, top) > 0.4, "a quarter would be chance"


def test_the_bundle_is_not_changed_and_the_same_comes_twice(run: ll.Run, data: Path) -> None:
    bundle, dataset = Bundle.load(run.path / "bundle"), read(str(data), target="y").take(np.arange(200, 300))
    y, outputs = truth(bundle, dataset), predicted(bundle, dataset)
    before = {name: tensor.clone() for name, tensor in bundle.net.state_dict().items()}
    assert look_inside(bundle, dataset, y, outputs) == look_inside(bundle, dataset, y, outputs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in bundle.net.state_dict().items())
    assert np.array_equal(predicted(bundle, dataset), outputs)


class Functional(nn.Module):
    """Convolves without a layer that a hook could be put on."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Parameter(0.1 * torch.randn(4, 1, 3, 3))
        self.last = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.conv2d(x, self.filters).relu().mean((2, 3)))


class Stubborn(nn.Module):
    """Refuses to be called one picture at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) == 1:
            raise ValueError("two pictures at least")
        return self.last(self.conv(x).mean((2, 3)))


def test_a_mistake_of_ours_is_said_as_ours(run: ll.Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AttributeError("no such thing")

    monkeypatch.setattr(inside, "depths", broken)
    bundle, dataset = Bundle.load(run.path / "bundle"), read(str(data), target="y").take(np.arange(200, 300))
    found = look_inside(bundle, dataset, truth(bundle, dataset), predicted(bundle, dataset))
    assert len(found["notes"]) == 1 and found["filters"] is None
    assert re.fullmatch(
        r"Filters, feature maps and Grad-CAM are left out by a mistake in learnloop that is worth reporting"
        r" \(AttributeError: no such thing; test_inside.py, line \d+\)\.",
        found["notes"][0],
    )


@pytest.mark.parametrize(
    ("module", "note"),
    [
        (Functional, "No layer of this network returned maps that could be seen"),
        (Stubborn, "the network failed when it was looked into (ValueError: two pictures at least)"),
    ],
)
def test_a_network_that_cannot_be_looked_into_is_trained_all_the_same(
    module: type[nn.Module], note: str, data: Path, tmp_path: Path
) -> None:
    run = ll.fit(str(data), model=module(), epochs=1, out=tmp_path / "run", set=PLAIN)
    found = inside_of(run)
    assert len(found["notes"]) == 1 and note in found["notes"][0]
    assert found["filters"] is None and found["cam"] is None and found["suspects"]["worst"]
    assert note in (run.path / "report.html").read_text()


def test_an_mlp_on_pictures_has_mistakes_but_no_layers(data: Path, tmp_path: Path) -> None:
    run = ll.fit(str(data), model="mlp", epochs=1, out=tmp_path / "run", set=PLAIN)
    found, page = inside_of(run), (run.path / "report.html").read_text()
    assert found["filters"] is None and found["maps"] is None and found["cam"] is None and found["notes"] == []
    assert "Inside the network" not in page and "Where the network looked" not in page and "Likely label" in page


def test_numbers_from_pictures_have_filters_and_maps(tmp_path: Path) -> None:
    x, _ = bars(120)
    y = x.astype(float).mean((1, 2, 3))
    run = ll.fit((x, y), model="cnn", epochs=1, out=tmp_path / "run", set={**PLAIN, "task.name": "regress"})
    found = inside_of(run)
    assert found["filters"] and found["maps"]["layers"] and found["cam"] is None and found["confused"] == []
    assert "What one picture becomes" in (run.path / "report.html").read_text()


def test_runs_without_a_report_or_pictures_have_none(data: Path, tmp_path: Path) -> None:
    run = ll.fit(str(data), model="mlp", epochs=1, out=tmp_path / "bare", set={**PLAIN, "report.html": False})
    assert not RunFolder(run.path).inside.exists()
    table = ll.fit("iris", model="linear", epochs=1, out=tmp_path / "iris", set=PLAIN)
    assert not RunFolder(table.path).inside.exists()
