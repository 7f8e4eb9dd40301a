"""Formulas as the scratch files write them, set as mathematics in HTML: `w_1^2 . x` becomes a product with indices.

letters        one letter (and d + letter) in italics, a word upright; Greek names become letters
a_1, a_{t-1}   below the line; also a digit right behind one letter: z1
a^2, a^{-x}    above the line, likewise ** and the exponent of 1e-05; a^floor(t / s) with what the function is of
yhat, m_hat, C~, xbar with their accent
*, " . "       a product; -> <= >= != and a minus get their own signs
"""

from __future__ import annotations

import re

from learnloop.report.text import esc

_NAMES = (
    "alpha beta gamma delta epsilon eps zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi psi omega"
    " Delta Theta Sigma Phi"
)
GREEK = dict(zip(_NAMES.split(), "αβγδεεζηθκλμνξπρστφψωΔΘΣΦ", strict=True))
SIGNS = {"sum_": "∑", "prod_": "∏", "sqrt": "√", "inf": "∞"}
"""sum and prod become a sign where an index follows; elsewhere they are words."""
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "~": "\u0303"}
OPERATORS = {"->": "→", "<=": "≤", ">=": "≥", "!=": "≠", "*": "·", "-": "−", "'": "′"}
FIXED = {"dots": "…", "times": " × ", "product": " · ", "best": "<sup>*</sup>"}

WORDS = ("that", "what", "chat")
"""What ends in hat and wears none."""
_INDEX = (
    r"\{[^{}]*\}|\([^()]*\)|-?\|[^|]*\||[a-z]{2,}\([^()]*\)|-?\d+(?:\.\d+)?"
    r"|-?[A-Za-z]+\d*'?(?:_[A-Za-z0-9]+|\[[^\[\]]*\])?(?:,[A-Za-z0-9]+)*"
)
_BELOW = r"\{[^{}]*\}|\([^()]*\)|[A-Za-z0-9]+(?:,[A-Za-z0-9]+)*(?:~|'(?![a-z]))?"
_TOKEN = re.compile(
    rf"(?P<number>\d+\.?\d*(?:e[-+]?\d+)?)"
    rf"|(?P<code>[A-Za-z]{{3,}}(?:_[A-Za-z]{{3,}})+|[A-Za-z]{{2,}}'[a-z]+)"
    rf"|(?P<word>[A-Za-z]+(?:-[a-z]{{2,}})*~?)(?P<digits>\d*(?:\.\d+)*)"
    rf"|_(?P<below>{_BELOW})"
    rf"|(?:\^| ?\*\* ?)(?P<above>{_INDEX})"
    rf"|(?P<dots>[.]{{3}})"
    rf"|(?P<times>(?<=\d) x (?=\d))"
    rf"|(?P<product> [.] )"
    rf"|(?P<best>(?<=\b[QV])\*)"
    rf"|(?P<operator>->|<=|>=|!=|[-*]|'(?![a-z]))"
)


_ACCENTED = re.compile(r"([A-Za-z])(hat|bar|tilde|~)")
_NUMBER = re.compile(r"(?<![\w).&#;^-])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w-])")
_APART = re.compile(r"\b(d?[A-Za-z])_(hat|bar|tilde)(?![A-Za-z])")
_CODE = re.compile(r"`([^`]+)`")
_MINUS = re.compile(r"(?<=\s)-(?=\s)|(?<![\w)\]-])-(?=[A-Za-z])")
_POWER = re.compile(r"(?<=[\w)])\^(-?\w+)")


def formula(text: str) -> str:
    """HTML of a formula. Whatever is not recognised stands as it was written, escaped."""
    parts, end = [], 0
    text = _APART.sub(r"\1\2", text)
    for found in _TOKEN.finditer(text):
        parts += [esc(text[end : found.start()]), _set(found)]
        end = found.end()
    return "".join([*parts, esc(text[end:])])


def _set(found: re.Match[str]) -> str:
    kind, text = found.lastgroup, found[0]
    if found["number"]:
        return number_html(text)
    if found["word"]:
        return _word(found["word"], found["digits"], found.string[found.end() : found.end() + 1])
    if kind == "below":
        return f"<sub>{formula(_inside(found['below']))}</sub>"
    if kind == "above":
        return f"<sup>{formula(_inside(found['above']))}</sup>"
    return OPERATORS[text] if kind == "operator" else FIXED.get(str(kind), esc(text))


def _inside(index: str) -> str:
    return index[1:-1] if index[0] in "{(" and index[-1] in "})" else index


def _word(word: str, digits: str, following: str) -> str:
    if word + digits == "R2":
        return "<i>R</i><sup>2</sup>"  # the one name whose digit is a power
    start = "d" if word[0] == "d" and _letter(word[1:]) else ""
    letter = _letter(word.removeprefix(start))
    if letter:
        return f"<i>{start}{letter}</i>" + (f"<sub>{digits}</sub>" if digits else "")
    return SIGNS.get(word, SIGNS.get(f"{word}{following}", esc(word))) + digits


def _letter(word: str) -> str:
    """The letter that a word names: x, alpha, yhat; "" for other words."""
    accented = _ACCENTED.fullmatch(word)
    if accented and word not in WORDS:
        return accented[1] + ACCENTS[accented[2]]
    return word if len(word) == 1 else GREEK.get(word, "")


def number_html(text: str) -> str:
    """A number as it is printed: a true minus, powers of ten above the line."""
    mantissa, _, power = text.partition("e")
    if not power:
        return esc(text.replace("-", "−"))
    size = int(power)
    return f"{mantissa.replace('-', '−')}·10<sup>{str(size).replace('-', '−')}</sup>"


def with_code(text: str) -> str:
    """A sentence as HTML: what stands in backticks is code; outside it minus signs are true and powers are raised."""
    parts = _CODE.split(text)
    return "".join(f"<code>{esc(part)}</code>" if place % 2 else _numbers(part) for place, part in enumerate(parts))


def _numbers(text: str) -> str:
    plain = _NUMBER.sub(lambda found: number_html(found[0]), _MINUS.sub("−", esc(text)))
    return _POWER.sub(lambda found: f"<sup>{found[1].replace('-', '−')}</sup>", plain)


def with_minus(text: str) -> str:
    """A label of a drawing, which is no HTML: the numbers in it get true minus signs."""
    return _NUMBER.sub(lambda found: found[0].replace("-", "−"), text)
