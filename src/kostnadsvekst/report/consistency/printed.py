"""Printed numbers: text, value, and every value that the text allows."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kostnadsvekst.report.consistency.intervals import Interval
from kostnadsvekst.report.consistency.periods import read_period

# Numbers below this many digits are read without doubt as floating point.
_MOST_DIGITS = 15
_BLANKS = re.compile(r"[\s\u00a0\u2009\u202f']")
_NUMBER = re.compile(r"-?(\d+([.,]\d*)?|[.,]\d+)")
_PERCENT = ("percent", "per cent", "prosent", "%", "pct")

# How far below and above the printed number the true one may lie, in steps: units of the last digit that is
# not zero, more or fewer of them as `_granted` says.
_EITHER, _MORE, _LESS, _NEARLY = (1.0, 1.0), (0.0, 0.5), (0.5, 0.0), (0.5, 0.5)
WORDINGS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(
        ("om lag", "rundt", "cirka", "ca.", "ca", "omtrent", "omkring", "about", "around", "roughly",
         "approximately", "some"),
        _EITHER,
    ),
    **dict.fromkeys(
        ("vel", "godt og vel", "i overkant av", "over", "drøyt", "drøye", "mer enn", "just over",
         "a little over", "more than", "well over"),
        _MORE,
    ),
    **dict.fromkeys(
        ("knapt", "snaut", "snaue", "i underkant av", "under", "nesten", "just under", "almost", "barely",
         "less than"),
        _LESS,
    ),
    **dict.fromkeys(("nærmest", "nearly", "close to"), _NEARLY),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Printed:
    """A number or a word as printed.

    Attributes
    ----------
    id : str
    place : str
        Where it stands: table and row, or section.
    text : str
        As printed; empty where the claim is a word.
    value : float
        NaN where the claim is a word.
    interval : Interval
        Every value that rounds to the text or that its wording allows.
    step : float
        Unit of the last printed digit.
    stars, unit, period, word, wording, quote : str
    running_text : bool
        Whether it stands in a sentence, where zeros at the end of a count need not be digits.
    decimal_mark : str
    bounded : bool
        Whether its interval was given and not read from the text.
    """

    id: str
    place: str
    text: str
    value: float
    interval: Interval
    step: float
    stars: str = ""
    unit: str = ""
    period: str = ""
    word: str = ""
    wording: str = ""
    quote: str = ""
    running_text: bool = False
    decimal_mark: str = ""
    bounded: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it has a value."""
        return not math.isnan(self.value)

    def printed_as(self, text: str) -> "Printed":
        """Return the same place with another number in it."""
        value, step = parse_number(text, self.decimal_mark)
        below, above = self.value - self.interval.low, self.interval.high - self.value
        if not self.bounded:
            below, above = spread(text, value, step, self.wording, self.running_text, self.unit)
        return replace(
            self, text=text, value=value, step=step, interval=Interval(value - below, value + above)
        )


def parse_number(text: str, decimal_mark: str = "") -> tuple[float, float]:
    """Value and unit of the last printed digit.

    Parameters
    ----------
    text : str
        With blanks or apostrophes between thousands, a hyphen or a real minus sign.
    decimal_mark : {"", ".", ","}
        Where it is given, the other mark separates thousands. Without it either mark is a decimal mark
        where the text has only one of them, once.

    Returns
    -------
    value : float
    step : float

    Raises
    ------
    ValueError
        If the text is no number, or has more digits than can be told apart.
    """
    plain = _BLANKS.sub("", text).replace("\u2212", "-").replace("–", "-").rstrip("%")
    if decimal_mark:
        plain = plain.replace("," if decimal_mark == "." else ".", "")
    elif "." in plain and "," in plain:
        thousands = "," if plain.rindex(".") > plain.rindex(",") else "."
        plain = plain.replace(thousands, "")
    if not _NUMBER.fullmatch(plain) or sum(c.isdigit() for c in plain) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is no number")
    plain = plain.replace(",", ".")
    return float(plain), 10.0 ** -len(plain.partition(".")[2])


