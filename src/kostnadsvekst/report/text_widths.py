"""How wide a text is in print, and where it may be broken, without asking a program that sets it.

The widths are those of Computer Modern Roman (Knuth 1986, Computers and Typesetting, volume E), which LaTeX
uses unless told otherwise. The fonts that Typst and Word set tables in here are not wider.
"""

import re
import unicodedata
from functools import lru_cache

# Thousandths of the font size -> signs that are as wide, at ten points.
_CLASSES = {
    0: "\u200b\u2060\ufeff\xad",
    167: "\u2009",
    250: "\u202f",
    278: "!',.:;il'’‘`",
    306: "fj",
    333: " \xa0-‐\u2011",
    361: "I",
    389: "()t",
    392: "r",
    394: "s",
    444: "cez",
    472: "?",
    500: '$*/0123456789\\^ago~–“”"[]_{}|«»ø•†‡′²³¹',
    514: "J",
    528: "kqvxy",
    556: "Sbdhnpu",
    611: "Z",
    625: "L",
    653: "F",
    681: "EP",
    708: "B",
    722: "CTwæœ",
    736: "R",
    750: "AHNUVXY",
    764: "D",
    778: "&+=@KOQ<>−×±≤≥≠≈·Ø",
    785: "G",
    833: "#%m",
    903: "Æ",
    917: "M",
    1000: "—∞→",
    1028: "W",
    1200: "…",
}
_WIDTHS = {sign: width / 1000 for width, signs in _CLASSES.items() for sign in signs}
_UNKNOWN = 0.8
# Small sizes of the font are wider for their height: width of a digit over that at ten points.
_WIDER = {9: 1.028, 8: 1.0625, 7: 1.139, 6: 1.222, 5: 1.361}
# A piece without a place to break it that is longer than this is broken anyway.
_LONGEST_PIECE = 24
_BREAKS = re.compile(r"(?<=\S) +(?=\S)|(?:(?<=[^\W\d_][-–/])|(?<=[-–]/))(?=[^\W_])|(?<=_)(?=\w)")
_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]{2}")


def text_width(text: str, size: float) -> float:
    """Width of a text on one line, in points.

    Parameters
    ----------
    text : str
    size : float
        Of the font, in points.
    """
    return _width(text) * size * _WIDER.get(round(size), 1.0)


def pieces(text: str) -> list[tuple[str, str]]:
    """Pieces between which a line may end, each with what is printed behind it otherwise: a blank or nothing.

    Parameters
    ----------
    text : str
        A number, an interval, or anything else without a word is one piece.
    """
    if not _LETTERS.search(text):
        return [(text, "")]
    found, start = [], 0
    for match in _BREAKS.finditer(text):
        found.append((text[start : match.start()], " " if match.group() else ""))
        start = match.end()
    found.append((text[start:], ""))
    return [part for piece, glue in found for part in _cut(piece, glue)]


def unbroken(text: str) -> str:
    """Text that does not break where it is a number, an interval, or the like: its blanks hold.

    Parameters
    ----------
    text : str
    """
    return text if _LETTERS.search(text) or not _DIGIT.search(text) else text.replace(" ", "\xa0")


def is_broken(text: str) -> bool:
    """Whether a text may be broken at all.

    Parameters
    ----------
    text : str
    """
    return len(pieces(text)) > 1


def widest_piece(text: str, size: float) -> float:
    """Width of the widest piece that cannot be broken, in points.

    Parameters
    ----------
    text : str
    size : float
    """
    return max(text_width(piece, size) for piece, _ in pieces(text))


def wrap(text: str, width: float, size: float) -> list[str]:
    """Lines of a text, none wider than allowed unless a single piece is.

    Parameters
    ----------
    text : str
    width, size : float
        In points.
    """
    lines, line, glue = [], "", ""
    for piece, behind in pieces(text):
        longer = line + glue + piece
        # A hair, so that the width that the text itself has is enough for it.
        if line and text_width(longer, size) > width + 1e-6:
            lines.append(line)
            longer = piece
        line, glue = longer, behind
    return [*lines, line]


def _cut(piece: str, glue: str) -> list[tuple[str, str]]:
    parts = [piece[i : i + _LONGEST_PIECE] for i in range(0, len(piece), _LONGEST_PIECE)] or [""]
    return [*((part, "") for part in parts[:-1]), (parts[-1], glue)]


@lru_cache(maxsize=1 << 14)
def _width(text: str) -> float:
    return sum(_sign_width(sign) for sign in text)


@lru_cache(maxsize=1 << 12)
def _sign_width(sign: str) -> float:
    if sign in _WIDTHS:
        return _WIDTHS[sign]
    base = unicodedata.normalize("NFD", sign)[0]
    if unicodedata.combining(sign):
        return 0.0
    return 1.0 if sign == "\u2003" else _WIDTHS.get(base, _UNKNOWN)
