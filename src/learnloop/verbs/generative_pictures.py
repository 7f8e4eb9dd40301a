"""What a network that makes data shows of itself: the pictures, rows and series of its report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from learnloop.bundle.generative import GenerativeBundle, Made
from learnloop.contracts import LENGTH, Batch, X, Y
from learnloop.data.dataset import Dataset
from learnloop.models.generative.config import Coder
from learnloop.report.sheets import picture_url, rows_of, sheet_url
from learnloop.scores.generative import nearest
from learnloop.seeds import numpy_stream

_ACROSS = 10
_SAMPLES, _CLASS_ROWS = 64, 4
_NEIGHBOURS, _GUESSED = 8, 12
_SEARCHED = 20_000
"""Training pictures that the nearest neighbour is looked for among."""
_MOST_STEPS = 200


def pictures_of(
    bundle: GenerativeBundle,
    train: Batch,
    held_out: Batch,
    *,
    rows: Dataset | None = None,
    samples: np.ndarray | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """What report.json holds under `generative.pictures`; each key is there only where the network can do it.

    train, held_out  encoded parts, with Y where classes are known or where it is the picture that is wanted
    rows             the held-out rows in the user's own units: of tables
    samples          what the network has made already, `bundle.generate(n, seed)`, so that it is not made again

    reconstructions  {"sheet", "columns", "lines"} of pictures; {"rows": [[{column: value}, {column: value}]]} of
                     tables; {"series": [{"truth", "made"}]} of series
    samples          {"sheet", "columns", "lines"}; {"rows"} of tables; {"series"}
    interpolation, grid  {"sheet", "columns"}
    translated       {"sheet", "columns", "lines"};  back: likewise
    neighbours       [{"sample", "neighbour", "distance", "row"}]
    hidden           [{"picture", "real"}] in an order that says nothing
    """
    found: dict[str, Any] = {}
    if "mapper" in bundle.kinds:
        return found | _translated(bundle, held_out)
    if "coder" in bundle.kinds:
        found["reconstructions"] = _reconstructions(bundle, held_out, rows)
        found |= _grid(bundle, held_out)
    if "sampler" in bundle.kinds:
        found["samples"] = _samples(bundle, seed, samples)
    if bundle.about.spec.kind != "image":
        return found
    found["interpolation"] = _interpolation(bundle, held_out, seed)
    if "sampler" in bundle.kinds:
        made = _made(bundle, seed, samples)
        found["neighbours"] = _neighbours(made[:_NEIGHBOURS], train[X])
        found["hidden"] = _hidden(made, held_out[X], seed)
    return found


def _made(bundle: GenerativeBundle, seed: int, samples: np.ndarray | None) -> np.ndarray:
    made = bundle.generate(_SAMPLES, seed) if samples is None else samples[:_SAMPLES]
    assert isinstance(made, np.ndarray)
    return made


def _reconstructions(bundle: GenerativeBundle, held_out: Batch, rows: Dataset | None) -> dict[str, Any]:
    few: Batch = {key: values[:_ACROSS] for key, values in held_out.items()}
    made = bundle.made(bundle.encode(few).decoded)
    kind = bundle.about.spec.kind
    if isinstance(made, pd.DataFrame):
        truth = made if rows is None else rows.frame[list(made.columns)]
        return {"rows": [[_plain(truth, place), _plain(made, place)] for place in range(min(8, len(made)))]}
    if kind == "series":
        whole = bundle.made(few[X].numpy())
        return {"series": [_series(whole, made, few, place) for place in range(min(6, len(made)))]}
    lines = ["held out", "through its codes"]
    groups = [few[X].numpy(), made]
    if getattr(bundle.net, "corruption", None) is not None:
        noisy = _corrupted(bundle, few[X])
        groups = [groups[0], noisy, _array(bundle.made(bundle.encode({**few, X: torch.from_numpy(noisy)}).decoded))]
        lines = ["held out", "corrupted", "what it makes of the corrupted one"]
    return {"sheet": sheet_url(rows_of(*groups), len(groups[0])), "columns": len(groups[0]), "lines": lines}


def _samples(bundle: GenerativeBundle, seed: int, samples: np.ndarray | None) -> dict[str, Any]:
    if bundle.about.spec.kind == "table":
        table = bundle.generate(8, seed)
        assert isinstance(table, pd.DataFrame)
        return {"rows": [_plain(table, place) for place in range(len(table))]}
    if bundle.about.spec.kind == "series":
        values = _array(bundle.generate(6, seed))
        return {"series": [{"made": _thin(each)} for each in values]}
    if bundle.conditional:
        names = list(bundle.about.classes[:_ACROSS])
        made = _array(bundle.generate(_CLASS_ROWS * len(names), seed, names * _CLASS_ROWS))
        return {"sheet": sheet_url(made, len(names)), "columns": len(names), "heads": names}
    return {"sheet": sheet_url(_made(bundle, seed, samples), 16), "columns": 16}


def _interpolation(bundle: GenerativeBundle, held_out: Batch, seed: int) -> dict[str, Any]:
    """Between samples; of a network that makes none between the codes of two held-out pictures."""
    if "sampler" in bundle.kinds:
        lines = [_array(bundle.interpolate(_ACROSS, seed + more)) for more in range(3)]
        return {"sheet": sheet_url(np.concatenate(lines), _ACROSS), "columns": _ACROSS, "between": "samples"}
    few: Batch = {key: values[:6] for key, values in held_out.items()}
    codes = bundle.encode(few).codes  # [6, k]
    share = np.linspace(0, 1, _ACROSS, dtype=np.float32)[:, None]
    ways = [_array(bundle.decode((1 - share) * codes[a] + share * codes[a + 1])) for a in range(0, len(codes) - 1, 2)]
    return {"sheet": sheet_url(np.concatenate(ways), _ACROSS), "columns": _ACROSS, "between": "held-out pictures"}


def _grid(bundle: GenerativeBundle, held_out: Batch) -> dict[str, Any]:
    """Of codes of two numbers: the square that nine in ten of the held-out codes lie in."""
    if bundle.about.spec.kind != "image" or not isinstance(bundle.net, Coder) or bundle.net.code_size != 2:
        return {}
    codes = bundle.encode({key: values[:1000] for key, values in held_out.items()}).codes
    reach = float(np.quantile(np.abs(codes), 0.95))
    label = bundle.about.classes[0] if bundle.conditional else None
    made = bundle.grid(reach=max(reach, 1e-3), label=label)
    return {} if made is None else {"grid": {"sheet": sheet_url(_array(made), 15), "columns": 15, "reach": reach}}


def _translated(bundle: GenerativeBundle, held_out: Batch) -> dict[str, Any]:
    sources = held_out[X][:_ACROSS]
    groups, lines = [sources.numpy(), bundle.translated(sources)], ["source", "made of it"]
    wanted = held_out.get(Y)
    two_ways = bundle.about.config.pairing == "unpaired"
    if wanted is not None and wanted.dim() == 4 and not two_ways:
        groups.append(wanted[:_ACROSS].numpy())
        lines.append("wanted")
    found = {"translated": _sheet(groups, lines)}
    if wanted is not None and wanted.dim() == 4 and two_ways:
        others = wanted[:_ACROSS]
        found["back"] = _sheet(
            [others.numpy(), bundle.translated(others, back=True)], ["of the other heap", "made of it"]
        )
    return found


def _sheet(groups: list[np.ndarray], lines: list[str]) -> dict[str, Any]:
    columns = len(groups[0])
    return {"sheet": sheet_url(rows_of(*groups), columns), "columns": columns, "lines": lines}


def _neighbours(made: np.ndarray, train: Tensor) -> list[dict[str, Any]]:
    """Each sample beside the training picture that is nearest to it, by the Euclidean distance of their pixels."""
    searched = train[:_SEARCHED].numpy()
    distances, places = nearest(made, searched)
    return [
        {
            "sample": picture_url(sample),
            "neighbour": picture_url(searched[place]),
            "distance": float(distance) / 255 / float(np.sqrt(sample.size)),
            "row": int(place),
        }
        for sample, distance, place in zip(made, distances, places)
    ]


def _hidden(made: np.ndarray, real: Tensor, seed: int) -> list[dict[str, Any]]:
    """Real and made pictures, half and half, shuffled."""
    count = min(_GUESSED, len(made), len(real))
    rng = numpy_stream(seed, "hidden")
    chosen = real[torch.from_numpy(np.sort(rng.permutation(len(real))[:count]))].numpy()
    pairs = [(picture, True) for picture in chosen] + [(picture, False) for picture in made[-count:]]
    return [{"picture": picture_url(pairs[place][0]), "real": pairs[place][1]} for place in rng.permutation(len(pairs))]


def _corrupted(bundle: GenerativeBundle, x: Tensor) -> np.ndarray:
    """The pictures as the network is shown them while it learns. The global random stream is left as it was."""
    state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        with torch.inference_mode():
            noisy = bundle.net.corrupt(x)[0]  # type: ignore[operator]
    finally:
        torch.set_rng_state(state)
    return _array(bundle.made(noisy.numpy()))


def _array(made: Made | None) -> np.ndarray:
    assert isinstance(made, np.ndarray)
    return made


def _plain(frame: pd.DataFrame, place: int) -> dict[str, Any]:
    """One row as JSON has it."""
    row = frame.iloc[place]
    found: dict[str, Any] = {}
    for name in frame.columns:
        value = row[name]
        if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
            found[str(name)] = None
        elif isinstance(value, pd.Timestamp | np.datetime64):
            found[str(name)] = str(value)[:19]
        else:
            found[str(name)] = value.item() if isinstance(value, np.generic) else value
    return found


def _series(truth: Made, made: np.ndarray, few: Batch, place: int) -> dict[str, Any]:
    length = int(few[LENGTH][place])
    return {"truth": _thin(_array(truth)[place, :length]), "made": _thin(made[place, :length])}


def _thin(values: np.ndarray) -> list[float]:
    """The first feature of a series, at most 200 steps of it."""
    return [float(f"{value:.5g}") for value in np.asarray(values)[:_MOST_STEPS, 0]]
