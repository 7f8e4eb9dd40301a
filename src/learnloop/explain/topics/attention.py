"""Attention on three words, number by number: scores, weights, the answer, the causal mask, and the chain rule back."""

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
from learnloop.scratch.attention import example, scaled_dot_product

WORDS = ("the", "cat", "sat")
KEYS = 8


def walk() -> Walk:
    values = example()
    widths, plain, scaled = _largest_weights()
    values |= {"widths": widths, "largest weight, plain": plain, "largest weight, scaled": scaled}
    return Walk(
        title="Attention: a mean of values, weighed by how well a query fits each key",
        sections=[
            _words(values),
            _scores(values, widths, plain, scaled),
            _weights(values),
            _answer(values),
            _mask(values),
            _backward(values),
            _additive(values),
        ],
        values=values,
        source="Vaswani et al. 2017, section 3.2.1; Bahdanau et al. 2015, section 3.1; learnloop.scratch.attention",
        next=["learnloop explain transformer", "learnloop explain lstm"],
    )


def _words(v: dict[str, Array]) -> Section:
    asks, says = v["Q"].shape[1], v["V"].shape[1]
    return Section(
        "Three words that look at each other",
        [
            Say(
                "Each word asks a question (its query), offers a label (its key) and has something to say (its value). "
                f"Here a word has {asks} numbers to ask and to label with, and {says} numbers to say."
            ),
            Grid("Q, what each word asks", v["Q"], rows=WORDS, marked=frozenset((1, j) for j in range(asks))),
            Grid("K, how each word is labelled", v["K"], rows=WORDS),
            Grid("V, what each word says", v["V"], rows=WORDS),
            Say("We follow the framed question, that of `cat`. The other two words do the same at the same time."),
        ],
    )


def _scores(v: dict[str, Array], widths: Array, plain: Array, scaled: Array) -> Section:
    q, root = v["Q"][1], number(np.sqrt(v["Q"].shape[1]))
    sums = [
        Equation(f"S({word}) = q . k / sqrt(d_k)", f"({weighted_sum(q, k)}) / {root}", float(s))
        for word, k, s in zip(WORDS, v["K"], v["S"][1])
    ]
    last = int(widths[-1])
    return Section(
        "How well does the question fit each label?",
        [
            Say("The fit is the dot product of query and key: large where both are large."),
            *sums,
            Say(
                f"Why the root? A dot product of {last} random numbers is as large as sqrt({last}). Softmax then "
                "gives nearly all weight to one key, and its slope is nearly 0. The root keeps scores the same size "
                "at any width."
            ),
            Curves(
                f"The largest of {KEYS} weights, for random queries and keys",
                "d_k, numbers in a key",
                "largest weight",
                {"q . k": (widths, plain), "q . k / sqrt(d_k)": (widths, scaled)},
            ),
        ],
    )


def _weights(v: dict[str, Array]) -> Section:
    S, A = v["S"][1], v["A"][1]
    powers = np.exp(S)
    total = " + ".join(number(power) for power in powers)
    shares = [
        Equation(f"A({word}) = e^S / sum", f"{number(power)} / ({total})", float(a))
        for word, power, a in zip(WORDS, powers, A)
    ]
    rows: list[list[str | float]] = [
        [word, float(s), float(power), float(a)] for word, s, power, a in zip(WORDS, S, powers, A)
    ]
    return Section(
        "Softmax turns scores into weights",
        [
            Say("Every score becomes a power of e, and each power is divided by their sum. The weights then sum to 1."),
            Table(["word", "score S", "e^S", "weight A"], rows),
            *shares,
            Grid("A, all three rows", v["A"], rows=WORDS, columns=WORDS, note="row: who looks; column: at whom"),
        ],
    )


def _answer(v: dict[str, Array]) -> Section:
    A, V, O = v["A"][1], v["V"], v["O"]
    picture = Network(
        ["what the words say", "the answer"],
        [
            [Node(word, float(said[0])) for word, said in zip(WORDS, V)],
            [Node("cat hears", float(O[1, 0]))],
        ],
        [Edge(0, j, 0, float(a)) for j, a in enumerate(A)],
        note="The first number of each value. The weights on the lines are A, not learnt: they follow from the words.",
    )
    return Section(
        "The answer is a weighted mean",
        [
            picture,
            Equation("O(cat, 1) = A . V(:, 1)", weighted_sum(A, V[:, 0]), float(O[1, 0])),
            Equation("O(cat, 2) = A . V(:, 2)", weighted_sum(A, V[:, 1]), float(O[1, 1])),
            Grid("O = A V, for every word", O, rows=WORDS),
        ],
    )


