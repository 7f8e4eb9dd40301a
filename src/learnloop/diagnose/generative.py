"""What goes wrong in networks that make data, told from recent figures alone: pure functions of what was logged."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from learnloop.train.watchers.alarms import EARLY, Alarm, Rules, Seen

SAME, FALLEN = 0.02, 0.2
"""Distance of made pictures from each other, over that of real ones, below which they are all one picture; and below
what share of its highest value it has fallen."""
DOUBLES, DOUBLES_LATER = 0.4, 0.2
"""How near the nearest of a few samples is, by their mean distance, over the same of real pictures, up to step EARLY
and behind it: about 1 where they differ as real ones do, however little or much that is, near 0 where they are copies
of a few. Networks of dense layers pass through a time of few pictures (0.34 at step 840 on MNIST) and leave it."""
ONE_CLASS, SEVERAL = 0.7, 0.4
"""Share of samples in one class that is a collapse, where it once was less than the second."""
SURE = 0.005
"""Share of the loss of knowing nothing, below which a discriminator leaves the generator nothing to learn from."""
LOST, LOST_EARLY = 1.05, 0.92
"""Times the loss of knowing nothing, above which a discriminator tells too little, and up to step BEGUN, when a sound
one is far ahead."""
SETTLED, BEGUN = 140, 200
"""Steps after which the loss of the last hundred is no longer that of two networks that have just begun."""
VANISHED = 1e-3
"""Share of its highest norm so far, below which the generator's gradient has vanished."""
REGRESSED, OFF = 0.9, 5.0
"""Share of what was learnt that is lost again; and how many times its best value a measure of samples has become."""
COLLAPSED = 0.01
"""Nats a number of the code, as in scores of single dimensions."""
CHANCE = {"non_saturating": 2 * math.log(2), "minimax": 2 * math.log(2), "least_squares": 0.25, "hinge": 2.0}
"""The discriminator's loss where it knows nothing, by objective. Those of Wasserstein have scores without a scale."""


@dataclass(frozen=True)
class Facts:
    """What the figures are of.

    task       autoencode, gan or diffusion
    objective  of a GAN;  mapper: whether it makes pictures from pictures, where a sure discriminator does no harm
    lr         the recipe's learning rate
    code       numbers of a variational code
    monitor    the measure of samples that chooses the best weights; less is better
    """

    task: str
    objective: str = ""
    mapper: bool = False
    lr: float = 0.0
    code: int = 0
    monitor: str = "loss"

    @property
    def slower(self) -> str:
        return f"--lr {self.lr / 10:.2g}" if self.lr else "a smaller --lr"


Rule = Callable[[Seen, Facts], Alarm | None]


def mode_collapse(seen: Seen, facts: Facts) -> Alarm | None:
    """All made pictures are one picture (60 steps); or they are copies of a few (three probes); or differ far less than
    they once did (100 steps); or most samples of two evaluations are of one class, which was not so before."""
    help_ = f"{facts.slower}, --set model.objective=hinge, or --set model.instance_noise=0.1"
    now, longer = seen.recent("spread", 60), seen.recent("spread", 100)
    if now and max(now) < SAME:
        text = f"made pictures differ from each other by {fmean(now):.3f} of what real ones do"
        return Alarm("mode_collapse", fmean(now), text, help_)
    doubles = seen.probes("nearness", 3)
    if doubles and max(doubles) < (DOUBLES if seen.step <= EARLY else DOUBLES_LATER):
        near = f"the nearest other one is {doubles[-1]:.2f} times as far as among real pictures"
        return Alarm("mode_collapse", doubles[-1], f"samples are copies of a few: {near}", help_)
    if longer and max(longer) < FALLEN * seen.highest["spread"]:
        text = (
            f"made pictures differ from each other by {fmean(longer):.2f} of what real ones do, "
            f"after {seen.highest['spread']:.2f} before"
        )
        return Alarm("mode_collapse", fmean(longer), text, help_)
    shares = seen.evaluations("class_share_most", 2)
    least = min((row["class_share_most"] for row in seen.validation if "class_share_most" in row), default=1.0)
    if shares and min(shares) > ONE_CLASS and least < SEVERAL:
        return Alarm("mode_collapse", shares[-1], f"{shares[-1]:.0%} of the samples are of one class", help_)
    return None


def discriminator_too_strong(seen: Seen, facts: Facts) -> Alarm | None:
    """Its loss is next to nothing for 200 steps: where it is sure, its answer hardly changes with the picture."""
    chance, losses = CHANCE.get(facts.objective), seen.recent("discriminator_loss", 200)
    if chance is None or not losses or max(losses) > SURE * chance:
        return None
    real, fake = (fmean(seen.recent(name, 200) or [math.nan]) for name in ("real", "fake"))
    return Alarm(
        "discriminator_too_strong",
        fmean(losses),
        f"its loss is {fmean(losses):.2g} ({chance:.3g} for one that knows nothing); D(x) is {real:.3f}, "
        f"D(G(z)) {fake:.3f}",
        "--set model.discriminator_rate=0.25, --set model.instance_noise=0.1, or --set model.objective=wgan_gp",
    )


