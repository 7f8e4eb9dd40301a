"""learnloop: from a file of data to a trained, measured and understood deep network.

    import learnloop as ll

    run = ll.fit("data.csv", target="y")
    run.predict(rows)

Names are loaded when they are first used (PEP 562): `import learnloop` itself imports neither torch nor
NumPy. `__init__.pyi` lists them for type checkers. `report` and `runs` are packages, so these verbs have
longer names here.
"""

from importlib import import_module
from operator import attrgetter

from learnloop.errors import did_you_mean
from learnloop.optim.wait import bound_wait

bound_wait()  # must come before torch is imported, whoever imports it

_NAMES = {
    "Bundle": "learnloop.bundle.bundle:Bundle",
    "Run": "learnloop.verbs.run:Run",
    "compare": "learnloop.verbs.compare:compare",
    "evaluate": "learnloop.verbs.evaluate:evaluate",
    "fit": "learnloop.verbs.fit:fit",
    "inspect": "learnloop.verbs.inspect:inspect",
    "list_runs": "learnloop.verbs.runs:runs",
    "load": "learnloop.verbs.run:Run.open",
    "predict": "learnloop.verbs.predict:predict",
    "read": "learnloop.data.read:read",
    "write_report": "learnloop.verbs.report:report",
}
"""Public name -> where it is defined."""

__all__ = [
    "Bundle",
    "Run",
    "__version__",
    "compare",
    "evaluate",
    "fit",
    "inspect",
    "list_runs",
    "load",
    "predict",
    "read",
    "write_report",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = import_module("importlib.metadata").version("learnloop")
    elif name in _NAMES:
        module, _, attribute = _NAMES[name].partition(":")
        value = attrgetter(attribute)(import_module(module))
    else:
        raise AttributeError(f"learnloop has no {name!r}. {did_you_mean(name, __all__)}".strip())
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
