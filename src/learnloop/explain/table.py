"""The topics that `learnloop explain` knows. None of them imports torch.

A topic's file is imported when its walk is asked for: importing all of them would make each slow to start.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learnloop.explain.walk import Walk


@dataclass(frozen=True)
class Topic:
    """title: what it shows, in a few words. group: the heading it is listed under. module: the file with `walk()`.

    network: the walk is that of a YAML file, the `FILE` of the module, so another target and rate can be tried on it.
    """

    title: str
    group: str
    module: str
    network: bool = False

    def walk(self) -> Walk:
        walk: Walk = import_module(self.module).walk()
        return walk


def _topic(name: str, group: str, title: str, network: bool = False) -> Topic:
    return Topic(title, group, f"learnloop.explain.topics.{name}", network)


TOPICS: dict[str, Topic] = {
    "spam": _topic("spam", "basics", "a tiny network, forwards, backwards and one step on", network=True),
    "perceptron": _topic("perceptron", "basics", "the perceptron learns AND, and cannot learn XOR"),
    "activations": _topic("activations", "basics", "sigmoid, tanh, ReLU and others with their derivatives"),
    "losses": _topic("losses", "basics", "mean squared error, cross-entropy, hinge and others"),
    "initialise": _topic("initialise", "basics", "how first weights keep 50 layers alive"),
    "mlp": _topic("mlp", "basics", "a network learns XOR: forwards and backpropagation"),
    "metrics": _topic("metrics", "basics", "confusion counts, F1, ROC AUC, R2, FID and others"),
    "sgd": _topic("sgd", "training", "gradient descent: batch, stochastic, mini-batch"),
    "momentum": _topic("momentum", "training", "momentum in its two forms, and Nesterov's"),
    "adam": _topic("adam", "training", "three steps of Adam by hand, with bias correction"),
    "optimisers": _topic("optimisers", "training", "ten optimisers in a valley and on a saddle"),
    "schedules": _topic("schedules", "training", "learning rates that fall: decay, steps, cosine, one cycle"),
    "regularise": _topic("regularise", "training", "L1 and L2 penalties, early stopping"),
    "dropout": _topic("dropout", "training", "dropout in its two forms"),
    "batch_norm": _topic("batch_norm", "training", "batch normalisation, forwards and backwards; layer norm"),
    "conv": _topic("conv", "vision", "a filter slides over an image: convolution and its gradients"),
    "pool": _topic("pool", "vision", "max and average pooling, and where the gradient goes"),
    "rnn": _topic("rnn", "sequences", "a recurrent network, and backpropagation through time"),
    "lstm": _topic("lstm", "sequences", "an LSTM cell: three gates and a memory"),
    "gru": _topic("gru", "sequences", "a GRU cell: two gates, and where PyTorch puts one"),
    "vanishing": _topic("vanishing", "sequences", "gradients that vanish or explode through time"),
    "attention": _topic("attention", "sequences", "queries, keys and values: attention by hand"),
    "transformer": _topic("transformer", "sequences", "positions, heads, residuals, norms: a transformer's block"),
    "timeseries": _topic("timeseries", "sequences", "differences, season, autocorrelation, and the way back"),
    "holt_winters": _topic("holt_winters", "sequences", "smoothing of level, trend and season"),
    "autoencoder": _topic("autoencoder", "generative", "a network that must pass through a narrow middle"),
    "vae": _topic("vae", "generative", "a variational autoencoder: noise with a gradient"),
    "gan": _topic("gan", "generative", "generator against discriminator"),
    "graph": _topic("graph", "more", "neighbours pass messages: graph networks"),
    "ode": _topic("ode", "more", "a layer that is a differential equation"),
    "maml": _topic("maml", "more", "learning a start from which few steps suffice"),
    "qlearning": _topic("qlearning", "more", "values of actions from rewards"),
}
"""Name -> topic, in the order of a course; the groups follow each other."""

ALIASES: dict[str, str] = {
    "activation": "activations",
    "relu": "activations",
    "sigmoid": "activations",
    "softmax": "activations",
    "loss": "losses",
    "cross_entropy": "losses",
    "initialize": "initialise",
    "initialisation": "initialise",
    "initialization": "initialise",
    "xavier": "initialise",
    "backpropagation": "mlp",
    "backprop": "mlp",
    "metric": "metrics",
    "fid": "metrics",
    "gradient_descent": "sgd",
    "nesterov": "momentum",
    "optimizers": "optimisers",
    "optimiser": "optimisers",
    "optimizer": "optimisers",
    "rmsprop": "optimisers",
    "adagrad": "optimisers",
    "schedule": "schedules",
    "learning_rate": "schedules",
    "regularize": "regularise",
    "regularisation": "regularise",
    "regularization": "regularise",
    "weight_decay": "regularise",
    "early_stopping": "regularise",
    "batchnorm": "batch_norm",
    "layer_norm": "batch_norm",
    "batch_normalisation": "batch_norm",
    "batch_normalization": "batch_norm",
    "convolution": "conv",
    "cnn": "conv",
    "pooling": "pool",
    "max_pool": "pool",
    "recurrent": "rnn",
    "bptt": "rnn",
    "exploding": "vanishing",
    "clipping": "vanishing",
    "multihead": "transformer",
    "positional_encoding": "transformer",
    "transformers": "transformer",
    "auto_encoder": "autoencoder",
    "variational": "vae",
    "adversarial": "gan",
    "gnn": "graph",
    "gcn": "graph",
    "neural_ode": "ode",
    "runge_kutta": "ode",
    "meta_learning": "maml",
    "q_learning": "qlearning",
    "reinforcement": "qlearning",
    "time_series": "timeseries",
    "holtwinters": "holt_winters",
    "smoothing": "holt_winters",
}
"""Other names of a topic; a hyphen or a blank counts as an underscore."""


def find(name: str) -> Topic | None:
    """The topic of that name or alias, however it is spelt: `Batch-Norm` is batch_norm. None when there is none."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    return TOPICS.get(ALIASES.get(plain, plain))


def groups() -> dict[str, list[str]]:
    """The names under each heading."""
    found: dict[str, list[str]] = {}
    for name, topic in TOPICS.items():
        found.setdefault(topic.group, []).append(name)
    return found
