"""The variational autoencoder, number by number: a cloud for a code, the two terms of the ELBO, the chain rule back."""

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
from learnloop.scratch.activations import sigmoid
from learnloop.scratch.dense import random_dense, stack
from learnloop.scratch.elbo import gaussian_kl, gaussian_kl_draws, log_likelihood
from learnloop.scratch.vae import VAE, example, forward, step

PICTURES = np.array([[1.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]])
NAMES = ("left", "middle", "right")
STEPS, RATE, COPIES, SEED = 1500, 0.1, 8, 2
DRAWS, SMOOTH = 500, 50


def walk() -> Walk:
    values = example()
    values |= {"p": sigmoid(values["out"])} | _kl_curves(values) | _trained()
    return Walk(
        title="The variational autoencoder: a cloud instead of a code",
        sections=[
            _cloud(values),
            _decoded(values),
            _kl(values),
            _backward(values),
            _training(values),
            _remember(values),
        ],
        values=values,
        source="Kingma and Welling 2014, Auto-Encoding Variational Bayes; learnloop.scratch.vae and elbo",
        next=["learnloop explain autoencoder", "learnloop explain gan"],
    )


def _one(v: dict[str, Array], name: str) -> float:
    return float(v[name].ravel()[0])


def _cloud(v: dict[str, Array]) -> Section:
    mu, sigma, eps, z, logvar = (_one(v, name) for name in ("mu", "sigma", "eps", "z", "logvar"))
    x, W_mu, W_logvar, W_dec = v["x"][0], v["W_mu"][0], v["W_logvar"][0], v["W_dec"][:, 0]
    edges = [Edge(0, i, 0, float(w)) for i, w in enumerate(W_mu)]
    edges += [Edge(0, i, 1, float(w)) for i, w in enumerate(W_logvar)]
    edges += [Edge(1, 0, 0, 1.0), Edge(1, 1, 0, eps)]
    edges += [Edge(2, 0, i, float(w)) for i, w in enumerate(W_dec)]
    picture = Network(
        ["input", "cloud", "code", "logits"],
        [
            [Node(f"x{i + 1}", float(value)) for i, value in enumerate(x)],
            [Node("mu", mu), Node("sigma", sigma)],
            [Node("z", z)],
            [Node(f"a{i + 1}", float(value)) for i, value in enumerate(v["out"][0])],
        ],
        edges,
        note="The weights into sigma make its log sigma^2. The weight from sigma to z is eps, the dice.",
    )
    return Section(
        "The encoder says where, and how sure",
        [
            Say(
                "An autoencoder gives each picture one code. A VAE gives it a cloud of codes: a middle mu and a spread "
                "sigma. Then it draws one code from the cloud."
            ),
            picture,
            Equation("mu = W_mu . x", weighted_sum(W_mu, x), mu),
            Equation(
                "log sigma^2 = W_logvar . x + b",
                weighted_sum(W_logvar, x, _one(v, "b_logvar")),
                logvar,
                "the log may have any sign; sigma must not",
            ),
            Equation("sigma = e^(log sigma^2 / 2)", "", sigma),
            Say("The draw is written as a sum. The dice eps stand outside, so slopes can pass through mu and sigma."),
            Equation("z = mu + sigma * eps", f"{factor(mu)} + {factor(sigma)}*{factor(eps)}", z, "reparameterisation"),
        ],
    )


def _decoded(v: dict[str, Array]) -> Section:
    x, p = v["x"][0], v["p"][0]
    logs = [f"log {number(q if value else 1 - q)}" for value, q in zip(x, p)]
    return Section(
        "The decoder says how likely each pixel is lit",
        [
            Equation("a = W_dec z", f"{listed(v['W_dec'][:, 0])} * {number(_one(v, 'z'))}", v["out"][0]),
            Equation("p = sigmoid(a)", "", p, f"the picture is {listed(x)}"),
            Equation("log p(x|z)", " + ".join(logs), _one(v, "log_likelihood"), "p where lit, 1 - p where not"),
            Say("A decoder that is sure and right would get 0."),
        ],
    )