def _mask(v: dict[str, Array]) -> Section:
    powers = np.exp(v["S"][1, :2])
    future = frozenset((t, u) for t in range(3) for u in range(t + 1, 3))
    return Section(
        "No looking ahead: the causal mask",
        [
            Say(
                "A network that must guess the next word may not see it. Scores of later words are set to minus "
                "infinity before the softmax; e to that power is 0."
            ),
            Equation(
                "A(cat, the) = e^S / sum of two",
                f"{number(powers[0])} / ({number(powers[0])} + {number(powers[1])})",
                float(v["causal_A"][1, 0]),
            ),
            Grid(
                "A under the mask", v["causal_A"], rows=WORDS, columns=WORDS, marked=future, note="framed: the future"
            ),
            Grid("O under the mask", v["causal_O"], rows=WORDS, note="the first word can only hear itself"),
            Say(
                'Mind the sign: True means "may look" here and in PyTorch\'s `scaled_dot_product_attention`, and '
                '"may not look" in its `nn.MultiheadAttention`.'
            ),
        ],
    )


def _backward(v: dict[str, Array]) -> Section:
    A, dA, dS, root = v["A"][1], v["dA"][1], v["dS"][1], number(np.sqrt(v["Q"].shape[1]))
    mean = float(A @ dA)
    scores = [
        Equation(f"dS({word}) = A * (dA - mean)", f"{number(a)} * ({number(da)} - {factor(mean)})", float(ds))
        for word, a, da, ds in zip(WORDS, A, dA, dS)
    ]
    return Section(
        "The chain rule backwards",
        [
            Say("Suppose the loss grows by 1 with the first number that `cat` hears: dO(cat, 1) = 1, all else 0."),
            Equation("dV(:, 1) = A(cat, :) * dO", f"{listed(A)} * {number(v['dO'][1, 0])}", v["dV"][:, 0]),
            Equation("dA(cat, :) = dO * V(:, 1)", f"{number(v['dO'][1, 0])} * {listed(v['V'][:, 0])}", dA),
            Say(
                "Weights sum to 1, so one can only grow at the others' cost. What counts is how far its slope lies "
                "above the mean slope."
            ),
            Equation("mean = A . dA", weighted_sum(A, dA), mean),
            *scores,
            Equation(
                "dq(1) = sum of dS * k(1) / sqrt(d_k)",
                f"({weighted_sum(dS, v['K'][:, 0])}) / {root}",
                float(v["dQ"][1, 0]),
            ),
            Grid("dQ", v["dQ"], rows=WORDS, note="only the question of cat counts here"),
            Grid(
                "dK = dS * q / sqrt(d_k)",
                v["dK"],
                rows=WORDS,
                note="cat moves away from the question, the others towards it",
            ),
        ],
    )


def _additive(v: dict[str, Array]) -> Section:
    s, h, t, e, a = v["s"][0], v["h"][0], v["t"][0], v["e"][0], v["a"][0]
    fits = [
        Equation(
            f"e_{j + 1} = v . tanh(W s + U h_{j + 1})",
            f"tanh({number(s[0] + h[j, 0])}) + tanh({number(s[1] + h[j, 1])})",
            float(e[j]),
        )
        for j in range(3)
    ]
    total = " + ".join(number(power) for power in np.exp(e))
    return Section(
        "The older form: additive attention",
        [
            Say(
                "Bahdanau's network measures the fit with a small layer of its own instead of a dot product. Take one "
                f"state s = {listed(s)} and three states h, with W and U the identity and v = (1, 1)."
            ),
            Grid("h", h),
            *fits,
            Equation("a_1 = exp(e_1) / sum", f"{number(np.exp(e[0]))} / ({total})", float(a[0])),
            Equation("c(1) = a . h(:, 1)", weighted_sum(a, h[:, 0]), float(v["c"][0, 0])),
            Say(
                f"Softmax and the weighted mean are the same; t = {listed(t[0])} is the layer's answer for the first "
                "state. The dot product is the faster of the two: one matrix product serves all words at once."
            ),
            Say(
                "To remember: fit, softmax, weighted mean. Nothing in it knows about order or distance, which is why "
                "transformers write the position onto each word."
            ),
        ],
    )


def _largest_weights() -> tuple[Array, Array, Array]:
    """Mean over 200 queries of the largest of 8 weights, with and without the root, at each width."""
    rng = np.random.default_rng(0)
    widths = np.array([2.0**power for power in range(9)])
    plain, scaled = np.empty(9), np.empty(9)
    for i, width in enumerate(widths):
        d = int(width)
        Q, K = rng.normal(size=(200, 1, d)), rng.normal(size=(200, KEYS, d))
        scaled[i] = scaled_dot_product(Q, K, K)[1].A.max(axis=-1).mean()
        # A query sqrt(d_k) times as long undoes the root.
        plain[i] = scaled_dot_product(Q * np.sqrt(d), K, K)[1].A.max(axis=-1).mean()
    return widths, plain, scaled
