"""The adversarial pair, number by number: one step of the judge, one of the maker both ways, the best judge, a game."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Curves,
    Edge,
    Equation,
    Network,
    Node,
    Say,
    Section,
    Table,
    Walk,
    factor,
    number,
    weighted_sum,
)
from learnloop.scratch.dense import Dense, random_dense
from learnloop.scratch.elbo import log_likelihood
from learnloop.scratch.gan import (
    Objective,
    discriminator_step,
    example,
    generator_loss_backward,
    generator_step,
    jensen_shannon,
    optimal_discriminator,
)

OBJECTIVES: tuple[Objective, Objective] = ("minimax", "non-saturating")
REAL_MEAN, REAL_SPREAD = 4.0, 0.5
STEPS, BATCH, UNITS, RATE = 1000, 32, 8, 0.1
EARLY = 100


def walk() -> Walk:
    values = example()
    values |= _slopes() | _best() | _game()
    return Walk(
        title="Two networks against each other: one makes, one judges",
        sections=[
            _players(values),
            _judge(values),
            _maker(values),
            _saturation(values),
            _optimum(values),
            _play(values),
        ],
        values=values,
        source="Goodfellow et al. 2014, Generative Adversarial Nets; learnloop.scratch.gan",
        next=["learnloop explain vae", "learnloop explain losses"],
    )


def _list(v: dict[str, Array], name: str) -> list[float]:
    return [float(value) for value in np.ravel(v[name])]


def _players(v: dict[str, Array]) -> Section:
    z, fake, a = _list(v, "z"), _list(v, "fake"), _list(v, "a_fake")
    picture = Network(
        ["noise", "made", "logit", "judged real"],
        [[Node("z", z[1])], [Node("G(z)", fake[1])], [Node("a", a[1])], [Node("D", _list(v, "D_fake")[1])]],
        [Edge(0, 0, 0, float(v["W_G"][0, 0])), Edge(1, 0, 0, float(v["W_D"][0, 0])), Edge(2, 0, 0, 1.0)],
        note="The second noise on its way.",
    )
    rows: list[list[str | float]] = [
        [f"real {x}", a, d] for x, a, d in zip(map(number, _list(v, "x")), _list(v, "a_real"), _list(v, "D_real"))
    ]
    rows += [[f"made {x}", a, d] for x, a, d in zip(map(number, fake), a, _list(v, "D_fake"))]
    return Section(
        "The players",
        [
            Say(
                "The generator G turns noise into a sample. The discriminator D says how likely a sample is real. Here "
                "both are as small as can be: G hands its noise through, D has one weight and one bias."
            ),
            picture,
            Equation("a(made 2) = w x + b", weighted_sum(v["W_D"][0], [fake[1]], float(v["b_D"][0])), a[1]),
            Table(["sample", "logit a", "D = sigmoid(a)"], rows),
        ],
    )


def _judge(v: dict[str, Array]) -> Section:
    real, made, x, fake = (_list(v, name) for name in ("D_real", "D_fake", "x", "fake"))
    logs = [float(np.log(d)) for d in real] + [float(np.log(1 - d)) for d in made]
    m, rate, w = len(x), number(float(v["learning_rate"])), number(v["W_D"][0, 0])
    slopes = [(d - 1) / m for d in real] + [d / m for d in made]
    V = float(v["V"])
    return Section(
        "The judge's step",
        [
            Say(
                "V is what the two fight over: D wants it large, G small. It is at most 0: for a judge who is sure and "
                "always right."
            ),
            Equation(
                "V = mean log D(x) + mean log(1 - D(G(z)))",
                f"({factor(logs[0])} + {factor(logs[1])}) / {m} + ({factor(logs[2])} + {factor(logs[3])}) / {m}",
                V,
            ),
            Say("D descends on -V. Its slope at each logit is its own mistake: D - 1 on real samples, D on made ones."),
            Equation("da(real 1) = (D - 1) / m", f"({number(real[0])} - 1) / {m}", slopes[0]),
            Equation("da(made 2) = D / m", f"{number(made[1])} / {m}", slopes[3]),
            Equation("dw = sum of da * x, real and made", weighted_sum(slopes, x + fake), float(v["dW_D"][0, 0])),
            Equation("db = sum of da", " + ".join(factor(slope) for slope in slopes), float(v["db_D"][0])),
            Equation(f"w := w - {rate} dw", f"{w} - {rate} * {factor(v['dW_D'][0, 0])}", float(v["W_D after"][0, 0])),
            Say("The bias moves in the same way. The judge has gained:"),
            Equation("V after the step", "", float(v["V after D"]), f"it was {number(V)}"),
        ],
    )


def _maker(v: dict[str, Array]) -> Section:
    made, z, w = _list(v, "D_fake 2"), _list(v, "z"), float(v["W_D after"][0, 0])
    m = len(made)
    minimax, other = [-d / m for d in made], [-(1 - d) / m for d in made]
    rows: list[list[str | float]] = [
        ["slope at the logit of made 1", minimax[0], other[0]],
        ["slope at the logit of made 2", minimax[1], other[1]],
        ["dw of G", *(float(v[f"dW_G {name}"][0, 0]) for name in OBJECTIVES)],
        ["db of G", *(float(v[f"db_G {name}"][0]) for name in OBJECTIVES)],
    ]
    for i, before in enumerate(made):
        after = [_list(v, f"D_fake after {name}")[i] for name in OBJECTIVES]
        rows.append([f"D(made {i + 1}) after the step, was {number(before)}", *after])
    return Section(
        "The maker's step, in two ways",
        [
            Say("Now D stands still. G wants its samples judged real. Two losses say so."),
            Equation("minimax: L_G = mean log(1 - D(G(z)))", "", float(v["L_G minimax"])),
            Equation("non-saturating: L_G = -mean log D(G(z))", "", float(v["L_G non-saturating"])),
            Say("Their slopes at the logit of a sample:"),
            Equation("minimax: da(made 1) = -D / m", f"-{number(made[0])} / {m}", minimax[0]),
            Equation("non-saturating: da(made 1) = -(1 - D) / m", f"-(1 - {number(made[0])}) / {m}", other[0]),
            Say("From there through D's weight to the sample, and on to G's weights. By the non-saturating loss:"),
            Equation(
                "db of G = sum of da * w",
                weighted_sum(other, [w, w]),
                float(v["db_G non-saturating"][0]),
            ),
            Equation(
                "dw of G = sum of da * w * z",
                " + ".join(f"{factor(a)}*{number(w)}*{factor(n)}" for a, n in zip(other, z)),
                float(v["dW_G non-saturating"][0, 0]),
            ),
            Table(["", *OBJECTIVES], rows, note=f"learning rate {number(float(v['learning_rate']))}"),
        ],
    )


def _saturation(v: dict[str, Array]) -> Section:
    a = v["logits"]
    return Section(
        "Why G is seldom trained by the minimax loss",
        [
            Say(
                "Early on D sees through G: a is far below 0. There the minimax slope is nearly 0, just where G has "
                "most to learn. The non-saturating slope is nearly 1 there."
            ),
            Curves(
                "How hard the loss pulls a up",
                "logit a of the sample",
                "minus the slope",
                {name: (a, v[f"pull, {name}"]) for name in OBJECTIVES},
                note="They cross at a = 0, where D says 1/2.",
            ),
            Say(
                "One course guide states the minimax form and its code trains the other. It also labels made images 1 "
                "and adds noise of up to 0.05 to the labels: a target above 1, which no probability reaches. Noise on "
                "labels is meant to lower the 1."
            ),
        ],
    )


def _optimum(v: dict[str, Array]) -> Section:
    x = v["places"]
    js = float(v["JS"])
    return Section(
        "The best judge",
        [
            Say(
                "Let real samples have density p and made ones q. At every x the best judge gives the share of real "
                "ones among all samples there."
            ),
            Equation("D_best(x) = p(x) / (p(x) + q(x))", "", None, "from p / D - q / (1 - D) = 0"),
            Curves(
                "Real, made, and the best judge",
                "x",
                "density, and D",
                {"p, real": (x, v["p"]), "q, made": (x, v["q"]), "best judge": (x, v["D*"])},
            ),
            Equation(
                "V at D_best = 2 JS(p, q) - log 4", f"2 * {number(js)} - {number(np.log(4))}", float(v["V at D*"])
            ),
            Say(
                f"JS says how far apart p and q are: 0 when equal, log 2 = {number(np.log(2))} when they never meet. "
                "So the best that G can do against the best judge is to make q equal to p. Then D is 1/2 everywhere "
                "and V is -log 4."
            ),
        ],
    )


def _play(v: dict[str, Array]) -> Section:
    steps = np.arange(1, STEPS + 1, dtype=float)
    means: dict[str, tuple[Array, Array]] = {name: (steps, v[f"mean, {name}"]) for name in OBJECTIVES}
    spreads: dict[str, tuple[Array, Array]] = {name: (steps, v[f"spread, {name}"]) for name in OBJECTIVES}
    early = {name: float(v[f"mean, {name}"][EARLY - 1]) for name in OBJECTIVES}
    last = {name: float(v[f"spread, {name}"][-1]) for name in OBJECTIVES}
    flat = np.array([1.0, float(STEPS)])
    return Section(
        "A whole game",
        [
            Say(
                f"Real numbers now come from N({number(REAL_MEAN)}, {number(REAL_SPREAD)}^2). G(z) = w z + b starts at "
                f"N(0, 1); D has {UNITS} tanh units. They take turns, {STEPS} times."
            ),
            Curves(
                "The mean of what G makes",
                "steps",
                "b",
                {**means, "real": (flat, np.full(2, REAL_MEAN))},
                note=(
                    f"After {EARLY} steps: minimax {number(early['minimax'])}, non-saturating "
                    f"{number(early['non-saturating'])}. Then both circle around the goal."
                ),
            ),
            Curves("The spread of what G makes", "steps", "|w|", {**spreads, "real": (flat, np.full(2, REAL_SPREAD))}),
            Say(
                f"The mean arrives, the spread does not: it ends at {number(last['minimax'])} and "
                f"{number(last['non-saturating'])} instead of {number(REAL_SPREAD)}. G crowds where D is kindest "
                "today. In large GANs that is called mode collapse."
            ),
            Say(
                "To remember: two losses, two steps, no common minimum. The losses tell who is ahead, not how good "
                "G is."
            ),
        ],
    )


def _slopes() -> dict[str, Array]:
    logits = np.linspace(-6, 6, 121)
    pulls = {f"pull, {name}": -generator_loss_backward(logits, name) * logits.size for name in OBJECTIVES}
    return {"logits": logits, **pulls}


def _best() -> dict[str, Array]:
    x = np.linspace(-4, 8, 241)
    p, q = (np.exp(log_likelihood(x[:, None], np.full((241, 1), mean), "gaussian")) for mean in (3.0, 1.0))
    best, dx = optimal_discriminator(p, q), float(x[1] - x[0])
    V = np.array(dx * (p * np.log(best) + q * np.log(1 - best)).sum())
    return {"places": x, "p": p, "q": q, "D*": best, "JS": np.array(jensen_shannon(p, q, dx)), "V at D*": V}


def _game() -> dict[str, Array]:
    found: dict[str, Array] = {}
    for name in OBJECTIVES:
        rng = np.random.default_rng(0)
        G, D = [Dense(np.ones((1, 1)), np.zeros(1))], [random_dense(1, UNITS, rng, "tanh"), random_dense(UNITS, 1, rng)]
        means, spreads = np.empty(STEPS), np.empty(STEPS)
        for i in range(STEPS):
            x = REAL_MEAN + REAL_SPREAD * rng.normal(size=(BATCH, 1))
            D = discriminator_step(x, rng.normal(size=(BATCH, 1)), G, D, RATE).layers
            G = generator_step(rng.normal(size=(BATCH, 1)), G, D, RATE, name).layers
            # z is N(0, 1), so w z + b is N(b, w^2).
            means[i], spreads[i] = G[0].b[0], abs(G[0].W[0, 0])
        found |= {f"mean, {name}": means, f"spread, {name}": spreads}
    return found
