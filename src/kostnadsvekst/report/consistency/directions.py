"""Words for rising, falling and staying, in Norwegian and English."""

from kostnadsvekst.report.consistency.intervals import Interval
from kostnadsvekst.report.consistency.printed import Printed

_UP = ("øker", "økt", "økte", "økning", "vekst", "vokser", "vokst", "økende", "stiger", "steg", "oppgang",
       "increase", "increases", "increased", "growth", "rise", "rises", "rose", "up")  # fmt: skip
_DOWN = ("faller", "falt", "fall", "fallende", "reduksjon", "nedgang", "synker", "avtar", "lav vekst",
         "decrease", "decreases", "decreased", "reduction", "falls", "fell", "down")  # fmt: skip
_STABLE = ("stabil", "stabilt", "konstant", "uendret", "stable", "constant", "unchanged", "no growth",
           "ingen økning")  # fmt: skip
DIRECTIONS = {**dict.fromkeys(_UP, 1), **dict.fromkeys(_DOWN, -1), **dict.fromkeys(_STABLE, 0)}


def signed(item: Printed) -> Interval:
    """Interval of a change: "a reduction of 9 per cent" (word "reduksjon") is −9.

    A level has no such word, and a change that is printed with its sign needs none.
    """
    falls = DIRECTIONS.get(item.word, 0) < 0 and item.value > 0
    return item.interval.scale(-1) if falls else item.interval
