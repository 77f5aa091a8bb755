"""Findings: sentences made of the numbers of a comparison, in both languages, that cannot contradict them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.given_numbers import number_faults, year_faults
from kostnadsvekst.municipal.user_group_inputs import require_frame
from kostnadsvekst.municipal.user_group_terms import ALL, GROUPS, MEASURES, PROVISIONS, service_label
from kostnadsvekst.naming import first_of, nearest_names, require_columns
from kostnadsvekst.provenance import provenance_of

__all__ = [
    "BASES",
    "INSEPARABLE",
    "LIMITS",
    "VERDICTS",
    "Beside",
    "fewest_decimals",
    "findings",
    "judged_limits",
    "verdict",
]

# Least difference from the mean, per cent of it, for each word; the conventions are ours.
LIMITS: Mapping[str, float] = {"svakt": 0.0, "noe": 5.0, "tydelig": 15.0, "vesentlig": 30.0}
INSEPARABLE = "kan ikke skilles fra snittet"
VERDICTS: Mapping[str, Bilingual] = {
    "svakt": Bilingual("svakt", "weak"),
    "noe": Bilingual("noe", "some"),
    "tydelig": Bilingual("tydelig", "clear"),
    "vesentlig": Bilingual("vesentlig", "substantial"),
    INSEPARABLE: Bilingual(INSEPARABLE, "cannot be told from the mean"),
}
# What is in the limits that a value is judged by, as it is told beside them.
BASES: Mapping[str, Bilingual] = {
    "": Bilingual("", ""),
    "overdispersed": Bilingual("med overspredning", "with overdispersion"),
    "chance": Bilingual("av tilfeldighet alene", "of chance alone"),
}
_OVERDISPERSED = ("low_overdispersed", "high_overdispersed")
_KEYS = ("municipality", "year", "group", "age", "service", "provision", "measure")
_NUMBERS = ("value", "mean", "low", "high")
_MOST_DECIMALS = 9
_SHARES = frozenset(m.code for m in MEASURES.values() if m.kind == "share")
_AGES = {
    "0-17": Bilingual("0–17 år", "aged 0–17"),
    "18-67": Bilingual("18–67 år", "aged 18–67"),
    "80+": Bilingual("80 år og over", "aged 80 and above"),
}


@dataclass(frozen=True, slots=True)
class Beside:
    """A value beside the mean.

    Attributes
    ----------
    value, mean, low, high : float
        In the unit of the measure; `low` and `high` bound the value.
    """

    value: float
    mean: float
    low: float
    high: float

    @property
    def percent(self) -> float:
        """Difference from the mean, per cent of its size."""
        return 100.0 * (self.value - self.mean) / abs(self.mean)


def verdict(one: Beside, limits: Mapping[str, float]) -> str:
    """Word for a difference; empty if it is below the least limit.

    Parameters
    ----------
    one : Beside
    limits : mapping of str to float
        As `LIMITS`, increasing.

    Returns
    -------
    str
        `INSEPARABLE` where the mean lies in the interval, limits included.
    """
    if one.low <= one.mean <= one.high:
        return INSEPARABLE
    reached = [word for word, limit in limits.items() if abs(one.percent) >= limit]
    return reached[-1] if reached else ""


def fewest_decimals(numbers: Sequence[float], least: int) -> int | None:
    """Fewest decimals with which rounded numbers lie to one another as the numbers do.

    Parameters
    ----------
    numbers : sequence of float
    least : int

    Returns
    -------
    int or None
        None if no number of decimals up to nine does.
    """
    orders = _orders(numbers)
    for decimals in range(least, _MOST_DECIMALS + 1):
        if _orders([round(x, decimals) for x in numbers]) == orders:
            return decimals
    return None


def _orders(numbers: Sequence[float]) -> list[int]:
    return [(a > b) - (a < b) for k, a in enumerate(numbers) for b in numbers[k + 1 :]]


def findings(profile: pd.DataFrame, thresholds: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Say in words how each value of a profile lies to the mean, and how sure that is.

    Parameters
    ----------
    profile : DataFrame
        From `comparison.intervals`: the profile of `user_groups.profile` with ``low`` and ``high``, and
        ``low_overdispersed`` and ``high_overdispersed``, which judge where they are there.
    thresholds : mapping of str to float, optional
        ``"svakt"``, ``"noe"``, ``"tydelig"``, ``"vesentlig"`` -> least difference from the mean, per cent of
        the mean, increasing; ``"svakt"`` may be left out and is then 0. Default: 0, 5, 15 and 30.

    Returns
    -------
    DataFrame
        ``municipality, year, group, age, service, provision, measure, text_nb, text_en, verdict``, one row
        for each row of the profile that can be judged, in its order. ``verdict`` is one of the four words, or
        ``"kan ikke skilles fra snittet"`` where the mean lies in the interval: that with overdispersion where
        it is known, and the sentence says so (`judged_limits`). ``attrs["left_out"]`` names
        the others: hidden or without interval, a mean of zero, a difference below the least limit.

    Raises
    ------
    InvalidDataError
        All faults together: values outside their intervals, infinite numbers, measures that are not known,
        rows that stand twice.
    SpecificationError
        Limits that are unknown, lack, or do not increase.
    DataMissingError
        Columns that lack.

    Notes
    -----
    Numbers are rounded to the fewest decimals with which value, mean and interval lie to one another as they
    do unrounded, and per cents to the fewest with which they lie on their side of the limits. The difference
    of a share is told in percentage points of the shown numbers, its word follows the per cent of the mean as
    for all measures. The limits are assumed: no source states any.
    """
    limits = _read_limits(LIMITS if thresholds is None else thresholds)
    require_frame(profile, "profile")
    require_columns([*_KEYS, *_NUMBERS], profile.columns)
    judged = judged_limits(profile).reset_index(drop=True)
    # Missing numbers are one, whatever stands for them.
    filled = {name: judged[name].astype(object).where(judged[name].notna(), math.nan) for name in _NUMBERS}
    records = judged.assign(**filled).to_dict("records")
    _refuse_faults(profile, records)
    told_level = profile.attrs.get("level")
    level = float(told_level) if isinstance(told_level, Real) else None
    rows: list[tuple[Any, ...]] = []
    left_out: list[str] = []
    for record in records:
        why = _not_judged(record)
        made = None if why else _finding({str(k): v for k, v in record.items()}, limits, level)
        if isinstance(made, tuple):
            rows.append((*(record[key] for key in _KEYS), *made))
        else:
            left_out.append(f"{_where(record)}: {why or made}")
    found = pd.DataFrame(rows, columns=[*_KEYS, "text_nb", "text_en", "verdict"])
    told = {"limits_percent": limits, "left_out": left_out}
    found.attrs = {**told, "provenance": provenance_of(profile).to_attrs()}
    return found


