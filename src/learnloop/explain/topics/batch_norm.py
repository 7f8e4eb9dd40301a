"""`learnloop explain batch_norm`: four rows by hand, forwards, backwards and in use, and layer norm beside it."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Grid, Say, Section, Table, Walk, factor, number
from learnloop.scratch.normalise import batch_norm, example, three_ways

MOMENTUM, BATCHES = 0.1, 40
"""MOMENTUM: of the example."""


def walk() -> Walk:
    values = example() | _running() | _terms()
    sections = [
        Section("One feature, four rows", _forward(values)),
        Section("Scale and shift", _learnt(values)),
        Section("In use: the remembered statistics", _in_use(values)),
        Section("Backwards: gamma and beta", _parameters(values)),
        Section("Backwards: through the statistics", _backward(values)),
        Section("Layer norm: the same, along the row", _layer(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Batch norm: each feature at mean 0 and variance 1",
        sections,
        values,
        "course guide 004, section 4.3, equations 29 to 32; Ioffe and Szegedy, Batch Normalization, 2015, section 3; "
        "Ba, "
        "Kiros and Hinton, Layer Normalization, 2016. Code: learnloop.scratch.normalise",
        ["learnloop explain dropout", "learnloop explain transformer"],
    )


_REMEMBER = (
    "In training the batch's own statistics, in use the remembered ones: forget to switch and the answers change.",
    "The biased variance (divided by m) normalises, the unbiased one (by m - 1) is remembered.",
    "Every row's slope depends on every other row. A batch of one row has no variance.",
    "Layer norm has no batch in it: it is what transformers use.",
)


def _running() -> dict[str, Array]:
    """The running statistics of the first feature while the same batch comes again and again. [BATCHES + 1]"""
    values = example()
    mean, var, means, variances = np.zeros(2), np.ones(2), [0.0], [1.0]
    for _ in range(BATCHES):
        _, cache = batch_norm(values["x"], values["gamma"], values["beta"], mean, var, MOMENTUM, 0.0)
        mean, var = cache.running_mean, cache.running_var
        means.append(float(mean[0]))
        variances.append(float(var[0]))
    return {"running means": np.array(means), "running variances": np.array(variances)}


def _terms() -> dict[str, Array]:
    """The three ways by which each x of the first feature reaches the loss, [4] each; their sum is dx."""
    values = example()
    dx_hat = values["dy"][:, 0] * values["gamma"][0]
    straight, by_var, by_mu = three_ways(dx_hat, values["x_hat"][:, 0], values["deviation"][0], axis=0)
    return {"dx_hat": dx_hat, "way straight": straight, "way by mu": by_mu, "way by var": by_var}


def _sum(terms: Array) -> str:
    return " + ".join(factor(term) for term in terms)


def _forward(values: dict[str, Array]) -> list[Block]:
    x, mean, variance = values["x"][:, 0], values["mean"][0], values["variance"][0]
    deviation, x_hat = values["deviation"][0], values["x_hat"][:, 0]
    squares = " + ".join(f"({number(value)} - {factor(mean)})**2" for value in x)
    names = [f"row {i + 1}" for i in range(len(x))]
    return [
        Grid("batch x", values["x"], rows=names, columns=("feature 1", "feature 2")),
        Say(
            "The features come in sizes of their own, and the sizes move while the layers before are trained. Batch "
            "norm "
            "fixes them, one feature (one column) at a time. Here is the first; epsilon is left out."
        ),
        Equation("mu = 1/m sum x_i", f"({_sum(x)}) / {len(x)}", mean),
        Equation("var = 1/m sum (x_i - mu)^2", f"({squares}) / {len(x)}", variance),
        Equation("s = sqrt(var)", f"sqrt({number(variance)})", deviation),
        Equation(
            "x_hat = (x_1 - mu) / s", f"({number(x[0])} - {factor(mean)}) / {number(deviation)}", x_hat[0], "row 1"
        ),
        Grid(
            "x_hat",
            values["x_hat"],
            rows=names,
            columns=("feature 1", "feature 2"),
            note="Every column: mean 0, variance 1.",
        ),
    ]


def _learnt(values: dict[str, Array]) -> list[Block]:
    gamma, beta, x_hat, y = values["gamma"][0], values["beta"][0], values["x_hat"][:, 0], values["y"][:, 0]
    return [
        Say(
            "Mean 0 may not be what the next layer needs. So each feature gets a scale gamma and a shift beta, both "
            "learnt."
        ),
        Equation("y = gamma x_hat + beta", f"{number(gamma)}*{factor(x_hat[0])} + {factor(beta)}", y[0], "row 1"),
        Grid("y", values["y"]),
    ]


def _in_use(values: dict[str, Array]) -> list[Block]:
    m, mean, variance = len(values["x"]), values["mean"][0], values["variance"][0]
    r_mean, r_var, x, in_use = (
        values["running_mean"][0],
        values["running_var"][0],
        values["x"][0, 0],
        values["in_use"][0, 0],
    )
    keep, new, t = number(1 - MOMENTUM), number(MOMENTUM), np.arange(BATCHES + 1.0)
    return [
        Say(
            "A served model gets one row, not a batch. So training remembers: after each batch a share of the new is "
            "mixed in."
        ),
        Equation(
            "running mean := (1 - momentum) old + momentum mu",
            f"{keep}*0 + {new}*{factor(mean)}",
            r_mean,
            "it starts at 0",
        ),
        Equation(
            "running var := (1 - momentum) old + momentum m/(m - 1) var",
            f"{keep}*1 + {new}*{m}/({m} - 1)*{number(variance)}",
            r_var,
            "it starts at 1",
        ),
        Curves(
            "If the same batch came again and again",
            "batches",
            "remembered",
            {"running mean": (t, values["running means"]), "running variance": (t, values["running variances"])},
        ),
        Equation(
            "y = gamma (x - running mean) / sqrt(running var) + beta",
            f"{number(values['gamma'][0])}*({number(x)} - {factor(r_mean)}) / sqrt({number(r_var)}) + "
            f"{factor(values['beta'][0])}",
            in_use,
            "row 1 in use, after one batch: not yet what training gave",
        ),
    ]


def _parameters(values: dict[str, Array]) -> list[Block]:
    dy, x_hat = values["dy"][:, 0], values["x_hat"][:, 0]
    products = " + ".join(f"{factor(d)}*{factor(x)}" for d, x in zip(dy, x_hat))
    return [
        Grid("slopes coming in, dy", values["dy"]),
        Say("`gamma` and `beta` of a feature serve all rows. So their slopes are sums over the rows."),
        Equation("dgamma = sum dy x_hat", products, values["dgamma"][0]),
        Equation("dbeta = sum dy", _sum(dy), values["dbeta"][0]),
    ]


def _backward(values: dict[str, Array]) -> list[Block]:
    m, s, dx_hat, x_hat = len(values["x"]), values["deviation"][0], values["dx_hat"], values["x_hat"][:, 0]
    products = " + ".join(f"{factor(d)}*{factor(x)}" for d, x in zip(dx_hat, x_hat))
    ways = [values[f"way {name}"] for name in ("straight", "by mu", "by var")]
    rows = [[f"row {i + 1}", *(way[i] for way in ways), values["dx"][i, 0]] for i in range(m)]
    return [
        Say(
            "Only row 1 has a slope. Yet it reaches all rows: each x also moves the mean and the variance, and these "
            "move "
            "every x_hat. First `dx_hat = dy gamma`, then three ways:"
        ),
        Equation("dx_hat_1 = dy_1 gamma", f"{factor(values['dy'][0, 0])}*{number(values['gamma'][0])}", dx_hat[0]),
        Equation("straight: dx_hat_1 / s", f"{factor(dx_hat[0])} / {number(s)}", ways[0][0]),
        Equation("by mu: -1/(m s) sum dx_hat", f"-1/({m}*{number(s)})*({_sum(dx_hat)})", ways[1][0]),
        Equation(
            "by var: -x_hat_1/(m s) sum dx_hat x_hat", f"-{factor(x_hat[0])}/({m}*{number(s)})*({products})", ways[2][0]
        ),
        Equation("dx_1 = straight + by mu + by var", _sum(np.array([way[0] for way in ways])), values["dx"][0, 0]),
        Table(
            ("", "straight", "by mu", "by var", "dx"),
            rows,
            note="The last column sums to 0: a shift of all rows changes nothing.",
        ),
    ]


def _layer(values: dict[str, Array]) -> list[Block]:
    return [
        Say(
            "Layer norm takes mean and variance over the features of one row. A row with the numbers of our first "
            "column "
            "gives the same x_hat; there is nothing to remember, and training and use are the same."
        ),
        Grid("one row x", values["x"][:, 0][None]),
        Grid("its x_hat", values["layer_x_hat"][None]),
        Grid(
            "its y",
            values["layer_y"][None],
            note=f"gamma = {number(values['gamma'][0])}, beta = {number(values['beta'][0])} for each feature",
        ),
    ]
