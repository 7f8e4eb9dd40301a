"""A part built again in another process: what a restart of the program finds."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

_CODE = "import sys, learnloop.testing.fresh as fresh; print(fresh.answer(sys.stdin.read()))"


def in_fresh_process(function: Callable[[dict[str, Any]], Any], given: Mapping[str, Any], what: str) -> Any:
    """`function(given)` as another process, with another hash seed, computes it. Both ways lead through JSON.

    function  of a module, found by its name
    what      it does, for the AssertionError when the process fails: "a fresh process cannot <what>"
    """
    message = {"function": [function.__module__, function.__qualname__], "given": dict(given)}
    done = subprocess.run(
        [sys.executable, "-c", _CODE],
        input=json.dumps(message),
        # The search path, so that a class from a test file is found; and a hash seed that is not ours.
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"a fresh process cannot {what}:\n{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])


def answer(message: str) -> str:
    """What the other process does."""
    asked = json.loads(message)
    return json.dumps(_named(asked["function"])(asked["given"]))


def declared(config: Any) -> dict[str, Any]:
    """The class and the fields of a Config in JSON; `rebuilt` makes it again."""
    kind = type(config)
    return {"class": [kind.__module__, kind.__qualname__], "config": config.model_dump(mode="json")}


def rebuilt(given: Mapping[str, Any]) -> Any:
    return _named(given["class"]).model_validate(given["config"])


def _named(place: list[str]) -> Any:
    module, name = place
    return getattr(importlib.import_module(module), name)