def judged_limits(profile: pd.DataFrame) -> pd.DataFrame:
    """Give each row of a profile the limits that it is judged by.

    Parameters
    ----------
    profile : DataFrame
        As `findings` takes it.

    Returns
    -------
    DataFrame
        As `profile`; ``low`` and ``high`` are those with overdispersion where they are known, and ``basis``
        is a key of `BASES`: ``"overdispersed"`` where they are wider than chance alone makes them,
        ``"chance"`` where the overdispersion is not known, empty where there is none, where it is measured
        in the limits (costs), and where the profile does not tell.

    Notes
    -----
    Municipalities differ by more than chance: two of three limits of chance alone hold the mean where the
    variance is four times as large, so that every third would be called different (``coverage_counts.csv``).
    """
    if not set(_OVERDISPERSED) <= set(profile.columns):
        return profile.assign(basis="")
    low, high = (profile[name] for name in _OVERDISPERSED)
    known = low.notna() & high.notna()
    wider = known & (low.ne(profile["low"]) | high.ne(profile["high"]))
    chance = ~known & profile["low"].notna()
    return profile.assign(
        low=profile["low"].mask(known, low),
        high=profile["high"].mask(known, high),
        basis=np.select([wider.to_numpy(bool), chance.to_numpy(bool)], ["overdispersed", "chance"], ""),
    )


def _where(record: Mapping[Any, Any]) -> str:
    return ", ".join(str(record[key]) for key in _KEYS)


