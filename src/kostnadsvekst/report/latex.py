r"""Any text for LaTeX, so that every engine prints what stands there, with the packages of the table alone.

pdflatex without further packages has Knuth's fonts (OT1): there ``<`` prints as an inverted exclamation mark,
``|`` as a dash, and most letters beyond English stop the run. What those fonts lack is taken from the
T1 fonts, which LaTeX knows from the start; a character that nobody knows is shown by its number.
"""

import re
import unicodedata
from functools import reduce
from itertools import pairwise

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho sigma tau upsilon"
_LETTERS = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", f"{_GREEK} phi chi psi omega".split(), strict=True))
_MATH = {
    **{letter: f"\\{name}" for letter, name in _LETTERS.items()},
    "ο": "o",
    "ϕ": r"\phi",
    "ς": r"\varsigma",
    **{capital: f"\\{_LETTERS[capital.lower()].capitalize()}" for capital in "ΓΔΘΛΞΠΣΥΦΨΩ"},
    # The others look like Roman ones.
    **{greek: rf"\mathrm{{{roman}}}" for greek, roman in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)},
    "<": "<",
    ">": ">",
    "−": "-",
    "∞": r"\infty",
    "×": r"\times",
    "·": r"\cdot",
    "±": r"\pm",
    "∓": r"\mp",
    "÷": r"\div",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "≡": r"\equiv",
    "∼": r"\sim",
    "∝": r"\propto",
    "→": r"\to",
    "←": r"\leftarrow",
    "↔": r"\leftrightarrow",
    "⇒": r"\Rightarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "∈": r"\in",
    "∑": r"\sum",
    "∏": r"\prod",
    "√": r"\surd",
    "∂": r"\partial",
    "∆": r"\Delta",
    "∩": r"\cap",
    "∪": r"\cup",
    "¬": r"\neg",
    "°": r"^\circ",
    "⁰": "^0",
    "¹": "^1",
    "²": "^2",
    "³": "^3",
    "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}",
    "¾": r"\frac{3}{4}",
    "⅓": r"\frac{1}{3}",
    "⅔": r"\frac{2}{3}",
    "µ": r"\mu",
    "†": r"\dagger",
    "‡": r"\ddagger",
    "•": r"\bullet",
    "∗": r"\ast",
    "ª": r"^{\mathrm{a}}",
    "º": r"^{\mathrm{o}}",
    "′": "'",
    "″": "''",
    **{digit: f"^{value}" for value, digit in enumerate("⁴⁵⁶⁷⁸⁹", 4)},
    **{digit: f"_{value}" for value, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")},
}
_TEXT = {c: "\\" + c for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "|": r"\textbar{}",
    '"': r"\texttt{\char34}",
    "`": r"\`{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "–": "--",
    "—": "---",
    "‐": "-",
    "\u2011": r"\mbox{-}",
    "…": r"\ldots{}",
    "\xa0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "\u2002": r"\enspace{}",
    "\u2003": r"\quad{}",
    "\xad": r"\-",
    "\u200b": "",
    "\u2060": "",
    "\ufeff": "",
    "§": r"\S{}",
    "¶": r"\P{}",
    "£": r"\pounds{}",
    "©": r"\copyright{}",
    "®": r"\textregistered{}",
    "™": r"\texttrademark{}",
    "¡": "!`",
    "¿": "?`",
    "ß": r"\ss{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "ȷ": r"\j{}",
    "€": r"\texteuro{}",
    "¥": r"\textyen{}",
    "¢": r"\textcent{}",
    "´": r"\'{}",
    "¨": r"\"{}",
    "¸": r"\c{}",
    "⁄": "/",
    "ŧ": r"\makebox[0pt][l]{-}t",
    "Ŧ": r"\makebox[0pt][l]{\kern.05em-}T",
    **dict.fromkeys("\ufe0e\ufe0f", ""),
    # Every LaTeX since 2018 reads these as they stand, and people read them too.
    **{letter: letter for letter in "æøåÆØÅ"},
}
_T1 = {
    "đ": r"\dj",
    "Đ": r"\DJ",
    "ð": r"\dh",
    "Ð": r"\DH",
    "þ": r"\th",
    "Þ": r"\TH",
    "ŋ": r"\ng",
    "Ŋ": r"\NG",
    "ą": r"\k{a}",
    "Ą": r"\k{A}",
    "ę": r"\k{e}",
    "Ę": r"\k{E}",
    "«": r"\guillemotleft",
    "»": r"\guillemotright",
    "‹": r"\guilsinglleft",
    "›": r"\guilsinglright",
    "„": r"\quotedblbase",
    "‚": r"\quotesinglbase",
}
_ACCENTS = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0306": r"\u",
    "\u0307": r"\.",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u030b": r"\H",
    "\u030c": r"\v",
    "\u0323": r"\d",
    # The comma below, of Romanian, as the cedilla.
    "\u0326": r"\c",
    "\u0327": r"\c",
    "\u0331": r"\b",
}
_HATS = {"\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar", "\u0307": r"\dot"}
# Signs that print as one where they stand together.
_LIGATURES = {"--", "''", ",,", "``", "!`", "?`"}
_ABOVE = 230
_MINUS_INFINITY = "−∞"
_CLUSTER = re.compile(rf"{_MINUS_INFINITY}|.[\u0300-\u036f]*", re.DOTALL)
_SLUG = {"æ": "ae", "ø": "o", "đ": "d", "ŧ": "t", "ŋ": "n"}