def _kl(v: dict[str, Array]) -> Section:
    mu, sigma, logvar, kl = (_one(v, name) for name in ("mu", "sigma", "logvar", "kl"))
    sigmas, draws = v["sigmas"], v["KL by dice"]
    count = np.arange(1, len(draws) + 1, dtype=float)
    said, elbo = _one(v, "log_likelihood"), _one(v, "elbo")
    return Section(
        "The price of a cloud: KL",
        [
            Say(
                "Clouds far out or very small are dear. The price is the KL divergence from N(0, 1). It keeps the "
                "clouds together, so that a code drawn from N(0, 1) later falls into one of them."
            ),
            Equation(
                "KL = -1/2 (1 + log sigma^2 - mu^2 - sigma^2)",
                f"-0.5 * (1 + {factor(logvar)} - {number(mu**2)} - {number(sigma**2)})",
                kl,
            ),
            Curves(
                "KL of one cloud",
                "sigma",
                "KL, nats",
                {"mu = 0": (sigmas, v["KL, mu = 0"]), "mu = 1": (sigmas, v["KL, mu = 1"])},
                note="0 at mu = 0, sigma = 1 alone",
            ),
            Curves(
                "The same KL by dice: the mean of log q(z) - log p(z)",
                "draws of z",
                "mean so far, nats",
                {"mean of draws": (count, draws), "closed form": (count, np.full(len(count), kl))},
            ),
            Equation(
                "ELBO = log p(x|z) - KL", f"{factor(said)} - {number(kl)}", elbo, "never above log p(x), on average"
            ),
            Say(
                "The ELBO is to be made large, so the loss is -ELBO. One course guide calls the ELBO itself the loss; "
                "its code has the sign right."
            ),
        ],
    )


def _backward(v: dict[str, Array]) -> Section:
    x, p, W = v["x"][0], v["p"][0], v["W_dec"][:, 0]
    mu, sigma, eps = (_one(v, name) for name in ("mu", "sigma", "eps"))
    da, rate = p - x, number(float(v["learning_rate"]))
    dz = float(da @ W)
    return Section(
        "The chain rule backwards: two pulls on the cloud",
        [
            Equation("da = p - x", f"{listed(p)} - {listed(x)}", da),
            Equation("dz = da . W_dec", weighted_sum(da, W), dz),
            Say("Through z = mu + sigma eps the decoder pulls on mu and sigma. The KL pulls mu to 0 and sigma to 1."),
            Equation("dmu = dz + mu", f"{factor(dz)} + {factor(mu)}", _one(v, "dmu"), "decoder + KL"),
            Equation(
                "dlog sigma^2 = dz eps sigma / 2 + (sigma^2 - 1) / 2",
                f"{factor(dz)}*{factor(eps)}*{number(sigma)} / 2 + ({number(sigma**2)} - 1) / 2",
                _one(v, "dlogvar"),
                "decoder + KL",
            ),
            Table(
                ["pull on", "by the decoder", "by the KL"],
                [
                    ["mu", dz, mu],
                    ["log sigma^2", dz * eps * sigma / 2, (sigma**2 - 1) / 2],
                ],
                note="slopes of the loss: a step goes against them",
            ),
            Equation(
                f"ELBO after one step of {rate}, same eps",
                "",
                float(v["elbo after"]),
                f"it was {number(float(v['elbo']))}",
            ),
        ],
    )


