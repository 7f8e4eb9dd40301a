"""What a user's own module or loss did wrong: their mistakes in our words, with the line of their file."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import torch
from torch import Tensor

from learnloop.errors import LearnloopError, ModelError

_PACKAGES = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))
_ONE_ROW = "more than 1 value per channel"


def raise_explained(error: Exception) -> NoReturn:
    """Raise ModelError for an exception that passed through the user's own code (module or loss), or that batch
    normalisation raises on one row; `error` itself for anything else, which is a mistake of ours.
    """
    told = _explained(error)
    if told is None:
        raise error
    raise told from error


def own_loss(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """A loss of the user's, `function(outputs, y)`, as a training loss. What it raises is its own mistake.

    Raises ModelError for something that cannot be called, or a class where an instance belongs.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, type) or not callable(function):
        raise ModelError(
            "loss",
            "must be a name or a function(outputs, y) that returns a scalar tensor",
            found=f"the class {name}, not an instance" if isinstance(function, type) else repr(function)[:80],
            cause="the brackets are missing" if isinstance(function, type) else "",
            do=f"loss={name}()" if isinstance(function, type) else "loss=nn.CrossEntropyLoss()",
        )

    def loss(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        try:
            return function(outputs, y)
        except LearnloopError:
            raise
        except Exception as error:
            raise ModelError(
                f"loss {name}",
                "must work on outputs and targets",
                found=_one_line(error),
                cause=f"outputs are {_shape(outputs)}, targets {_shape(y)}",
                do="write it for these shapes; classes come as codes 0, 1, 2, ..., numbers standardised",
            ) from error

    return loss


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _explained(error: Exception) -> ModelError | None:
    if isinstance(error, LearnloopError):
        return None
    found = _one_line(error)
    if _ONE_ROW in str(error):
        return ModelError(
            "--batch-size",
            "must be at least 2 for a network with batch normalisation",
            found="a batch of 1 row",
            cause="the variance of one row is nothing to divide by",
            do=("--batch-size 32", "--set model.batch_norm=false"),
        )
    where = own_line(error)
    if not where:
        return None
    return ModelError(
        where,
        "must work on every batch of training",
        found=found,
        cause="a mistake in your own module or loss, or in what it expects: outputs [batch, outputs], targets as "
        "class codes int64 [batch] or numbers float32 [batch, targets]",
        do="learnloop.fit(..., steps=1) in a debugger; the exception that this one was raised from has the details",
    )


def own_line(error: BaseException) -> str:
    """ "file.py line 12, in forward" of the innermost frame that is neither ours nor torch's; else ""."""
    own = ""
    inside = False
    for frame in traceback.extract_tb(error.__traceback__):
        ours = frame.filename.startswith(_PACKAGES) or frame.filename.startswith("<frozen")
        inside = inside or ours  # what lies above us is only the caller
        if inside and not ours:
            own = f"{Path(frame.filename).name} line {frame.lineno}, in {frame.name}"
    return own


def need_scalar(loss: object) -> None:
    """Raises ModelError for a training loss that is no tensor, has several values, or leads to no weights."""
    if not isinstance(loss, Tensor):
        raise _no_loss(
            f"{loss!r}"[:60] + f", a {type(loss).__name__}",
            "a number that was taken out of its tensor has lost its gradient",
            "leave out .item(), float(...) and .numpy()",
        )
    if loss.numel() != 1:
        raise _no_loss(f"shape {list(loss.shape)}", "a loss of each row, not their mean", "return each.mean()")
    if not loss.requires_grad:
        raise _no_loss(
            "a tensor without a gradient",
            "the outputs were detached, or computed under torch.no_grad()",
            "leave out .detach() and torch.no_grad()",
        )


def _no_loss(found: str, cause: str, do: str) -> ModelError:
    return ModelError(
        "the loss",
        "must be one number as a tensor that depends on the weights",
        found=found,
        cause=cause,
        do=do,
    )