def spread(
    text: str, value: float, step: float, wording: str, running_text: bool, unit: str
) -> tuple[float, float]:
    """How far below and above the printed value the true one may lie.

    Half a unit of the last printed digit; in running text half a unit of the last digit that is not zero,
    save for percentages; with a wording of `WORDINGS` what the word allows.
    """
    rounded, digit = _last_digit(value, step)
    if wording:
        below, above = WORDINGS[wording]
        coarse = rounded * _granted(value, rounded, digit)
        slack = 0.5 * step if below and above else 0.0
        return max(below * coarse, slack), max(above * coarse, slack)
    half = 0.5 * (rounded if running_text and not unit.startswith(_PERCENT) else step)
    return half, half


def _granted(value: float, rounded: float, digit: int) -> float:
    """How many units of the last digit that counts a wording grants.

    Two and a half where it is a 5 ("about 75": to the nearest 5). Half a unit where it is the only digit that
    counts ("about 20 000": 15 000 would round to it, 12 000 not).
    """
    if digit == 5 and rounded >= 1 and round(abs(value) / rounded) > 5:
        return 2.5
    return 0.5 if rounded >= 10 and round(abs(value) / rounded) < 10 else 1.0


def _last_digit(value: float, step: float) -> tuple[float, int]:
    """Find the unit of the last digit that is not zero, and that digit."""
    units = round(abs(value) / step)
    unit = step
    while units and units % 10 == 0:
        units, unit = units // 10, unit * 10
    return (unit, units % 10) if units else (step, 0)


def is_blank(value: object) -> bool:
    """Whether a field of a row holds nothing."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    return "" if is_blank(value) else str(value).strip()


def read_printed(row: Mapping[str, Any], *, running_text: bool, decimal_mark: str = "") -> Printed:
    """Read a row of cells or claims.

    Raises
    ------
    ValueError
        If the number, its bounds or its wording cannot be read; the message says what is wrong with it.
    """
    if isinstance(row.get("printed"), float) and not is_blank(row.get("printed")):
        raise ValueError("printed is a number, not text: its digits as printed are lost; read with dtype=str")
    text, wording, unit = (_text(row, column) for column in ("printed", "wording", "unit"))
    if wording and wording not in WORDINGS:
        raise ValueError(f"unknown wording {wording!r}; known: {', '.join(WORDINGS)}")
    if _text(row, "period") and read_period(_text(row, "period")) is None:
        raise ValueError(f"period {_text(row, 'period')!r}: write 2017, 2017-01 or 2015-2020")
    words = {c: _text(row, c) for c in ("id", "place", "stars", "period", "word", "quote")}
    value, step, interval, given = math.nan, math.nan, Interval(math.nan, math.nan), None
    if text:
        value, step = parse_number(text, decimal_mark)
        below, above = spread(text, value, step, wording, running_text, unit)
        given = _bounds(row, value)
        interval = given or Interval(value - below, value + above)
    elif not words["word"]:
        raise ValueError("neither a number (column printed) nor a word (column word)")
    return Printed(
        **words, text=text, value=value, interval=interval, step=step, unit=unit, wording=wording,
        running_text=running_text, decimal_mark=decimal_mark, bounded=given is not None,
    )  # fmt: skip


def _bounds(row: Mapping[str, Any], value: float) -> Interval | None:
    ends = [row.get("low"), row.get("high")]
    if all(map(is_blank, ends)):
        return None
    if any(map(is_blank, ends)):
        raise ValueError("low and high go together")
    try:
        low, high = (float(end) for end in ends)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ValueError(f"low and high are {ends[0]!r} and {ends[1]!r}: not numbers") from None
    if not low <= value <= high:
        raise ValueError(f"{value:g} is outside {low:g} to {high:g}")
    return Interval(low, high)