def escape_latex(text: str) -> str:
    """Write a text so that LaTeX prints it, whatever signs it has.

    Parameters
    ----------
    text : str
        Line breaks and other control characters become spaces.
    """
    # Letters with the accents behind them, and infinity with its sign in one formula.
    clusters = _CLUSTER.findall(unicodedata.normalize("NFC", text))
    parts = [_written(cluster) for cluster in clusters]
    for place, (left, right) in enumerate(pairwise(parts)):
        if left[-1:] + right[:1] in _LIGATURES:
            parts[place] += "{}"
    return "".join(parts)


def escape_row_start(text: str) -> str:
    r"""As `escape_latex`, of a text behind ``\\`` or a rule, which take ``[`` and ``*`` for their own."""
    return re.sub(r"^(?=\s*[\[*])", "{}", escape_latex(text))


def label_slug(name: str) -> str:
    r"""Write a name for ``\label``: English letters, digits and hyphens."""
    plain = "".join(_SLUG.get(c, c) for c in unicodedata.normalize("NFKD", name.replace("Ø", "O")))
    plain = plain.replace("Æ", "Ae").encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-") or "table"


def _written(cluster: str) -> str:
    character, marks = cluster[0], cluster[1:]
    if cluster == _MINUS_INFINITY:
        return r"$-\infty$"
    if marks and character in _MATH and all(mark in _HATS for mark in marks):
        return f"${reduce(lambda inner, mark: f'{_HATS[mark]}{{{inner}}}', marks, _MATH[character])}$"
    if marks:
        return _accented(cluster) or "".join(_written(one) for one in cluster)
    if character in _TEXT:
        return _TEXT[character]
    if character in _T1:
        return rf"{{\fontencoding{{T1}}\selectfont{_T1[character]}}}"
    if character in _MATH:
        return f"${_MATH[character]}$"
    if character.isascii():
        return character if character.isprintable() else " "
    return _accented(character) or _compatible(character) or f"[U+{ord(character):04X}]"


def _accented(cluster: str) -> str:
    """Write a letter with accents that OT1 can set."""
    base, *marks = list(unicodedata.normalize("NFD", cluster))
    if not marks or not base.isascii() or not all(mark in _ACCENTS for mark in marks):
        return ""
    above = unicodedata.combining(marks[0]) == _ABOVE
    text = {"i": r"\i", "j": r"\j"}.get(base, _written(base)) if above else _written(base)
    for mark in marks:
        text = f"{_ACCENTS[mark]}{{{text}}}"
    return text


def _compatible(character: str) -> str:
    """Write what Unicode says is as good: ligatures, wide letters, other spaces."""
    if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    other = unicodedata.normalize("NFKC", character)
    return escape_latex(other) if other != character and len(other) < 5 else ""
