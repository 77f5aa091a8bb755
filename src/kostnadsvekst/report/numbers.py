"""Numbers on paper, the Norwegian and the English way.

Norwegian: comma before decimals, thin space between thousands. English: point and comma. Both: a real
minus sign. Missing values are shown by Statistics Norway's symbols.
"""

import math
from decimal import ROUND_HALF_EVEN, Decimal

NARROW_SPACE = "\u202f"
MINUS = "\u2212"
# Statistics Norway's standard symbols in tables.
NOT_APPLICABLE = "."
MISSING = ".."
CONFIDENTIAL = ":"
ZERO = "-"

_LATEX = {NARROW_SPACE: r"\,", MINUS: "$-$"}
INFINITY = "∞"


def format_number(value: float | None, decimals: int, lang: str = "nb", medium: str = "text") -> str:
    """Write a number with fixed decimals.

    Parameters
    ----------
    value : float or None
        None and NaN give ``..``, the symbol of a missing number; infinity is its sign.
    decimals : int
    lang : {"nb", "en"}
    medium : {"text", "latex"}
        ``"latex"`` replaces the thin space and the minus sign by commands that every engine knows.

    Examples
    --------
    >>> format_number(-1180.77, 3, "en")
    '−1,180.770'
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return _infinite(value, medium)
    number = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
    text = f"{abs(number):,.{decimals}f}"
    if lang == "nb":
        text = text.translate({ord(","): NARROW_SPACE, ord("."): ","})
    if number < 0:
        text = MINUS + text
    return for_latex(text) if medium == "latex" else text


def compare_p(p: float, lang: str, decimals: int = 3) -> str:
    """Write a p value behind its letter, as in ``p < 0.001``: it is never printed as zero.

    Parameters
    ----------
    p : float
    lang : {"nb", "en"}
    decimals : int

    Examples
    --------
    >>> compare_p(0.0004, "nb"), compare_p(0.048, "en")
    ('p < 0,001', 'p = 0.048')
    """
    least = 10.0**-decimals
    below = p < least
    return f"p {'<' if below else '='} {format_number(least if below else p, decimals, lang)}"


def _infinite(value: float, medium: str) -> str:
    sign = MINUS if value < 0 else ""
    return f"${'-' if sign else ''}\\infty$" if medium == "latex" else sign + INFINITY


def for_latex(text: str) -> str:
    """Replace the thin space and the minus sign by LaTeX commands."""
    for character, command in _LATEX.items():
        text = text.replace(character, command)
    return text


def significance_stars(p_value: float) -> str:
    """Stars of a two-sided p value: * below 0.05, ** below 0.01, *** below 0.001 (table A3's note)."""
    return "*" * sum(p_value < limit for limit in (0.05, 0.01, 0.001))