def _training(v: dict[str, Array]) -> Section:
    steps = np.arange(len(v["ELBO"]), dtype=float) + SMOOTH
    grid = v["z grid"]
    decoded = {name: (grid, v["decoded"][:, 2 * i]) for i, name in enumerate(NAMES)}
    clouds = {name: (grid, v["clouds"][i]) for i, name in enumerate(NAMES)}
    return Section(
        "Three pictures learn to share a line",
        [
            Grid("three pictures of six pixels", PICTURES, rows=NAMES),
            Say("Hidden layers of 8 tanh units, a code of one number. No one says which picture goes where."),
            Curves(
                f"Training, mean of {SMOOTH} steps",
                "steps",
                "nats a picture",
                {"log p(x|z)": (steps, v["log p(x|z)"]), "KL": (steps, v["KL"]), "ELBO": (steps, v["ELBO"])},
                note=(
                    "At first the clouds are all about N(0, 1) and say nothing. In the end the ELBO is "
                    f"{number(v['ELBO'][-1])}; log p(x) of {len(PICTURES)} pictures equally often is at best "
                    f"-log {len(PICTURES)} = {number(-np.log(len(PICTURES)))}."
                ),
            ),
            Curves("The clouds of the three pictures", "z", "density", clouds),
            Curves(
                "What the decoder makes of z",
                "z",
                "p(first pixel lit)",
                decoded,
                note="Each line: the first pixel of its picture. Draw z from N(0, 1) and decode: there is no gap.",
            ),
        ],
    )


def _remember(v: dict[str, Array]) -> Section:
    pixels = v["x"].shape[1]
    loss, mean_loss = -_one(v, "elbo"), -_one(v, "log_likelihood") / pixels + _one(v, "kl")
    return Section(
        "To remember",
        [
            Say(
                "Reconstruction wants small clouds far apart. The KL wants one cloud for all. "
                "The ELBO is the balance of the two."
            ),
            Say(
                "Sum over pixels and codes, then average over pictures. PyTorch's default averages over the "
                f"{pixels} pixels too: here it would say {number(mean_loss)} instead of {number(loss)}, and the KL "
                f"would weigh {pixels} times too much. With hundreds of pixels it is hundreds of times, and the "
                "clouds can all collapse to N(0, 1)."
            ),
        ],
    )


def _kl_curves(v: dict[str, Array]) -> dict[str, Array]:
    sigmas = np.linspace(0.1, 2.5, 97)
    logvar = 2 * np.log(sigmas)[:, None]  # [97, 1]
    eps = np.random.default_rng(0).normal(size=(DRAWS, 1))
    draws = gaussian_kl_draws(v["mu"][0], v["logvar"][0], eps)
    zero = np.zeros_like(logvar)
    return {
        "sigmas": sigmas,
        "KL, mu = 0": gaussian_kl(zero, logvar),
        "KL, mu = 1": gaussian_kl(zero + 1, logvar),
        "KL by dice": np.cumsum(draws) / np.arange(1, DRAWS + 1),
    }


def _trained() -> dict[str, Array]:
    rng = np.random.default_rng(SEED)
    x, pixels = np.repeat(PICTURES, COPIES, axis=0), PICTURES.shape[1]
    body, decoder = (
        [random_dense(pixels, 8, rng, "tanh")],
        [random_dense(1, 8, rng, "tanh"), random_dense(8, pixels, rng)],
    )
    net = VAE(body, random_dense(8, 1, rng), random_dense(8, 1, rng), decoder)
    history = np.empty((STEPS, 3))
    for i in range(STEPS):
        eps = rng.normal(size=(len(x), 1))
        cache = forward(x, eps, net)
        history[i] = cache.log_likelihood.mean(), cache.kl.mean(), cache.elbo
        net, _ = step(x, eps, net, RATE)
    smooth = np.stack([np.convolve(line, np.ones(SMOOTH) / SMOOTH, "valid") for line in history.T])
    final = forward(PICTURES, np.zeros((len(PICTURES), 1)), net)
    mu, sigma = final.mu.y[:, 0], np.exp(final.logvar.y[:, 0] / 2)
    grid = np.linspace(-3, 3, 121)
    clouds = [
        np.exp(log_likelihood(grid[:, None], np.full((121, 1), m), "gaussian", float(s))) for m, s in zip(mu, sigma)
    ]
    decoded = sigmoid(stack(grid[:, None], net.decoder)[0])  # [121, pixels]
    lines = {"log p(x|z)": smooth[0], "KL": smooth[1], "ELBO": smooth[2]}
    return {
        **lines,
        "trained mu": mu,
        "trained sigma": sigma,
        "z grid": grid,
        "clouds": np.stack(clouds),
        "decoded": decoded,
    }