def _read_limits(thresholds: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(thresholds, Mapping):
        raise SpecificationError(f"thresholds= maps words to per cent, not a {type(thresholds).__name__}")
    words = list(LIMITS)
    unknown = [str(word) for word in thresholds if word not in words]
    faults = [f"{nearest_names(unknown, words)} is no word; they are {', '.join(words)}"] if unknown else []
    given = {"svakt": 0.0, **thresholds}
    for word in words:
        faults += number_faults(f"the limit of {word!r}, per cent,", given.get(word), least=0)
    numbers = [float(given[word]) for word in words] if not faults else []
    if any(b <= a for a, b in pairwise(numbers)):
        faults.append(f"the limits of {', '.join(words)} increase; they are {numbers}")
    if faults:
        raise SpecificationError(f"thresholds: {'; '.join(faults)}")
    return dict(zip(words, numbers, strict=True))


def _refuse_faults(profile: pd.DataFrame, records: Sequence[Mapping[Any, Any]]) -> None:
    faults = year_faults("profile: year", profile["year"].unique())
    for record in records:
        if record["measure"] not in MEASURES:
            faults.append(
                f"{_where(record)}: {nearest_names([str(record['measure'])], MEASURES)} is no measure"
            )
        numbers = {name: record[name] for name in _NUMBERS}
        wrong = [n for n, v in numbers.items() if not isinstance(v, Real) or math.isinf(v)]
        if wrong:
            faults.append(f"{_where(record)}: {', '.join(wrong)} must be finite numbers, or missing")
        elif numbers["value"] < numbers["low"] or numbers["value"] > numbers["high"]:
            told = f"{numbers['value']:g} is outside {numbers['low']:g} to {numbers['high']:g}"
            faults.append(f"{_where(record)}: {told}; give the profile as comparison.intervals made it")
    again = profile[profile.duplicated(list(_KEYS))]
    faults += [f"{_where(r)}: stands twice" for r in again.to_dict("records")]
    if faults:
        raise InvalidDataError(f"findings: {len(faults)} fault(s)", first_of(faults))


def _not_judged(record: Mapping[Any, Any]) -> str:
    if any(math.isnan(record[name]) for name in _NUMBERS):
        return "hidden, or without mean or interval"
    return "the mean is zero, nothing is a per cent of it" if record["mean"] == 0 else ""


def _finding(
    record: Mapping[str, Any], limits: Mapping[str, float], level: float | None
) -> tuple[str, str, str] | str:
    """Both sentences and the verdict, or why there are none."""
    one = Beside(*(float(record[name]) for name in _NUMBERS))
    word = verdict(one, limits)
    if not word:
        return f"differs by less than {limits['svakt']:g} per cent"
    texts = [_sentence(record, one, word, limits, level, lang) for lang in ("nb", "en")]
    if None in texts:
        return "differs by less than nine decimals show"
    return str(texts[0]), str(texts[1]), word


def _sentence(
    record: Mapping[str, Any],
    one: Beside,
    word: str,
    limits: Mapping[str, float],
    level: float | None,
    lang: str,
) -> str | None:
    """Write the sentence of a value beside the mean; None if no rounding keeps the order of its numbers."""
    decimals = fewest_decimals([one.value, one.mean, one.low, one.high], _least_decimals(one))
    percent = _shown_percent(abs(one.percent), limits)
    if decimals is None or percent is None:
        return None
    value, mean, low, high = (_number(x, decimals, lang) for x in (one.value, one.mean, one.low, one.high))
    head = f"{_subject(record, lang)}: {value} {MEASURES[str(record['measure'])].unit.get(lang)}"
    to, nb = _words(lang, "til", "to"), lang == "nb"
    interval = f"{_interval(level, str(record['basis']), lang)} {low} {to} {high}"
    if word == INSEPARABLE:
        told = f"Tallet {INSEPARABLE}" if nb else f"It {VERDICTS[word].en}"
        return f"{head}, {interval}. {told}, {mean}."
    if record["measure"] in _SHARES:
        points = abs(round(one.value, decimals) - round(one.mean, decimals))
        difference = f"{_number(points, decimals, lang)} {_words(lang, 'prosentpoeng', 'percentage points')}"
    else:
        difference = f"{percent.replace('.', ',') if nb else percent} {_words(lang, 'prosent', 'per cent')}"
    where = _words(lang, "over", "above") if one.value > one.mean else _words(lang, "under", "below")
    beside = f"{difference} {where} {_words(lang, 'snittet på', 'the mean of')} {mean}"
    told = f"{_words(lang, 'Forskjell', 'Difference')}: {VERDICTS[word].get(lang)}"
    return f"{head}, {beside}; {interval}. {told}."


def _words(lang: str, nb: str, en: str) -> str:
    return nb if lang == "nb" else en


def _interval(level: float | None, basis: str, lang: str) -> str:
    word = _words(lang, "intervall", "interval")
    told = f"{word} {BASES[basis].get(lang)}" if basis else word
    if level is None:
        return told
    shown = f"{100 * level:.10g}"
    return f"{shown.replace('.', ',')} prosent {told}" if lang == "nb" else f"{shown} per cent {told}"


def _subject(record: Mapping[str, Any], lang: str) -> str:
    group = str(record["group"])
    parts = [GROUPS[group].get(lang)] if group in GROUPS else []
    if record["service"] != ALL:
        parts.append(service_label(str(record["service"])).get(lang))
    if record["provision"] != ALL and record["provision"] in PROVISIONS:
        parts.append(PROVISIONS[str(record["provision"])].get(lang).lower())
    if record["age"] in _AGES:
        parts.append(_AGES[str(record["age"])].get(lang))
    inside = f" ({'; '.join(parts)})" if parts else ""
    measure = MEASURES[str(record["measure"])].label.get(lang)
    return f"{record['municipality']} {int(float(record['year']))}, {measure}{inside}"


def _least_decimals(one: Beside) -> int:
    """Three digits of the largest number, none behind the comma of thousands."""
    size = max(abs(one.value), abs(one.mean))
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3


def _shown_percent(percent: float, limits: Mapping[str, float]) -> str | None:
    """Per cent with the fewest decimals that keep it on its side of the limits."""
    for decimals in range(0 if percent >= 10 else 1, _MOST_DECIMALS + 1):
        shown = round(percent, decimals)
        sides = [(percent >= limit) == (shown >= limit) for limit in limits.values()]
        if all(sides) and (shown > 0 or percent == 0):
            return f"{shown:.{decimals}f}"
    return None


def _number(value: float, decimals: int, lang: str) -> str:
    """Write a number with separators of the language; no negative zero."""
    shown = f"{float(np.round(value, decimals)) + 0.0:,.{decimals}f}"
    if lang == "en":
        return shown.replace("-", "−")
    return shown.replace(",", "\u00a0").replace(".", ",").replace("-", "−")
