"""Codes of an autoencoder: in the plane beside PCA, what each number of them carries, and anomalies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learnloop.report.generative_figures import COLLAPSED, anomaly_figure, codes_figure, kl_figure
from learnloop.report.load import RunView
from learnloop.report.sections.measured import figures
from learnloop.report.text import esc, number, score, section, table

Facts = Mapping[str, Any]
_CLUSTERS = {
    "count": "Groups",
    "smallest": "Rows of the smallest",
    "adjusted_rand": "Adjusted Rand index against the classes",
    "purity": "Rows whose class is the commonest of their group",
}


def codes(run: RunView) -> str:
    """Codes in the plane beside the two first principal components of the rows; clusters; KL by number."""
    found = _generative(run)
    planes, kl = found.get("codes") or {}, found.get("kl") or []
    drawn = []
    if planes.get("points"):
        drawn.append((codes_figure(planes["points"], "Codes", *_axes(planes, "code")), "Codes in the plane"))
    if planes.get("pca"):
        drawn.append((codes_figure(planes["pca"], "PCA of the rows", "component 1", "component 2"), "PCA of the rows"))
    if kl:
        drawn.append((kl_figure(kl), "KL of each number of the code"))
    return section("Codes", figures(drawn), _collapsed(kl), _bound(found), _clusters(planes), _columns(found))


def anomalies(run: RunView) -> str:
    """How well rows that are not normal are told by what is lost of them, beside PCA and IsolationForest."""
    found = _generative(run).get("anomalies") or {}
    curves = {str(name): curve for name, curve in (found.get("curves") or {}).items() if curve.get("fpr")}
    drawn = [(anomaly_figure(curves), "ROC curves of anomaly scores")] if curves else []
    rows = [
        [
            esc(row["title"]),
            score("roc_auc", row["roc_auc"]),
            "" if row.get("flagged") is None else _percent(row["flagged"]),
        ]
        for row in found.get("methods", [])
    ]
    threshold = found.get("threshold")
    said = (
        f"Rows with a score above {number(threshold)} are flagged: 95 % of the rows held out for it lie below."
        if threshold is not None
        else ""
    )
    return section(
        "Anomalies",
        figures(drawn),
        table(["Method", "ROC-AUC", "Anomalies flagged"], rows, numeric=(1, 2)) if rows else "",
        f'<p class="soft">{esc(said)}</p>' if said and (rows or drawn) else "",
    )


def _generative(run: RunView) -> Facts:
    found: Facts = run.report.get("generative") or {}
    return found


def _axes(planes: Facts, what: str) -> tuple[str, str]:
    """What the axes are: the two numbers of the code, or its principal components."""
    x, y = planes.get("axes") or ("component 1", "component 2")
    return f"{what}: {x}", f"{what}: {y}"


def _collapsed(kl: list[float]) -> str:
    if not kl:
        return ""
    silent = sum(value < COLLAPSED for value in kl)
    said = (
        f"{silent} of {len(kl)} numbers of the code have collapsed: they carry less than {COLLAPSED} nats, the decoder "
        "does not look at them."
        if silent
        else f"Each of the {len(kl)} numbers of the code carries something."
    )
    return f'<p class="soft">{esc(said)}</p>'


def _bound(found: Facts) -> str:
    """What the bound of ln p(x) holds for."""
    bound = found.get("bound") or {}
    if not bound:
        return ""
    if bound.get("note"):
        return f'<p class="soft">{esc(bound["note"])}</p>'
    pixels = "" if bound["binarise"] == "none" else f", pixels black or white by {bound['binarise']} binarisation"
    said = (
        f"ln p(x) is at least {bound['log_likelihood']:.2f} nats: the mean over {number(bound['rows'])} rows of the "
        f"importance-weighted bound of k = {number(bound['k'])} draws each, {bound['likelihood']} likelihood{pixels}."
    )
    return f"<p>{esc(said)}</p>"


def _columns(found: Facts) -> str:
    """Of a table: what the codes keep of each column."""
    rows = [
        [esc(row["name"]), _percent(row.get("explained")), _percent(row.get("right"))]
        for row in found.get("columns", [])
    ]
    head = ["Column", "Variance kept", "Categories right"]
    return f"<h3>What is kept of each column</h3>{table(head, rows, numeric=(1, 2))}" if rows else ""


def _clusters(planes: Facts) -> str:
    """What k-means found among the codes, without having seen a class."""
    found = planes.get("clusters") or {}
    rows = [[esc(_CLUSTERS[name]), esc(_told(name, found[name]))] for name in _CLUSTERS if name in found]
    return f"<h3>Groups of codes (k-means)</h3>{table(['', 'Value'], rows, numeric=(1,))}" if rows else ""


def _told(name: str, value: Any) -> str:
    return number(value) if isinstance(value, int) else score(name, value)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