def discriminator_too_weak(seen: Seen, facts: Facts) -> Alarm | None:
    """For 100 steps it takes made pictures for real ones rather than the real ones themselves: what it tells the
    generator is of no use."""
    losses, gap = seen.recent("discriminator_loss", 100), _gap(seen)
    chance = CHANCE.get(facts.objective, 0.0)
    if not losses or fmean(losses) < chance or gap > 0:
        return None
    return Alarm(
        "discriminator_too_weak",
        fmean(losses),
        f"its loss is {fmean(losses):.3g} ({chance:.3g} for one that knows nothing); D(x) is no more than D(G(z))",
        "--set model.discriminator_rate=4, or --set model.discriminator_steps=3",
    )


def overshooting(seen: Seen, facts: Facts) -> Alarm | None:
    """For 100 steps the discriminator tells real from made pictures, and yet its loss is about that of knowing nothing,
    or more: each step of a player goes too far."""
    losses, chance = seen.recent("discriminator_loss", 100), CHANCE.get(facts.objective)
    usual = median(losses) if losses else 0.0  # the first steps of a good start may go far too far
    most = LOST_EARLY if seen.step <= BEGUN else LOST
    if chance is None or seen.step < SETTLED or usual <= most * chance or _gap(seen) <= 0:
        return None
    text = f"the discriminator's loss is {usual:.3g} ({chance:.3g} for one that knows nothing)"
    return Alarm("divergence", usual, f"{text}: the players overshoot", facts.slower)


def _gap(seen: Seen) -> float:
    """Mean D(x) - D(G(z)) of the last 100 steps."""
    real, fake = seen.recent("real", 100), seen.recent("fake", 100)
    return fmean(real) - fmean(fake) if real and fake else 0.0


def vanishing_generator_gradient(seen: Seen, facts: Facts) -> Alarm | None:
    """For 100 steps its norm is under a thousandth of the highest so far."""
    norms = seen.recent("generator_gradient", 100)
    if not norms or max(norms) > VANISHED * seen.highest["generator_gradient"]:
        return None
    other = "non_saturating" if facts.objective == "minimax" else "wgan_gp"
    return Alarm(
        "vanishing_generator_gradient",
        fmean(norms),
        f"the norm of the generator's gradient is {fmean(norms):.2g}, after {seen.highest['generator_gradient']:.2g}",
        f"--set model.objective={other}, or --set model.discriminator_rate=0.25",
    )


def divergence(seen: Seen, facts: Facts) -> Alarm | None:
    """Nine tenths of what the reconstruction, or the loss, has gained since the first row are lost for 100 steps."""
    name = next((name for name in ("reconstruction", "content", "cycle", "loss") if name in seen.first), "loss")
    values = seen.recent(name, 100)
    if not values or seen.step < 200:
        return None
    first, lowest = seen.first[name], seen.lowest[name]
    gained = first - lowest
    if gained <= 0.1 * abs(first) or min(values) < first - (1 - REGRESSED) * gained:
        return None
    return Alarm(
        "divergence", fmean(values), f"{name} is {fmean(values):.4g}, after {lowest:.4g} at its best", facts.slower
    )


def samples_diverge(seen: Seen, facts: Facts) -> Alarm | None:
    """The measure of the samples is many times its best value, in three evaluations running."""
    values = seen.evaluations(facts.monitor, 3)
    best = min((row[facts.monitor] for row in seen.validation if facts.monitor in row), default=math.nan)
    if not values or not min(values) > OFF * best:
        return None
    text = f"{facts.monitor} of the samples is {values[-1]:.3g}, after {best:.3g} at its best"
    return Alarm("divergence", values[-1], text, f"{facts.slower}; the best weights are kept")


def runaway_scores(seen: Seen, facts: Facts) -> Alarm | None:
    """Scores without a scale grow by orders of magnitude: |loss| of the discriminator over 100 steps."""
    losses = seen.recent("discriminator_loss", 100)
    if facts.objective in CHANCE or not losses or not min(abs(value) for value in losses) > 1e4:
        return None
    text = f"the critic's loss is {losses[-1]:.3g}"
    return Alarm("divergence", losses[-1], text, f"{facts.slower}, or --set model.penalty=10 with wgan_gp")


def posterior_collapse(seen: Seen, facts: Facts) -> Alarm | None:
    """For 100 steps the whole code tells less than COLLAPSED nats a number: the decoder does without it."""
    values = seen.recent("kl", 100)
    if not values or not facts.code or max(values) > COLLAPSED * facts.code:
        return None
    return Alarm(
        "posterior_collapse",
        fmean(values),
        f"the code tells {fmean(values):.2g} nats of a row, under {COLLAPSED:g} for each of its {facts.code} numbers",
        "--set model.annealing=0.3, or a smaller model.beta",
    )


_PLAYERS: tuple[Rule, ...] = (
    mode_collapse,
    discriminator_too_strong,
    discriminator_too_weak,
    overshooting,
    vanishing_generator_gradient,
    runaway_scores,
    samples_diverge,
)


def rules_for(facts: Facts) -> tuple[Rule, ...]:
    """The rules that fit the task. With pairs a sure discriminator, or one at chance, is no failure."""
    if facts.task == "gan":
        return (mode_collapse, divergence, samples_diverge) if facts.mapper else _PLAYERS
    if facts.task == "diffusion":
        return (divergence, samples_diverge)
    return (divergence, posterior_collapse)


def rules_of(facts: Facts) -> Rules:
    """What `Alarms` asks at every row: the alarms that hold now, one a name."""
    rules = rules_for(facts)

    def look(seen: Seen) -> Sequence[Alarm]:
        found = [alarm for rule in rules if (alarm := rule(seen, facts)) is not None]
        return list({alarm.name: alarm for alarm in reversed(found)}.values())

    return look
