from learnloop.bundle.bundle import Bundle as Bundle
from learnloop.data.read import read as read
from learnloop.verbs.compare import compare as compare
from learnloop.verbs.evaluate import evaluate as evaluate
from learnloop.verbs.fit import fit as fit
from learnloop.verbs.inspect import inspect as inspect
from learnloop.verbs.predict import predict as predict
from learnloop.verbs.report import report as write_report
from learnloop.verbs.run import Run as Run
from learnloop.verbs.runs import runs as list_runs

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

load = Run.open
__version__: str
