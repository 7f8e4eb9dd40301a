"""`learnloop explain metrics`: eight mails counted, ranked and drawn; four numbers; two clouds of pictures."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Grid, Say, Section, Table, Walk, factor, number
from learnloop.scratch import frechet
from learnloop.scratch.metrics import Counts, accuracy, counts, example, f1, precision, recall, roc_curve

THRESHOLD = 0.5
"""Of the example."""


def walk() -> Walk:
    values = example() | _roc() | _thresholds() | _lazy() | {f"fid {name}": v for name, v in frechet.example().items()}
    sections = [
        Section("Four kinds of answers", _counts(values)),
        Section("Accuracy, precision, recall, F1", _shares(values)),
        Section("Move the threshold", _moved(values)),
        Section("ROC-AUC: do positives rank above negatives?", _auc(values)),
        Section("Numbers: MSE, RMSE, MAE, R2", _numbers(values)),
        Section("Generated pictures: FID", _fid(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Metrics: how good is it, in one number",
        sections,
        values,
        "course guide 004, section 12.2, equations 75 to 78; guide 000, Model Evaluation Metrics; Hanley and McNeil, "
        "1982 "
        "(AUC); Heusel et al., 2017, equation 6 (FID). Code: learnloop.scratch.metrics, learnloop.scratch.frechet",
        ["learnloop explain losses", "learnloop explain spam"],
    )


_REMEMBER = (
    "Count first: all four numbers of a classifier at a threshold come from TP, TN, FP and FN.",
    "Accuracy alone hides a rare class. Say which mistake is the dear one, and look at precision or recall.",
    "RMSE is in the unit of y. R2 compares with the laziest model: the mean of y.",
)


def _roc() -> dict[str, Array]:
    values = example()
    false_rate, true_rate = roc_curve(values["y"], values["score"])
    return {"false positive rate": false_rate, "true positive rate": true_rate}


def _thresholds() -> dict[str, Array]:
    """Precision, recall and F1 by threshold, [k] each: every score once, falling."""
    values = example()
    thresholds = np.unique(values["score"])[::-1]
    at = [counts(values["y"], (values["score"] >= threshold).astype(float)) for threshold in thresholds]
    lines = {metric.__name__: np.array([metric(c) for c in at]) for metric in (precision, recall, f1)}
    return {"thresholds": thresholds} | {f"{name} by threshold": line for name, line in lines.items()}


def _lazy() -> dict[str, Array]:
    """A filter that never says spam, where 5 mails of 100 are."""
    c = Counts(TP=0, TN=95, FP=0, FN=5)
    return {
        "lazy counts": np.array(c, float),
        "lazy accuracy": np.array(accuracy(c)),
        "lazy recall": np.array(recall(c)),
    }


def _counts(values: dict[str, Array]) -> list[Block]:
    TP, TN, FP, FN = values["counts"]
    called = values["score"] >= THRESHOLD
    kinds = [("TN", "FP"), ("FN", "TP")]
    rows = [
        [f"{i + 1}", float(score), "spam" if y else "-", "spam" if said else "-", kinds[int(y)][int(said)]]
        for i, (y, score, said) in enumerate(zip(values["y"], values["score"], called))
    ]
    return [
        Table(
            ("mail", "score", "is", "called", "kind"), rows, note=f"Called spam from a score of {number(THRESHOLD)} on."
        ),
        Grid(
            "confusion matrix",
            np.array([[TN, FP], [FN, TP]]),
            rows=("is not", "is spam"),
            columns=("called not", "called spam"),
            note="TN FP / FN TP. The diagonal is right.",
        ),
        Say("Two ways to be right, two to be wrong. A false alarm (FP) and a miss (FN) seldom cost the same."),
    ]


def _shares(values: dict[str, Array]) -> list[Block]:
    TP, TN, FP, FN = (number(count) for count in values["counts"])
    p, r = float(values["precision"]), float(values["recall"])
    lazy = [number(count) for count in values["lazy counts"]]
    return [
        Equation(
            "accuracy = (TP + TN) / all", f"({TP} + {TN}) / ({TP} + {TN} + {FP} + {FN})", float(values["accuracy"])
        ),
        Equation("precision = TP / (TP + FP)", f"{TP} / ({TP} + {FP})", p, "of those called spam, how many are"),
        Equation("recall = TP / (TP + FN)", f"{TP} / ({TP} + {FN})", r, "of the spam, how much was found"),
        Equation(
            "F1 = 2 precision recall / (precision + recall)",
            f"2*{number(p)}*{number(r)} / ({number(p)} + {number(r)})",
            float(values["f1"]),
            "near the smaller of the two",
        ),
        Say(
            f"Now a filter that never says spam, and {lazy[3]} spam mails among "
            f"{number(float(values['lazy counts'].sum()))}:"
        ),
        Equation("accuracy", f"(0 + {lazy[1]}) / (0 + {lazy[1]} + 0 + {lazy[3]})", float(values["lazy accuracy"])),
        Equation("recall", f"0 / (0 + {lazy[3]})", float(values["lazy recall"]), "it finds nothing"),
    ]


def _moved(values: dict[str, Array]) -> list[Block]:
    at = values["thresholds"]
    names = ("precision", "recall", "f1")
    return [
        Curves(
            "By threshold",
            "called spam from this score on",
            "share",
            {n: (at, values[f"{n} by threshold"]) for n in names},
        ),
        Table(
            ("threshold", *names),
            [[float(a), *(float(values[f"{n} by threshold"][i]) for n in names)] for i, a in enumerate(at)],
        ),
        Say("A lower threshold finds more spam and raises more false alarms. Choose it by what each mistake costs."),
    ]


def _auc(values: dict[str, Array]) -> list[Block]:
    y, ranks = values["y"], values["ranks"]
    P, N = int(y.sum()), int((1 - y).sum())
    own = ranks[y == 1]
    rows = [[float(s), "spam" if label else "-", float(r)] for s, label, r in zip(values["score"], y, ranks)]
    return [
        Curves(
            "ROC: every threshold is a point",
            "false positive rate",
            "true positive rate",
            {
                "the filter": (values["false positive rate"], values["true positive rate"]),
                "by chance": (np.array([0.0, 1.0]), np.array([0.0, 1.0])),
            },
        ),
        Table(
            ("score", "is", "rank"),
            rows,
            note="The lowest score has rank 1. Two equal ones share the mean of their places.",
        ),
        Equation(
            "AUC = (sum of the spam ranks - P (P + 1)/2) / (P N)",
            f"({' + '.join(number(r) for r in own)} - {P}*({P} + 1)/2) / ({P}*{N})",
            float(values["roc_auc"]),
        ),
        Say(
            f"It is the area under the curve, and the share of the {P * N} pairs (one spam, one not) in which spam "
            "scores "
            "higher; a tie counts half. By chance it is one half."
        ),
    ]


def _numbers(values: dict[str, Array]) -> list[Block]:
    y, yhat, m = values["target"], values["guess"], len(values["target"])
    pairs = list(zip(y, yhat))
    squares = " + ".join(f"({number(a)} - {factor(b)})**2" for a, b in pairs)
    spread = " + ".join(f"({number(a)} - {factor(y.mean())})**2" for a in y)
    sizes = " + ".join(number(abs(a - b)) for a, b in pairs)
    return [
        Table(("y", *(number(a) for a in y)), [["yhat", *yhat]]),
        Equation("MSE = mean of (y - yhat)^2", f"({squares}) / {m}", float(values["mse"])),
        Equation("RMSE = sqrt(MSE)", f"sqrt({number(float(values['mse']))})", float(values["rmse"])),
        Equation("MAE = mean of |y - yhat|", f"({sizes}) / {m}", float(values["mae"])),
        Equation("R2 = 1 - sum (y - yhat)^2 / sum (y - mean)^2", f"1 - ({squares}) / ({spread})", float(values["r2"])),
        Say(f"The mean of y is {number(y.mean())}. Always saying that has R2 = 0; worse than that is below 0."),
    ]


def _fid(values: dict[str, Array]) -> list[Block]:
    mu_1, S_1, mu_2, S_2, root = (values[f"fid {name}"] for name in ("mu_1", "S_1", "mu_2", "S_2", "root"))
    means = " + ".join(f"({number(a)} - {factor(b)})**2" for a, b in zip(mu_1, mu_2))
    traces = " + ".join(f"{number(a)} + {number(b)}" for a, b in zip(np.diag(S_1), np.diag(S_2)))
    cross = " + ".join(number(a) for a in np.diag(root))
    return [
        Say(
            "One cannot ask of a made-up picture whether it is right. FID asks whether many of them look like the real "
            "ones: a network's features of both are taken as two Gaussian clouds, and their distance is measured."
        ),
        Grid("covariance S_1 (real)", S_1, note=f"mean ({number(mu_1[0])}, {number(mu_1[1])})"),
        Grid("covariance S_2 (made)", S_2, note=f"mean ({number(mu_2[0])}, {number(mu_2[1])})"),
        Grid("root of S_1 S_2", root, note="Times itself it is S_2, as S_1 is 1 on the diagonal and 0 elsewhere."),
        Equation(
            "d^2 = |mu_1 - mu_2|^2 + Tr(S_1 + S_2 - 2 root)",
            f"{means} + {traces} - 2*({cross})",
            float(values["fid distance"]),
        ),
        Say("0 is the same cloud. Few pictures make it too large: compare only with the same number of pictures."),
    ]
