"""The autoencoder, number by number: two numbers through one, the chain rule back, PCA as the end, and a bent one."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Curves,
    Edge,
    Equation,
    Grid,
    Network,
    Node,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    number,
    weighted_sum,
)
from learnloop.scratch.autoencoder import Autoencoder, example, forward, principal, squared_error, train
from learnloop.scratch.dense import Dense, random_dense

STEPS = 60
ARC_STEPS, ARC_RATE, ARC_POINTS = 2000, 0.1, 41


def walk() -> Walk:
    values = example()
    net, losses = train(values["x"], _start(values), float(values["learning_rate"]), STEPS)
    values |= {"losses": losses, "W_enc trained": net.encoder[0].W, "W_dec trained": net.decoder[0].W}
    values |= _arc()
    return Walk(
        title="The autoencoder: give back what you saw, through a narrow place",
        sections=[
            _forward(values),
            _loss(values),
            _backward(values),
            _training(values),
            _pca(values),
            _bent(values),
        ],
        values=values,
        source="Goodfellow et al. 2016, section 14.1; Baldi and Hornik 1989; learnloop.scratch.autoencoder",
        next=["learnloop explain vae", "learnloop explain mlp"],
    )


def _start(v: dict[str, Array]) -> Autoencoder:
    return Autoencoder([Dense(v["W_enc"], np.zeros(1))], [Dense(v["W_dec"], np.zeros(2))])


def _forward(v: dict[str, Array]) -> Section:
    x, z, x_hat = v["x"], v["z"][:, 0], v["x_hat"]
    W_enc, W_dec = v["W_enc"][0], v["W_dec"][:, 0]
    picture = Network(
        ["input", "code", "output"],
        [
            [Node("x1", float(x[0, 0])), Node("x2", float(x[0, 1]))],
            [Node("z", float(z[0]))],
            [Node("x1 back", float(x_hat[0, 0])), Node("x2 back", float(x_hat[0, 1]))],
        ],
        [Edge(0, i, 0, float(w)) for i, w in enumerate(W_enc)] + [Edge(1, 0, i, float(w)) for i, w in enumerate(W_dec)],
        note="The first of four points. No bends and no biases yet.",
    )
    return Section(
        "Two numbers through one",
        [
            Say(
                "The encoder squeezes a point of two numbers into one number z, the code. The decoder must make both "
                "numbers again from z alone. What to keep is for training to find out."
            ),
            picture,
            Equation("z = W_enc . x", weighted_sum(W_enc, x[0]), float(z[0]), "so far it keeps x1 and drops x2"),
            Equation("x_hat(1) = W_dec(1) z", f"{factor(W_dec[0])}*{factor(z[0])}", float(x_hat[0, 0])),
            Equation("x_hat(2) = W_dec(2) z", f"{factor(W_dec[1])}*{factor(z[0])}", float(x_hat[0, 1])),
        ],
    )


def _loss(v: dict[str, Array]) -> Section:
    x, x_hat, m = v["x"], v["x_hat"], len(v["x"])
    errors = ((x - x_hat) ** 2).sum(axis=1)
    rows: list[list[str | float]] = [[f"{i + 1}", listed(x[i]), listed(x_hat[i]), float(errors[i])] for i in range(m)]
    sums = " + ".join(number(error) for error in errors)
    return Section(
        "How much was lost",
        [
            Table(["point", "x", "x_hat", "(x1 - x_hat1)^2 + (x2 - x_hat2)^2"], rows),
            Equation("L = 1/m sum of ||x - x_hat||^2", f"({sums}) / {m}", float(v["L"])),
            Say(
                f"PyTorch's `mse_loss` also divides by the {x.shape[1]} numbers in a point and says "
                f"{number(float(v['L']) / x.shape[1])}. The best weights are the same; each gradient is "
                f"1/{x.shape[1]} of the one here."
            ),
        ],
    )


def _backward(v: dict[str, Array]) -> Section:
    x, x_hat, z, dx_hat, dz = v["x"], v["x_hat"], v["z"][:, 0], v["dx_hat"], v["dz"][:, 0]
    W_dec, m = v["W_dec"][:, 0], len(v["x"])
    enc_sums = [
        Equation(f"dL/dW_enc({j + 1}) = sum of dz * x{j + 1}", weighted_sum(dz, x[:, j]), float(v["dW_enc"][0, j]))
        for j in range(2)
    ]
    dec_sums = [
        Equation(
            f"dL/dW_dec({j + 1}) = sum of dx_hat{j + 1} * z", weighted_sum(dx_hat[:, j], z), float(v["dW_dec"][j, 0])
        )
        for j in range(2)
    ]
    return Section(
        "The chain rule backwards",
        [
            Say("From the loss to the output: each number's error, times 2/m."),
            Equation(
                "dL/dx_hat(1) = 2/m (x_hat - x), point 1",
                f"2/{m} * ({factor(x_hat[0, 0])} - {factor(x[0, 0])})",
                float(dx_hat[0, 0]),
            ),
            Grid("dL/dx_hat, all points", dx_hat, columns=("x1", "x2")),
            Say("From the output to the decoder's weights: each weight met z in every point, so the points add up."),
            *dec_sums,
            Say("On to the code, through the decoder's weights, and from there to the encoder's."),
            Equation("dL/dz = dL/dx_hat . W_dec, point 1", weighted_sum(dx_hat[0], W_dec), float(dz[0])),
            *enc_sums,
        ],
    )


def _training(v: dict[str, Array]) -> Section:
    steps, rate = np.arange(len(v["losses"]), dtype=float), number(float(v["learning_rate"]))
    rest = np.full(len(steps), v["variances"][1])
    updates = [
        Equation(
            f"{name}({j + 1}) := {name} - {rate} dL/d{name}",
            f"{factor(w)} - {rate} * {factor(dw)}",
            float(after),
        )
        for name in ("W_enc", "W_dec")
        for j, (w, dw, after) in enumerate(zip(v[name].ravel(), v["d" + name].ravel(), v[name + " after"].ravel()))
    ]
    return Section(
        f"One step, then {STEPS}",
        [
            *updates,
            Equation("L after one step", "", float(v["L after"]), f"it was {number(float(v['L']))}"),
            Curves(
                "The loss",
                "steps",
                "L",
                {"autoencoder": (steps, v["losses"]), "what PCA leaves out": (steps, rest)},
                note=f"It stops at {number(v['losses'][-1])}: one number cannot tell everything about two.",
            ),
        ],
    )


def _pca(v: dict[str, Array]) -> Section:
    x, (big, small) = v["x"], v["variances"]
    column = v["W_dec trained"][:, 0]
    unit = column / np.linalg.norm(column)
    half = 2.0
    other = Autoencoder(
        [Dense(v["W_enc trained"] / half, np.zeros(1))], [Dense(v["W_dec trained"] * half, np.zeros(2))]
    )
    reach = np.array([-4.0, 4.0])
    axis = v["directions"][0]
    return Section(
        "What it found: the principal direction",
        [
            Say(
                f"Along the diagonal the points have variance {number(big)}, across it {number(small)}. PCA keeps the "
                "first and leaves out the second. So does the autoencoder, without having been told."
            ),
            Equation(
                "direction of W_dec = W_dec / ||W_dec||",
                f"{listed(column)} / {number(float(np.linalg.norm(column)))}",
                unit,
            ),
            Equation("direction of PCA", "", axis),
            Curves(
                "The points that the decoder can make",
                "x1",
                "x2",
                {
                    "before training": (reach, reach * v["W_dec"][1, 0] / v["W_dec"][0, 0]),
                    "after training": (reach, reach * unit[1] / unit[0]),
                    "the four points": (x[:, 0], x[:, 1]),
                },
                note="A linear decoder makes a line of points. It ends up where the four points lie closest to it.",
                points=frozenset({"the four points"}),
                square=True,
            ),
            Equation(
                "L with W_enc / 2 and 2 W_dec",
                "",
                squared_error(x, forward(x, other).x_hat),
                "the same answers from another code",
            ),
            Say("So the line (in general the subspace) is found, but not the scale of z, nor PCA's axes within it."),
        ],
    )


def _bent(v: dict[str, Array]) -> Section:
    x, flat, bent = v["arc"], v["arc, linear"], v["arc, bent"]
    return Section(
        "With a bend it can follow a curve",
        [
            Say("Points on an arc need one number each, the angle. But no straight line runs through them."),
            Curves(
                f"An arc of {ARC_POINTS} points, given back from one number",
                "x1",
                "x2",
                {
                    "the points": (x[:, 0], x[:, 1]),
                    "linear": (flat[:, 0], flat[:, 1]),
                    "with tanh": (bent[:, 0], bent[:, 1]),
                },
                square=True,
            ),
            Table(
                ["autoencoder", "L"],
                [["linear (PCA)", squared_error(x, flat)], ["2 - 8 tanh - 1 - 8 tanh - 2", squared_error(x, bent)]],
                note=f"after {ARC_STEPS} steps of {number(ARC_RATE)}",
            ),
            Say(
                "To remember: the target is the input, the code is the narrow place, and without bends it is PCA. "
                "Nothing makes codes lie close together: a z between two codes may decode to nonsense. "
                "The VAE mends that."
            ),
        ],
    )


def _arc() -> dict[str, Array]:
    angle = np.linspace(-1.4, 1.4, ARC_POINTS)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x -= x.mean(axis=0)
    rng = np.random.default_rng(0)
    encoder = [random_dense(2, 8, rng, "tanh"), random_dense(8, 1, rng)]
    decoder = [random_dense(1, 8, rng, "tanh"), random_dense(8, 2, rng)]
    net, _ = train(x, Autoencoder(encoder, decoder), ARC_RATE, ARC_STEPS)
    axis = principal(x, 1).directions
    return {"arc": x, "arc, linear": x @ axis.T @ axis, "arc, bent": forward(x, net).x_hat}
