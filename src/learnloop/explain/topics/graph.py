"""`learnloop explain graph`: four nodes hear their neighbours; forwards, backwards, and what the GCN does otherwise."""

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
from learnloop.scratch.graph import example, graph_convolution, message_passing

NAMES = tuple(f"node {v}" for v in range(4))
FEATURES = ("feature 1", "feature 2")
HUB, TAIL = 2, 3
ROUNDS = 3
MANY = 20
RENAMED = (3, 0, 1, 2)
"""The new order of the nodes: 3 first, then 0, 1, 2."""


def walk() -> Walk:
    values = example()
    values |= _news(values) | _growth(values) | _renamed(values)
    sections = [_picture(values), _forwards(values), _backwards(values), _travel(values), _gcn(values), _order(values)]
    return Walk(
        "Graph networks: every node listens to its neighbours",
        [*sections, _remember(values)],
        values,
        "course guide 004, section 13.4, equation 81; Kipf and Welling, Semi-Supervised Classification with Graph "
        "Convolutional Networks, 2017. Code: learnloop.scratch.graph",
        ("learnloop explain attention", "learnloop explain conv", "learnloop explain mlp"),
    )


def _news(values: dict[str, Array]) -> dict[str, Array]:
    """A 1 on the tail, passed on with W = 1 and nothing bent: row k is round k. [ROUNDS + 1, nodes]"""
    h = np.zeros((4, 1))
    h[TAIL] = 1.0
    rounds = [h]
    for _ in range(ROUNDS):
        rounds.append(message_passing(rounds[-1], values["A"], np.eye(1), "identity")[0])
    return {"news": np.stack(rounds)[:, :, 0]}


def _growth(values: dict[str, Array]) -> dict[str, Array]:
    """The largest state after k rounds from the same start, W = I and nothing bent. [MANY + 1] each."""
    passed = averaged = values["h"]
    largest = [[float(np.abs(passed).max())] * 2]
    for _ in range(MANY):
        passed = message_passing(passed, values["A"], np.eye(2), "identity")[0]
        averaged = graph_convolution(averaged, values["A"], np.eye(2), np.zeros(2), "identity")[0]
        largest.append([float(np.abs(passed).max()), float(np.abs(averaged).max())])
    return {"largest, equation 81": np.array(largest)[:, 0], "largest, GCN": np.array(largest)[:, 1]}


def _renamed(values: dict[str, Array]) -> dict[str, Array]:
    order = list(RENAMED)
    y, _ = message_passing(values["h"][order], values["A"][np.ix_(order, order)], values["W"])
    return {"renamed y": y}


def _neighbours(values: dict[str, Array], v: int) -> list[int]:
    return [int(u) for u in np.flatnonzero(values["A"][v])]


def _picture(values: dict[str, Array]) -> Section:
    said = [Node(name, None, f"h = {listed(h)}") for name, h in zip(NAMES, values["h"])]
    edges = [Edge(0, int(u), int(v), 1.0) for v, u in np.argwhere(values["A"])]
    return Section(
        "Four nodes and who hears whom",
        [
            Say(
                "Nodes 0, 1 and 2 are a triangle; node 3 hangs on node 2. Every node holds a state `h` of two numbers. "
                "An edge goes both ways: each end hears the other."
            ),
            Network(("speaks", "hears"), (said, [Node(name) for name in NAMES]), edges),
            Grid("A, row hears column", values["A"], NAMES, tuple(str(v) for v in range(4))),
            Say("Think of persons and friends, of atoms and bonds, of papers and citations."),
        ],
    )


