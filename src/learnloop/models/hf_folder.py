"""A folder as Hugging Face's libraries save an encoder: what is in it, read without running any code that came along.

config.json is the architecture, tokenizer.json the tokeniser, *.safetensors the weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from learnloop.errors import DataError, MissingExtraError, ModelError, RecipeError

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
WHERE = "model.path"
_WANTED = (CONFIG, TOKENIZER, TOKENIZER_CONFIG, "*.safetensors", "*.safetensors.index.json")
"""What is fetched of a repository: no pickles, no code."""
_FAR = 1_000_000
"""Tokenisers without a limit say so by a number above it."""
_SHIFTED = frozenset({"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "data2vec-text"})
"""Model types that count places from pad_token_id + 1 on."""


def folder_of(path: str, *, download: bool) -> Path:
    """The folder itself, or that of a repository on the Hugging Face hub in the local cache, fetched where allowed.

    Raises RecipeError for a name that leads nowhere, DataError where fetching fails.
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder
    if not _is_repository(path):
        raise RecipeError(
            WHERE,
            "must be a folder with config.json, tokenizer.json and model.safetensors, or a name on the hub",
            found=f"{path!r}, and no folder of that name",
            available=_beside(folder),
        )
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError.of("huggingface_hub", "hf", "--model hf") from None
    try:
        return Path(snapshot_download(path, allow_patterns=list(_WANTED), local_files_only=not download))
    except Exception as error:  # the library raises a dozen kinds, those of the connection among them
        raise _not_fetched(path, error, download) from error


def read_architecture(folder: Path) -> dict[str, Any]:
    """config.json. Raises DataError where it is missing, damaged, or says no model type."""
    try:
        found = json.loads(need_file(folder, CONFIG, "the architecture").read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(str(folder / CONFIG), "must be JSON", found=str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("model_type"), str):
        raise DataError(
            str(folder / CONFIG),
            "must name the architecture as model_type",
            found="none",
            cause="a file of another library, or of a tokeniser",
        )
    return found


def need_file(folder: Path, name: str, holds: str) -> Path:
    """The file; DataError with what to do where the folder has none."""
    path = folder / name
    if path.is_file():
        return path
    raise DataError(
        f"{WHERE} {folder}",
        f"must hold {name}, {holds}",
        found=", ".join(sorted(item.name for item in folder.iterdir())[:8]) or "an empty folder",
        cause="" if name != TOKENIZER else "an older model, saved with the vocabulary alone",
        do=f"transformers.{_SAVED_BY[name]}.from_pretrained({str(folder)!r}).save_pretrained({str(folder)!r})",
    )


_SAVED_BY = {CONFIG: "AutoConfig", TOKENIZER: "AutoTokenizer", "model.safetensors": "AutoModel"}


def need_weights(folder: Path) -> None:
    """Raises DataError where the folder has no weights in safetensors, in one file or several."""
    if not (folder / "model.safetensors.index.json").is_file():
        need_file(folder, "model.safetensors", "the weights (files of pickles are not read: they can run code)")


def places(architecture: dict[str, Any]) -> int | None:
    """Tokens that the encoder has places for, special ones included; None where it says nothing."""
    most = architecture.get("max_position_embeddings")
    if not isinstance(most, int) or most < 1:
        return None
    shifted = architecture.get("model_type") in _SHIFTED
    return most - (int(architecture.get("pad_token_id") or 0) + 1 if shifted else 0)


def most_tokens(folder: Path) -> int | None:
    """Tokens of the longest text that the folder's encoder can read; None where no file says."""
    limits = []
    if (folder / CONFIG).is_file():
        limits.append(places(read_architecture(folder)))
    try:
        told = json.loads((folder / TOKENIZER_CONFIG).read_text(encoding="utf-8")).get("model_max_length")
        limits.append(int(told) if isinstance(told, int | float) and 0 < told < _FAR else None)
    except (OSError, ValueError, AttributeError):
        pass  # the file is optional, and nothing else in it is needed
    return min((limit for limit in limits if limit), default=None)


def _is_repository(path: str) -> bool:
    """owner/name, or the bare name of one of the oldest models; not what looks like a path."""
    return path.count("/") <= 1 and not path.startswith((".", "/", "~")) and not path.endswith("/")


def _beside(folder: Path) -> list[str]:
    parent = folder.parent
    found: Iterable[Path] = parent.iterdir() if parent.is_dir() else ()
    return sorted(str(item) for item in found if (item / CONFIG).is_file())


def _not_fetched(path: str, error: Exception, download: bool) -> DataError | ModelError:
    if not download:
        return DataError(
            f"{WHERE} {path}",
            "must be a folder, or a model that was fetched before",
            found="no folder of that name, and nothing in the hub's cache",
            do=["--download   # fetches it once from the Hugging Face hub", "--set model.path=FOLDER"],
        )
    told = str(error).strip().splitlines()
    return DataError(
        f"{WHERE} {path}",
        "must be a model on the Hugging Face hub that can be fetched",
        found=f"{type(error).__name__}: {told[0][:200] if told else ''}",
        cause="a spelling mistake, a model that needs an account, or no connection",
        do="--set model.path=FOLDER   # where it was saved",
    )
