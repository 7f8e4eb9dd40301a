"""`learnloop`: the commands, and how each ends: 0 done, 2 the user's mistake, 1 ours, 130 interrupted.

Nothing here imports torch, NumPy, pandas or pydantic: a command imports what it needs when it runs.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Annotated

import typer

from learnloop.cli import compare, data, evaluate, explain, fit, generate, inspect, models, predict, report, runs, tasks
from learnloop.cli.usage import usage_error
from learnloop.errors import LearnloopError, UserError
from learnloop.optim.wait import bound_wait

app = typer.Typer(
    name="learnloop",
    help="From a file of data to a trained, measured and understood deep network.\n\nlearnloop fit data.csv --target y",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS: dict[str, Callable[..., None]] = {
    "fit": fit.fit,
    "inspect": inspect.inspect,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "generate": generate.generate,
    "report": report.report,
    "compare": compare.compare,
    "runs": runs.runs,
    "explain": explain.explain,
    "models": models.models,
    "tasks": tasks.tasks,
    "data": data.data,
}
_asked: list[int] = []
"""Signals that have arrived: a library that is being imported may turn KeyboardInterrupt into another error."""
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"learnloop {version('learnloop')}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of any error")] = False,
) -> None:
    """Options of every command; `--debug` is also understood behind the command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs a command and leaves with its exit code."""
    bound_wait()
    _never_without_streams()
    _listen()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def _never_without_streams() -> None:
    """`learnloop ... >&-` closes standard output: Python then has None, which nothing can print to."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (kept for the life of the process)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def _listen() -> None:
    """Ctrl-C and SIGTERM end any command with one sentence; while a network is trained, the loop listens itself."""

    def stop(number: int, frame: FrameType | None) -> None:
        _asked.append(number)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
            signal.signal(number, stop)


def run(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit code. Every exception ends here."""
    arguments, debug = _without_debug(arguments)
    try:
        code = app(list(arguments), prog_name="learnloop", standalone_mode=False)
        sys.stdout.flush()
        if code == 130:  # newer versions of typer turn Ctrl-C into this
            return _interrupted()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        return _broken_pipe()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer meets a broken pipe before us
            return _broken_pipe()
        raise
    except UserError as error:
        return _end(error, debug)
    except Exception as error:
        if _asked:
            return _interrupted()
        usage = usage_error(error, app)
        if usage is not None:
            return _end(usage, debug)
        if type(error).__name__ == "Abort":
            return _interrupted()
        if isinstance(error, LearnloopError) and error.exit_code != 1:
            return _end(error, debug)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _end(_full(error), debug)
        if _no_memory(error):
            return _end(_too_large(error), debug)
        return _ours(error)


def _without_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """`--debug` may stand anywhere before `--`."""
    arguments = list(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, rest = arguments[:end], arguments[end:]
    return [item for item in options if item != "--debug"] + rest, "--debug" in options


def _end(error: LearnloopError, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    print(error, file=sys.stderr)
    return error.exit_code


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return 130


def _ours(error: Exception) -> int:
    """A programming mistake always shows its traceback."""
    traceback.print_exception(error)
    print(
        "\nlearnloop: this is a mistake of ours, not of yours. Please report it with the text above"
        f" and the command:\n  learnloop {' '.join(sys.argv[1:])}",
        file=sys.stderr,
    )
    return 1


def _full(error: OSError) -> UserError:
    """A full disk that no writer of ours has met: standard output, a library's temporary file."""
    return UserError(
        str(error.filename or "standard output"),
        "needs room on the disk",
        found=error.strerror or "no space left",
        cause="the disk is full; what was saved before is intact",
        do=("free some space, then: learnloop runs", "learnloop fit --resume RUN"),
    )


def _no_memory(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, MemoryError) or "can't allocate memory" in text or "out of memory" in text


def _too_large(error: Exception) -> UserError:
    asked = re.search(r"(?:allocate|Unable to allocate) ([0-9.]+ ?[A-Za-z]*)", str(error))
    return UserError(
        "memory",
        "must hold the data, the network and one batch",
        found=f"no room for another {asked.group(1).strip()}" if asked else "no room left",
        cause="a network, an image or a batch that is too large for this machine",
        do=("--batch-size 32", "learnloop models NAME --set ...   # shows the memory of a training step"),
    )


def _broken_pipe() -> int:
    """Whoever read our output has left (`learnloop runs | head -1`). Python must not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0
