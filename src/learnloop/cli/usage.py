"""typer's usage errors in our words. They are recognised by shape: typer keeps their classes to itself."""

from __future__ import annotations

import re
from typing import Any

from learnloop.errors import UserError, did_you_mean, nearest


def usage_error(error: Exception, app: Any) -> UserError | None:
    """A UserError for an error of the command line's grammar; None for any other exception."""
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "learnloop"
    message = str(error.format_message())
    option = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return UserError(command, "needs a command", do=f"{command} --help")
    if option is not None and "No such option" in message:
        return _no_such_option(str(option), command, context)
    missing_command = re.search(r"No such command '?([^']*?)'?\.?(?: Did.*)?$", message)
    if missing_command:
        return _no_such_command(missing_command.group(1), app)
    if type(error).__name__ == "MissingParameter" and parameter is not None:
        return UserError(command, f"needs {_shown(parameter)}", found=f"no {_shown(parameter)}", do=f"{command} --help")
    if parameter is not None:
        said = str(getattr(error, "message", message)).rstrip(".")
        must, found = "must have a value that fits", said
        if said.startswith("Input should be "):  # pydantic's words, in newer versions of typer
            must, found = f"must be {said.removeprefix('Input should be ').split(',')[0]}", ""
        return UserError(_shown(parameter), must, found=found, do=f"{command} --help")
    extra = re.search(r"unexpected extra arguments?\(?s?\)? \((.*)\)", message)
    if extra:
        return UserError(
            command,
            "takes one of these at a time",
            found=f"also {extra.group(1)}",
            cause="a name with a space that is not in quotes",
            do=f"{command} --help",
        )
    where = str(option) if option is not None else command
    return UserError(where, message.rstrip("."), do=f"{command} --help")


def _no_such_option(option: str, command: str, context: Any) -> UserError:
    known = _options(context)
    close = did_you_mean(option, known)
    return UserError(
        option,
        f"must be an option of `{command}`",
        found=f"no option is called {option!r}",
        cause=f"a spelling mistake. {close}" if close else "",
        do=f"{command} --help",
        available=nearest(option, known),
    )


def _no_such_command(name: str, app: Any) -> UserError:
    known = [str(info.name) for info in app.registered_commands]
    close = did_you_mean(name, known)
    return UserError(
        f"learnloop {name}",
        "must be a command",
        found=repr(name),
        cause=f"a spelling mistake. {close}" if close else "",
        do="learnloop --help",
        available=nearest(name, known),
    )


def _options(context: Any) -> list[str]:
    if context is None:
        return []
    found = [name for parameter in context.command.params for name in parameter.opts if name.startswith("--")]
    return [*found, "--help", "--debug"]


def _shown(parameter: Any) -> str:
    """How the user calls it: the long option, or the argument's name in capitals."""
    longest = max(parameter.opts, key=len) if parameter.opts else parameter.name
    if longest.startswith("-"):
        return str(longest)
    return str(parameter.metavar or parameter.name.upper())
