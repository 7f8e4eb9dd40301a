"""What the report of an image run shows of the network itself: filters, feature maps, Grad-CAM, and its mistakes."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import X
from learnloop.data.dataset import Dataset
from learnloop.diagnose.gradcam import grad_cam
from learnloop.diagnose.layers import Call, Filters, calls, depths, first_filters, last_maps, outputs_of
from learnloop.models.table import MODELS
from learnloop.report.pictures import data_url, filter_pictures, heated, map_pictures, sheet
from learnloop.seeds import numpy_stream
from learnloop.verbs.confused import confused_pairs
from learnloop.verbs.pictured import images_of, pictured

Facts = dict[str, Any]

MOST_FILTERS, FILTER_COLUMNS = 64, 16
MOST_MAPS, MAP_COLUMNS = 12, 6
MOST_HEATED, LEAST_HEATED = 6, 2
_HEAT_SECONDS = 1.5
"""About what Grad-CAM may take: of slow networks fewer pictures are shown."""


def look_inside(bundle: Bundle, data: Dataset, y: np.ndarray, outputs: np.ndarray, *, seed: int = 0) -> Facts:
    """The facts and pictures of inside.json. data: held-out rows with their answers `y` and predictions `outputs`.

    A network that cannot be looked into gets a sentence in "notes" instead.
    """
    found: Facts = {"format": 1, "confused": [], "filters": None, "maps": None, "cam": None, "notes": []}
    if bundle.about.target == "class":
        found["confused"] = confused_pairs(bundle, data, y, outputs)
    try:
        return found | _of_the_network(bundle, data, y, outputs, seed)
    except Exception as error:  # a module of the user's own may do anything; the run is finished without this
        return found | {"notes": [_failure(error, own=bundle.about.model["name"] not in MODELS)]}


def _failure(error: Exception, own: bool) -> str:
    """What is left out and why; of a network of ours also where, because that is a mistake of ours."""
    what = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
    left_out = "Filters, feature maps and Grad-CAM are left out"
    if own:
        return f"{left_out}: the network failed when it was looked into ({what})."
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    return f"{left_out} by a mistake in learnloop that is worth reporting ({what}; {where})."


def _of_the_network(bundle: Bundle, data: Dataset, y: np.ndarray, outputs: np.ndarray, seed: int) -> Facts:
    row = _typical(bundle, y, outputs)
    x = _inputs(bundle, data, np.array([row]))
    begin = time.monotonic()
    layers = calls(bundle.net, x)
    a_picture = time.monotonic() - begin
    if not layers:
        note = "No layer of this network returned maps that could be seen: no filters, feature maps or Grad-CAM."
        return {} if bundle.about.model["name"] in MODELS else {"notes": [note]}
    found: Facts = {"maps": _maps(bundle, data, row, x, depths(layers), y, outputs)}
    filters = first_filters(bundle.net, x)
    if filters is not None:
        found["filters"] = _filters(filters)
    last = last_maps(layers)
    if bundle.about.target == "class" and last is not None:
        many = int(np.clip(_HEAT_SECONDS / max(3 * a_picture, 1e-9), LEAST_HEATED, MOST_HEATED))
        found["cam"] = _cam(bundle, data, y, outputs, last, many, seed)
    return found


def _typical(bundle: Bundle, y: np.ndarray, outputs: np.ndarray) -> int:
    """The first row that came out right, else the first."""
    return int((outputs.argmax(1) == y).argmax()) if bundle.about.target == "class" else 0


def _inputs(bundle: Bundle, data: Dataset, rows: np.ndarray) -> Tensor:
    """The rows as the network takes them: bytes [rows, channels, h, w]."""
    return torch.from_numpy(np.ascontiguousarray(bundle.encoder.apply(data.take(rows))[X]))


def _filters(filters: Filters) -> Facts:
    shown = filter_pictures(filters.weight.float().cpu().numpy()[:MOST_FILTERS])
    return {
        "layer": filters.module,
        "shape": list(filters.weight.shape),
        "shown": len(shown),
        "learnt": filters.learnt,
        "picture": data_url(sheet(shown, FILTER_COLUMNS)),
    }


def _maps(
    bundle: Bundle, data: Dataset, row: int, x: Tensor, wanted: Sequence[Call], y: np.ndarray, outputs: np.ndarray
) -> Facts:
    """Of each of the wanted layers the maps that vary most over one picture."""
    layers = []
    for call, output in zip(wanted, outputs_of(bundle.net, x, wanted)):
        maps = output[0].float().cpu().numpy()  # [maps, h, w]
        order = np.argsort(-maps.std(axis=(1, 2)), kind="stable")[:MOST_MAPS]
        picture = data_url(sheet(map_pictures(maps[order]), MAP_COLUMNS))
        layers.append({"layer": call.module, "shape": list(call.shape), "shown": len(order), "picture": picture})
    (facts,) = pictured(bundle, data, np.array([row]), y[[row]], outputs[[row]])
    return {**facts, "layers": layers}


def _cam(
    bundle: Bundle, data: Dataset, y: np.ndarray, outputs: np.ndarray, layer: Call, many: int, seed: int
) -> Facts | None:
    """Right rows of different classes, drawn by chance, then the surest mistakes: where the class that was said was
    seen, and of mistakes also where the true class was.
    """
    said = outputs.argmax(1)
    drawn = numpy_stream(seed, "inside").permutation(len(y))
    surest = np.argsort(-outputs.max(1), kind="stable")
    right = _varied(drawn[(said == y)[drawn]], y, many)
    wrong = _varied(surest[(said != y)[surest]], y * outputs.shape[1] + said, many)
    rows = np.concatenate([right, wrong, wrong])
    classes = torch.from_numpy(np.concatenate([said[right], said[wrong], y[wrong]]).astype(np.int64))
    heat = grad_cam(bundle.net, _inputs(bundle, data, rows), classes, layer, by_place=True)
    if heat is None:
        return None
    overlays = [_overlay(image, maps) for image, maps in zip(images_of(data, rows), heat.float().cpu().numpy())]
    shown = len(right) + len(wrong)
    of_true = [None] * len(right) + overlays[shown:]
    facts = pictured(bundle, data, rows[:shown], y[rows[:shown]], outputs[rows[:shown]])
    cards = [
        {
            **each,
            "target_probability": float(outputs[row, y[row]]),
            "said": overlays[place],
            "true": of_true[place],
            "right": bool(said[row] == y[row]),
        }
        for place, (row, each) in enumerate(zip(rows[:shown], facts))
    ]
    return {"layer": layer.module, "shape": list(layer.shape), "rows": cards}


def _overlay(image: np.ndarray, heat: np.ndarray) -> str | None:
    """None where no place speaks for the class."""
    return data_url(heated(image, heat / heat.max())) if heat.max() > 0 else None


def _varied(rows: np.ndarray, keys: np.ndarray, many: int) -> np.ndarray:
    """The first `many` of the rows, of different keys as long as there are some: int64 [many at most]."""
    met: set[Any] = set()
    first: list[int] = []
    more: list[int] = []
    for row in rows:
        (more if keys[row] in met else first).append(int(row))
        met.add(keys[row])
        if len(first) == many:
            break
    return np.array((first + more)[:many], np.int64)
