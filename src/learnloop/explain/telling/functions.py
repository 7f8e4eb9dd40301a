"""How each activation and its slope are written, in symbols and with numbers. What comes out is computed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from learnloop.explain.walk import factor, number

Written = Callable[[float, float], str]
"""(z, a) -> the formula with the numbers put in; a = g(z)."""


def _side(z: float, left: str, right: str) -> str:
    return right if z > 0 else left


@dataclass(frozen=True)
class Function:
    """g and g' in the letter z for what goes in and a for what comes out."""

    formula: str
    numbers: Written
    slope: str
    slope_numbers: Written


def _logistic(z: float) -> str:
    return f"1 + e^{factor(-z)}"


_SWISH = Function(
    "z / (1 + e^-z)",
    lambda z, a: f"{number(z)} / ({_logistic(z)})",
    "s + z s (1 - s), s = sigmoid(z)",
    lambda z, a: f"s + {factor(z)} s (1 - s), s = 1 / ({_logistic(z)})",
)
FUNCTIONS: dict[str, Function] = {
    "sigmoid": Function(
        "1 / (1 + e^-z)",
        lambda z, a: f"1 / ({_logistic(z)})",
        "a (1 - a)",
        lambda z, a: f"{number(a)}*(1 - {number(a)})",
    ),
    "tanh": Function(
        "tanh(z)",
        lambda z, a: f"tanh({number(z)})",
        "1 - a^2",
        lambda z, a: f"1 - {factor(a)}*{factor(a)}",
    ),
    "relu": Function(
        "max(0, z)",
        lambda z, a: f"max(0, {number(z)})",
        "1 if z > 0 else 0",
        lambda z, a: _side(z, "0", "1"),
    ),
    "leaky_relu": Function(
        "z if z > 0 else 0.01 z",
        lambda z, a: _side(z, f"0.01*{factor(z)}", number(z)),
        "1 if z > 0 else 0.01",
        lambda z, a: _side(z, "0.01", "1"),
    ),
    "swish": _SWISH,
    "silu": _SWISH,
    "gelu": Function(
        "z Phi(z)",
        lambda z, a: f"{factor(z)} Phi({number(z)})",
        "Phi(z) + z phi(z)",
        lambda z, a: f"Phi({number(z)}) + {factor(z)} phi({number(z)})",
    ),
    "elu": Function(
        "z if z > 0 else e^z - 1",
        lambda z, a: _side(z, f"e^{factor(z)} - 1", number(z)),
        "1 if z > 0 else e^z",
        lambda z, a: _side(z, f"e^{factor(z)}", "1"),
    ),
    "selu": Function(
        "1.0507 z if z > 0 else 1.7581 (e^z - 1)",
        lambda z, a: _side(z, f"1.7581 (e^{factor(z)} - 1)", f"1.0507*{number(z)}"),
        "1.0507 if z > 0 else 1.7581 e^z",
        lambda z, a: _side(z, f"1.7581 e^{factor(z)}", "1.0507"),
    ),
    "identity": Function("z", lambda z, a: number(z), "1", lambda z, a: "1"),
    "step": Function(
        "1 if z >= 0 else 0",
        lambda z, a: f"{number(z)} {'>=' if z >= 0 else '<'} 0",
        "0",
        lambda z, a: "0",
    ),
}
"""All but softmax, whose units depend on each other."""


def renamed(formula: str, z: str, a: str) -> str:
    """The formula with its letters z and a replaced, words such as `max` and `tanh` left alone."""
    names = {"z": z, "a": a}
    out, word = [], ""
    for letter in formula + " ":
        if letter.isalpha():
            word += letter
            continue
        out.append(names.get(word, word))
        out.append(letter)
        word = ""
    return "".join(out)[:-1]
