"""What a trained network gets for one row, number by number, and how each came from what stood in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import X_CAT, X
from learnloop.data.dataset import Dataset
from learnloop.explain.describe import Embedding, Feature, Picture
from learnloop.explain.walk import Array, factor, number
from learnloop.nn.inputs import ImageInput, TableInput

COLOURS = ("red", "green", "blue")


def table_features(bundle: Bundle, row: Dataset) -> tuple[list[Feature], list[Embedding]]:
    """Numbers, one-hot columns and embeddings, in the order of the first layer's inputs."""
    arrays = bundle.encoder.apply(row)
    features = _numbers(bundle, row, np.asarray(arrays[X][0], np.float64))
    if X_CAT not in arrays:
        return features, []
    table = next(module for module in bundle.net.modules() if isinstance(module, TableInput))
    codes = [int(code) for code in arrays[X_CAT][0]]
    names = bundle.encoder.category_names
    embedded = set(table.embedded)
    for place in range(len(names)):
        if place not in embedded:
            features += _one_hot(bundle, row, names[place], codes[place])
    embeddings = []
    for place, weights in zip(table.embedded, table.embeddings, strict=True):
        assert isinstance(weights, nn.Embedding)
        found = _embedded(row, names[place], weights, codes[place])
        if codes[place]:  # code 0 is all zeros and learns nothing
            embeddings.append(Embedding(names[place], _text(row, names[place]), len(features), len(found)))
        features += found
    return features, embeddings


def _text(row: Dataset, name: str) -> str:
    """The value as it stood in the file."""
    value = pd.Series(row.column(name)).iloc[0]
    if pd.isna(value):
        return "missing"
    if isinstance(value, pd.Timestamp):
        return value.isoformat(sep=" ") if value != value.normalize() else str(value.date())
    return number(float(value)) if isinstance(value, float | np.floating) else str(value)


def _one_hot(bundle: Bundle, row: Dataset, name: str, code: int) -> list[Feature]:
    """A column for each category: 1 in that of the value, 0 elsewhere; all 0 for a value without a code."""
    text = _text(row, name)
    how = "one-hot" if code else "no category of the training part: 0 in every column"
    return [
        Feature(f"{name} is {category}", float(place == code), text, how)
        for place, category in enumerate(bundle.encoder.categories[name], 1)
    ]


def _embedded(row: Dataset, name: str, weights: nn.Embedding, code: int) -> list[Feature]:
    vector = weights.weight[code].detach().double().numpy()
    text = _text(row, name)
    how = f"embedding: learnt for {text}" if code else "no category of the training part: zeros"
    return [Feature(f"{name} [{place}]", float(value), text, how) for place, value in enumerate(vector, 1)]


def _numbers(bundle: Bundle, row: Dataset, x: Array) -> list[Feature]:
    told = _how(bundle, row)
    names = bundle.encoder.number_names
    found = []
    for name, value in zip(names, x, strict=True):
        raw, how = told.get(name, ("", "turned on the map"))
        found.append(Feature(name, float(value), raw, how))
    return found


def _how(bundle: Bundle, row: Dataset) -> dict[str, tuple[str, str]]:
    """Column of x -> (what stood in the file, how it was turned into a number)."""
    state = bundle.encoder.state_dict()
    columns = iter(state["columns"])
    found: dict[str, tuple[str, str]] = {}
    for field in state["fields"]:
        if field["kind"] not in ("number", "date"):
            continue
        kept, raw = next(columns), _text(row, field["name"])
        if "calendar" in kept:
            for column in kept["columns"]:
                found |= dict.fromkeys(_names(column), (raw, "from the date"))
            continue
        column = kept["column"]
        for name in _names(column):
            found[name] = (raw, _scaled(column, raw)) if name == column["name"] else ("", "1 where it is missing")
    return found


def _names(column: dict[str, Any]) -> Iterator[str]:
    if column["varies"]:
        yield column["name"]
    if column["impute"]["indicator"]:
        yield f"{column['name']} is missing"


def _scaled(column: dict[str, Any], raw: str) -> str:
    missing = raw == "missing"
    value = number(column["impute"]["median"]) if missing else raw
    note = ", the training median" if missing else ""
    if column["scaler"] == "standard":
        mean, std = (float(np.ravel(column["scale"][name])[0]) for name in ("mean", "scale"))
        return f"({value} - {factor(mean)}) / {number(std)}{note}"
    if column["scaler"] == "none":
        return f"{value}{note}" if missing else ""
    return f"{column['scaler']} scaling of {value}{note}"


def image_features(bundle: Bundle, row: Dataset) -> tuple[list[Feature], Picture]:
    """The pixels in the order of the first layer's inputs: channel by channel, row by row."""
    pixels = bundle.encoder.apply(row)[X][0]  # [channels, height, width]
    channels, height, width = pixels.shape
    scaling = next(module for module in bundle.net.modules() if isinstance(module, ImageInput))
    scale, shift = (part.double().numpy().reshape(-1, 1, 1) for part in (scaling.scale, scaling.shift))
    values = shift + pixels * scale
    spec = bundle.about.spec
    features, places = [], []
    for channel, y, x in np.ndindex(channels, height, width):
        colour = "" if channels == 1 else f" {COLOURS[channel] if channels == 3 else f'channel {channel + 1}'}"
        raw = int(pixels[channel, y, x])
        how = f"({raw}/255 - {factor(spec.mean[channel])}) / {number(spec.std[channel])}"
        features.append(Feature(f"pixel {y + 1},{x + 1}{colour}", float(values[channel, y, x]), str(raw), how))
        places.append((int(y), int(x)))
    mean = " Mean of the channels." if channels > 1 else ""
    note = f"{height} x {width} pixels from 0 to 255; pixel 3,5 stands in row 3, column 5.{mean}"
    return features, Picture(pixels.astype(np.float64).mean(0), tuple(places), note)