def _forwards(values: dict[str, Array]) -> Section:
    h, W, m, z, y = (values[name] for name in ("h", "W", "m", "z", "y"))
    heard = _neighbours(values, HUB)
    blocks: list[Say | Equation | Grid] = [
        Grid("h", h, NAMES, FEATURES, frozenset((u, 0) for u in heard), "marked: what node 2 hears of feature 1"),
        Grid("W, for the node's own state", W),
        Say(f"One round of equation 81, for node {HUB}. First it adds up what its neighbours say:"),
    ]
    for i in range(2):
        blocks.append(
            Equation(
                f"m_{HUB}[{i + 1}] = " + " + ".join(f"h_{u}[{i + 1}]" for u in heard),
                " + ".join(factor(h[u, i]) for u in heard),
                m[HUB, i],
            )
        )
    blocks.append(Say("Its own state goes through W, the messages are added as they are, and sigmoid bends the sum:"))
    for i in range(2):
        blocks += [
            Equation(
                f"z_{HUB}[{i + 1}] = (W h_{HUB})[{i + 1}] + m_{HUB}[{i + 1}]",
                weighted_sum(W[i], h[HUB], m[HUB, i]),
                z[HUB, i],
            ),
            Equation(f"h'_{HUB}[{i + 1}] = sigmoid(z_{HUB}[{i + 1}])", f"sigmoid({number(z[HUB, i])})", y[HUB, i]),
        ]
    return Section(
        "One round, number by number",
        [
            *blocks,
            Say("All four at once, as matrices: `z = h W^T + A h`."),
            Grid("z", z, NAMES, FEATURES),
            Grid("h' = sigmoid(z)", y, NAMES, FEATURES),
        ],
    )


def _backwards(values: dict[str, Array]) -> Section:
    h, W, y, dh, dW = (values[name] for name in ("h", "W", "y", "dh", "dW"))
    dz = values["dy"] * y * (1 - y)
    blocks: list[Say | Equation | Grid] = [
        Say(f"Say the loss is the sum of node {TAIL}'s new state. Sigmoid's slope is `h' (1 - h')`:")
    ]
    for i in range(2):
        s = number(y[TAIL, i])
        blocks.append(Equation(f"dz_{TAIL}[{i + 1}] = h' (1 - h')", f"{s}*(1 - {s})", dz[TAIL, i]))
    blocks += [
        Say(f"The neighbour, node {HUB}, was added as it is. So it gets the same gradient:"),
        Equation(f"dh_{HUB} = dz_{TAIL}", "", dh[HUB]),
        Say(f"Node {TAIL}'s own state went through W, so its gradient comes back through the columns of W:"),
    ]
    for j in range(2):
        blocks.append(
            Equation(f"dh_{TAIL}[{j + 1}] = sum_i W[i,{j + 1}] dz[i]", weighted_sum(W[:, j], dz[TAIL]), dh[TAIL, j])
        )
    blocks += [
        Grid(
            "dh = dz W + A^T dz", dh, NAMES, FEATURES, note="nodes 0 and 1 are two edges away: one round, no gradient"
        ),
        Say("W is shared by all nodes; its gradient is summed over them. Here only one node has a say:"),
    ]
    for i in range(2):
        blocks.append(
            Equation(
                f"dW[{i + 1},1] = sum_v dz_v[{i + 1}] h_v[1]",
                f"{factor(dz[TAIL, i])}*{factor(h[TAIL, 0])}",
                dW[i, 0],
            )
        )
    return Section("Backwards along the edges", [*blocks, Grid("dW = dz^T h", dW)])


def _travel(values: dict[str, Array]) -> Section:
    news = values["news"]
    reached = [int(np.count_nonzero(row)) for row in news]
    rounds = np.arange(MANY + 1.0)
    return Section(
        "How far news travels, and how it grows",
        [
            Say(
                f"Put a 1 on node {TAIL} and nothing elsewhere; take W = 1 and do not bend. Each round carries the "
                f"news one edge further: {', then '.join(str(count) for count in reached[:3])} nodes have heard it."
            ),
            Grid("the news", news, tuple(f"round {k}" for k in range(ROUNDS + 1)), NAMES),
            Equation(
                f"h_{HUB} in round 3 = its own + its neighbours in round 2",
                " + ".join(factor(news[2, u]) for u in [HUB, *_neighbours(values, HUB)]),
                news[3, HUB],
            ),
            Say(
                "k rounds see k edges far: that is the depth of a graph network. But the sums grow with every round, "
                "and faster where a node has many neighbours."
            ),
            Curves(
                "The largest state, round after round (W = I, not bent)",
                "round",
                "largest |h|",
                {
                    "equation 81": (rounds, values["largest, equation 81"]),
                    "GCN": (rounds, values["largest, GCN"]),
                },
                log_y=True,
                note="the GCN divides by the degrees",
            ),
        ],
    )


