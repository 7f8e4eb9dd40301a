"""Errors as a product: where, what must hold, what was found, the probable cause, what to do, what is available.

Every class below is one kind of mistake; its docstring says what it means and how to mend it. `UserError` and its
children end a command with exit code 2 and no traceback; anything else is our own mistake (exit code 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def nearest(name: str, options: Iterable[str], most: int = 12) -> list[str]:
    """`options` sorted by likeness to `name`, nearest first, at most `most` of them."""
    unique = list(dict.fromkeys(str(option) for option in options))
    low = str(name).lower()

    def likeness(option: str) -> float:
        return difflib.SequenceMatcher(None, low, option.lower()).ratio()

    return sorted(unique, key=likeness, reverse=True)[:most]


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """`"Did you mean 'x'?"` when an option is close to `name`, else the empty string."""
    options = [str(option) for option in options]
    exact = [option for option in options if option.lower() == str(name).lower()]
    close = exact or difflib.get_close_matches(str(name), options, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else ""


class LearnloopError(Exception):
    """The base of every error that learnloop raises on purpose."""

    exit_code = 1


class UserError(LearnloopError):
    """Something the user can mend: a file, a name, a value.

    Built from parts, printed in one fixed order::

        --target: must be one of the columns of titanic.csv
          found:     'Survivd'
          probably:  a spelling mistake. Did you mean 'Survived'?
          do:        learnloop fit titanic.csv --target Survived
          available: Survived, Pclass, Name, ...

    where: the name that the user typed (flag, file, column, row).
    must:  what has to hold.   found: what was there instead.   cause: the probable cause, one sentence.
    do: one line to paste, or several when several intentions are possible.   available: valid names, nearest first.
    """

    exit_code = 2

    def __init__(
        self,
        where: str,
        must: str,
        *,
        found: str = "",
        cause: str = "",
        do: str | Sequence[str] = (),
        available: Sequence[str] = (),
    ) -> None:
        self.where = where
        self.must = must
        self.found = found
        self.cause = cause
        self.do = (do,) if isinstance(do, str) else tuple(do)
        self.available = tuple(str(name) for name in available)
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"{self.where}: {self.must}"]
        if self.found:
            lines.append(f"  found:     {self.found}")
        if self.cause:
            lines.append(f"  probably:  {self.cause}")
        for position, action in enumerate(self.do):
            lines.append(f"  {'do:       ' if position == 0 else 'or:       '} {action}")
        if self.available:
            shown = ", ".join(self.available[:12])
            more = len(self.available) - 12
            lines.append(f"  available: {shown}{f', and {more} more' if more > 0 else ''}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _rebuild, (type(self), self.where, self.must, self.found, self.cause, self.do, self.available)


def _rebuild(
    kind: type[UserError],
    where: str,
    must: str,
    found: str,
    cause: str,
    do: Sequence[str],
    available: Sequence[str],
) -> UserError:
    return kind(where, must, found=found, cause=cause, do=do, available=available)


class DataError(UserError):
    """The data cannot be read, or cannot be learnt from: an empty file, a ragged row, a missing target, one class."""


class SchemaError(DataError):
    """Rows given for prediction or evaluation do not have the columns or kinds that the model was trained on."""


class RecipeError(UserError):
    """A value of the recipe (a flag, `--set key=value`, recipe.yaml, an argument of `ll.fit`) cannot be used."""


class ModelError(UserError):
    """A model cannot be built for this data, or a module that was handed over does not fit it."""


class RunError(UserError):
    """A run folder or bundle is missing, incomplete, damaged, not writable, or of another version."""


class DiskError(RunError):
    """The disk is full or not writable. What was saved before is intact; resume once there is room."""


class NonFiniteError(UserError):
    """The loss became NaN or infinite. The step was refused; the last good weights are kept."""


class MissingExtraError(UserError):
    """An optional library is needed. Install the extra that the message names."""

    @classmethod
    def of(cls, library: str, extra: str, purpose: str) -> MissingExtraError:
        return cls(
            purpose,
            f"needs the optional library {library}",
            found="it is not installed",
            do=f"pip install 'learnloop[{extra}]'",
        )


class ManyErrors(UserError):
    """Several mistakes, reported together so that they can be mended together. `errors` holds each."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        self.errors = tuple(errors)
        LearnloopError.__init__(self, self._text())

    def _text(self) -> str:
        return f"{len(self.errors)} mistakes:\n" + "\n".join(f"{error}" for error in self.errors)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self), (self.errors,)


def raise_all(errors: Sequence[UserError]) -> None:
    """Raise nothing for no error, the one error for one, `ManyErrors` for several."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ManyErrors(errors)
