"""The transformer's block, number by number: positions, heads, residuals and layer norm, in post and pre form."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Curves,
    Equation,
    Grid,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    number,
    weighted_sum,
)
from learnloop.scratch import multihead, positions, transformer

WORDS = ("word 1", "word 2")
PAIRS = ("sin w1", "cos w1", "sin w2", "cos w2")
PLACE, WIDTH = 20, 32
BLOCKS, TIME, HEADS = 24, 8, 4
FEW = 3


def walk() -> Walk:
    block, heads, where = transformer.example(), multihead.example(), positions.example()
    fit, guide_fit = _products()
    post, pre = _through_depth()
    values = {**block, **{f"heads {k}": v for k, v in heads.items()}, **{f"positions {k}": v for k, v in where.items()}}
    values |= {"fit with place": fit, "fit with place, guide": guide_fit, "depth, post": post, "depth, pre": pre}
    return Walk(
        title="The transformer's block: words look at each other, then each thinks by itself",
        sections=[
            _order(where),
            _slip(where, fit, guide_fit),
            _heads(heads),
            _post(block),
            _pre(block),
            _backward(block, post, pre),
            _remember(),
        ],
        values=values,
        source="Vaswani et al. 2017, sections 3.1 to 3.5; Xiong et al. 2020; learnloop.scratch.transformer",
        next=["learnloop explain attention", "learnloop explain batch_norm"],
    )


def _order(v: dict[str, Array]) -> Section:
    w, PE = v["w"], v["PE"]
    sums = [
        Equation(
            f"PE(1, {2 * i}), PE(1, {2 * i + 1}) = sin w{i + 1}, cos w{i + 1}",
            f"sin {number(speed)}, cos {number(speed)}",
            PE[1, 2 * i : 2 * i + 2],
        )
        for i, speed in enumerate(w)
    ]
    return Section(
        "Where am I? Positions as clock hands",
        [
            Say(
                "Attention takes a mean over words, and a mean does not care about order. So each word gets its place "
                "added to it, written as clock hands: pairs of a sine and a cosine, each pair slower than the last."
            ),
            Grid("PE, a row for each place", PE, rows=[str(p) for p in range(len(PE))], columns=PAIRS),
            *sums,
            Say(
                "One step on turns every hand by its own angle, wherever it stands. That is a rotation R, "
                "so looking k places back is the same product at every place."
            ),
            Grid("R, one step on", v["R"]),
            Equation("R PE(0)", "", v["turned"][0], "the same as PE(1)"),
        ],
    )


def _slip(v: dict[str, Array], fit: Array, guide_fit: Array) -> Section:
    places = np.arange(len(fit), dtype=float)
    lengths, guide_lengths = np.diag(v["products"]), np.diag(v["guide_products"])
    return Section(
        "A slip in a guide's code",
        [
            Say(
                "The equation gives a sine and its cosine the same speed. One course guide's code gives each column a "
                "speed of its own, so its cosines are slower than their sines."
            ),
            Table(
                ["PE . PE of a place with itself", *(f"place {p}" for p in range(len(lengths)))],
                [["equation", *map(float, lengths)], ["guide's code", *map(float, guide_lengths)]],
                note="sin^2 + cos^2 = 1 a pair, but only when both hold the same angle",
            ),
            Curves(
                f"How well place {PLACE} fits every place, width {WIDTH}",
                "place",
                f"PE({PLACE}) . PE(place)",
                {"equation": (places, fit), "guide's code": (places, guide_fit)},
                note=(
                    f"The equation's curve is the same on both sides of {PLACE} and highest there. The guide's is "
                    f"lopsided, and highest at {int(guide_fit.argmax())}."
                ),
            ),
        ],
    )


def _heads(v: dict[str, Array]) -> Section:
    A, Y = v["A"][0], v["Y"][0]
    names = ("word 1", "word 2", "word 3")
    return Section(
        "Several heads: several questions at once",
        [
            Say(
                "One head can look for one thing. So the width is shared out: here head 1 reads the first two numbers "
                "of each of three words, head 2 the last two. Both then do plain attention."
            ),
            Grid("X", v["X"][0], rows=names),
            Grid("A of head 1", A[0], rows=names, columns=names, note="words 1 and 3 begin alike"),
            Grid("A of head 2", A[1], rows=names, columns=names, note="words 1 and 2 end alike"),
            Equation("word 2 from head 1 = A . X(:, 1)", weighted_sum(A[0, 1], v["X"][0, :, 0]), float(Y[1, 0])),
            Equation("word 2 from head 2 = A . X(:, 3)", weighted_sum(A[1, 1], v["X"][0, :, 2]), float(Y[1, 2])),
            Say("The heads' answers are put side by side. One more matrix mixes them; here it is the identity."),
            Grid("Y, the heads side by side", Y, rows=names),
        ],
    )


def _post(v: dict[str, Array]) -> Section:
    X, looked, Z, Y = v["X"][0], v["looked"][0], v["Z"][0], v["Y"][0]
    thought = v["post_thought"][0]
    return Section(
        "The block in the post form, as in the paper",
        [
            Grid("X, two words", X, rows=WORDS),
            Say("First the words look at each other. What they hear is added to what they are: the residual."),
            Grid("A", v["A"][0], rows=WORDS, columns=WORDS),
            Equation("heard by word 1: A X", "", looked[0]),
            *_normalised("Z", X[0] + looked[0], Z[0]),
            Say("Then each word thinks by itself: two dense layers with a ReLU between. Again the answer is added."),
            Equation(
                "hidden unit 1 = max(0, Z . W_1)", weighted_sum(v["W_1"][0], Z[0]), float(v["post_hidden"][0, 0, 0])
            ),
            Equation("thought of word 1: W_2 hidden", "", thought[0]),
            *_normalised("Y", Z[0] + thought[0], Y[0]),
            Grid("Y", Y, rows=WORDS),
        ],
    )


def _normalised(name: str, x: Array, y: Array) -> list[Equation]:
    """LayerNorm of one word, written out for its first number."""
    mean, spread = float(x.mean()), float(x.std())
    return [
        Equation("s, what was plus what came", "", x),
        Equation("mean of s", f"({weighted_sum(np.ones(len(x)), x)}) / {len(x)}".replace("1*", ""), mean),
        Equation("sd of s", "", spread),
        Equation(
            f"{name}(1) = (s(1) - mean) / sd", f"({factor(x[0])} - {factor(mean)}) / {number(spread)}", float(y[0])
        ),
    ]


def _pre(v: dict[str, Array]) -> Section:
    rows = [
        ["what goes into the attention", listed(v["X"][0, 0]), listed(v["pre_N"][0, 0])],
        ["how word 1 looks", listed(v["A"][0, 0]), listed(v["pre_A"][0, 0])],
        ["Z", listed(v["Z"][0, 0]), listed(v["pre_Z"][0, 0])],
        ["what goes into the dense layers", listed(v["Z"][0, 0]), listed(v["pre_M"][0, 0])],
        ["Y", listed(v["Y"][0, 0]), listed(v["pre_Y"][0, 0])],
    ]
    return Section(
        "The pre form: the norm moves into the branch",
        [
            Say(
                "Post: Z = norm(X + attention(X)). Pre: Z = X + attention(norm(X)). In the pre form nothing stands on "
                "the road from X to Y but two plus signs."
            ),
            Table(["word 1", "post", "pre"], rows),
            Say(
                "The post form ends with mean 0 and variance 1. The pre form does not: the sums grow from block to "
                "block, so a stack of pre blocks needs one more norm at its end."
            ),
        ],
    )


def _backward(v: dict[str, Array], post: Array, pre: Array) -> Section:
    depth = np.arange(len(post), dtype=float)
    return Section(
        "The chain rule backwards: the open road",
        [
            Say("y = x + f(x) has the slope 1 + f'(x): whatever f does, the slope of the loss also arrives unchanged."),
            Equation("dY for word 1", "", v["dY"][0, 0]),
            Equation("post: dX for word 1", "", v["dX"][0, 0], "through two norms"),
            Equation("pre: dX for word 1", "", v["pre_dX"][0, 0], "dY, and more from the branches"),
            Curves(
                f"The gradient in {BLOCKS} untrained blocks",
                "blocks passed",
                "length, 1 at the top",
                {"post": (depth, post), "pre": (depth, pre)},
                note=f"Width {WIDTH}, geometric mean of 3 random stacks.",
            ),
            Say(
                f"After {FEW} blocks {number(post[FEW])} of the gradient is left in the post form and "
                f"{number(pre[FEW])} in the pre form: each norm on the road divides by the spread of a sum. The pre "
                "form asks for less care; the post form wants a learning rate that starts small (Xiong et al. 2020)."
            ),
        ],
    )


def _remember() -> Section:
    return Section(
        "To remember",
        [
            Say("Attention mixes words, the dense layers mix numbers within a word. Residuals carry both through."),
            Say(
                "In PyTorch: `nn.TransformerEncoderLayer`, `norm_first=False` for post and `True` for pre. Its masks "
                "say True where a word may not look. With the causal mask the same block becomes a language model."
            ),
        ],
    )


def _products() -> tuple[Array, Array]:
    length = 2 * PLACE + 1
    PE, guide = positions.positions(length, WIDTH), positions.guide_positions(length, WIDTH)
    return PE @ PE[PLACE], guide @ guide[PLACE]


def _through_depth() -> tuple[Array, Array]:
    """Length of the gradient after 0 .. BLOCKS blocks backwards, 1 at the top: geometric mean of three stacks."""
    forms = (
        (transformer.post_norm, transformer.post_norm_backward),
        (transformer.pre_norm, transformer.pre_norm_backward),
    )
    found = []
    for forward, backward in forms:
        logs = np.zeros((3, BLOCKS + 1))
        for seed in range(3):
            rng = np.random.default_rng(seed)
            blocks = [transformer.random_block(WIDTH, HEADS, 4 * WIDTH, rng) for _ in range(BLOCKS)]
            x, slope = rng.normal(size=(2, 1, TIME, WIDTH))
            passes = []
            for block in blocks:
                x, cache = forward(x, block)
                passes.append(cache)
            top = np.linalg.norm(slope)
            for passed, cache in enumerate(reversed(passes), 1):
                slope, _ = backward(slope, cache)
                logs[seed, passed] = np.log(np.linalg.norm(slope) / top)
        found.append(np.exp(logs.mean(axis=0)))
    return found[0], found[1]