def _gcn(values: dict[str, Array]) -> Section:
    A_hat, h, W = values["A_hat"], values["h"], values["W"]
    m, z = values["gcn_m"], values["gcn_z"]
    degrees = values["A"].sum(axis=1) + 1
    everyone = sorted([HUB, *_neighbours(values, HUB)])
    rows = [[NAMES[v], listed(values["z"][v]), listed(z[v])] for v in range(4)]
    return Section(
        "The GCN: the same idea, weighed",
        [
            Say(
                "Kipf and Welling weigh what goes from u to v by `1 / sqrt(d_u d_v)`, where d counts the neighbours "
                "and the node itself; the node is one voice among the others."
            ),
            Equation(
                f"A_hat[{HUB},{TAIL}] = 1 / sqrt(d_{HUB} d_{TAIL})",
                f"1 / sqrt({number(degrees[HUB])}*{number(degrees[TAIL])})",
                A_hat[HUB, TAIL],
            ),
            Grid("A_hat", A_hat, NAMES, tuple(str(v) for v in range(4)), frozenset({(HUB, TAIL)})),
            Equation(
                f"m_{HUB}[1] = sum_u A_hat[{HUB},u] h_u[1]",
                weighted_sum(A_hat[HUB, everyone], h[everyone, 0]),
                m[HUB, 0],
            ),
            Equation(
                f"m_{HUB}[2] = sum_u A_hat[{HUB},u] h_u[2]",
                weighted_sum(A_hat[HUB, everyone], h[everyone, 1]),
                m[HUB, 1],
            ),
            Say("Only then does W act, on what the neighbours said too. So it need not be square:"),
            Equation(f"z_{HUB}[1] = (W m_{HUB})[1]", weighted_sum(W[0], m[HUB]), z[HUB, 0]),
            Equation(f"z_{HUB}[2] = (W m_{HUB})[2]", weighted_sum(W[1], m[HUB]), z[HUB, 1]),
            Table(("", "z by equation 81", "z by GCN"), rows),
            Say(
                "Nodes 0 and 1 hear the same three voices, themselves included. To the GCN they are one and the same; "
                "equation 81, which treats a node's own state apart, tells them apart."
            ),
        ],
    )


def _order(values: dict[str, Array]) -> Section:
    names = tuple(NAMES[v] for v in RENAMED)
    apart = float(np.abs(values["renamed y"] - values["y"][list(RENAMED)]).max())
    return Section(
        "The order of the nodes means nothing",
        [
            Say(f"A graph has no first node. Take them as {', '.join(str(v) for v in RENAMED)} and do it again:"),
            Grid("h' with the nodes in another order", values["renamed y"], names, FEATURES),
            Equation("largest change of any node's new state", "", apart),
        ],
    )


def _remember(values: dict[str, Array]) -> Section:
    last = values["largest, equation 81"][-1], values["largest, GCN"][-1]
    return Section(
        "Remember",
        [
            Say(
                "A layer is: sum what the neighbours say, add the node's own state through W, bend. "
                "k layers see k edges far."
            ),
            Say("Gradients go back along the same edges. W is shared by all nodes, as a filter is by all places."),
            Say(
                "Equation 81 of the guide adds the neighbours as they are: W must be square, and sums grow with the "
                f"degree ({number(last[0])} after {MANY} rounds here, against the GCN's {number(last[1])})."
            ),
            Say(
                "In PyTorch Geometric, `GraphConv` is equation 81 with a second matrix for the neighbours, and "
                "`GCNConv` is the GCN; both take the edges as a list, `edge_index`."
            ),
        ],
    )
