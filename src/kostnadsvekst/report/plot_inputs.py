"""What plots take: results under their headings, whose outcome, origin and interval stand on the picture."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import LANGUAGES, Bilingual, both, translate
from kostnadsvekst.models.results import Result
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.look import COLOURS, MARKERS
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.term_labels import term_label

Floats = NDArray[np.float64]
Kind = TypeVar("Kind")

# Each colour once filled, once hollow.
MOST_SERIES = 2 * len(COLOURS)
# Of the share of an interval's own numbers that recomputing them may differ by: rounding.
_SAME = 1e-6


def headed(values: Any, kind: type[Kind], what: str) -> dict[str | Bilingual, Kind]:
    """Read one value, a sequence or a mapping of heading to value.

    Parameters
    ----------
    values : object
    kind : type
        What each must be.
    what : str
        How to get one, for the message.

    Returns
    -------
    dict
        Heading -> value; numbered where there are no headings, without a heading where there is one value.

    Raises
    ------
    SpecificationError
        If there is none, too many to be told apart, or something is of another kind; all such are named.
    """
    if isinstance(values, kind):
        return {"": values}
    if not isinstance(values, Mapping | Sequence) or isinstance(values, str):
        raise SpecificationError(f"{type(values).__name__} cannot be drawn: pass {what}, or several by name")
    named = values if isinstance(values, Mapping) else {f"({k})": v for k, v in enumerate(values, 1)}
    wrong = [
        f"{name!s} is {type(value).__name__}" for name, value in named.items() if not isinstance(value, kind)
    ]
    if wrong:
        raise SpecificationError(f"cannot be drawn: {', '.join(wrong)}; pass {what}")
    if not 0 < len(named) <= MOST_SERIES:
        raise SpecificationError(
            f"{len(named)} of them: one to {MOST_SERIES} can be told apart on a picture; draw fewer"
        )
    return dict(named)


def check_lang(lang: str) -> None:
    """Refuse a language that no text is written in.

    Raises
    ------
    SpecificationError
    """
    if lang not in LANGUAGES:
        raise SpecificationError(f"unknown language {lang!r}; known: {', '.join(LANGUAGES)}")


def check_count(count: int, what: str) -> None:
    """Refuse a number of rows that is none.

    Raises
    ------
    SpecificationError
    """
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise SpecificationError(f"count is how many {what} are shown, 1 or more, not {count!r}")


def series_look(number: int) -> dict[str, Any]:
    """Colour and marker of a series; from the sixth on hollow."""
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    hollow = number >= len(COLOURS)
    return {"color": colour, "marker": marker, "markerfacecolor": "white" if hollow else colour}


def common_origin(results: Sequence[Result]) -> Provenance:
    """Origin of what is drawn together: one synthetic part makes the whole synthetic."""
    origins = [result.facts.provenance for result in results]
    return next((origin for origin in origins if origin.synthetic), origins[0])


def outcome_of(results: Sequence[Result]) -> Bilingual:
    """Outcome of results that are drawn on one axis.

    Raises
    ------
    SpecificationError
        If they have different ones.
    """
    outcomes = list(dict.fromkeys(result.facts.outcome for result in results))
    if len(outcomes) > 1:
        listed = ", ".join(map(repr, outcomes))
        raise SpecificationError(f"different outcomes on one axis: {listed}; draw a picture of each")
    return results[0].facts.labels.get(outcomes[0], term_label(outcomes[0]))


def interval_words(level: float) -> Bilingual:
    """Name an interval: it is nominal, since how often it covers was not simulated here."""
    decimals = next(d for d in (0, 1, 2, 3) if abs(round(100 * level, d) - 100 * level) < 1e-9 or d == 3)
    nb, en = (format_number(100 * level, decimals, lang) for lang in ("nb", "en"))
    return Bilingual(f"nominelt {nb} %-intervall", f"nominal {en}% interval")


def check_level(level: float) -> None:
    """Refuse what is no level of an interval.

    Raises
    ------
    SpecificationError
    """
    if not (isinstance(level, int | float) and 0 < level < 1):
        raise SpecificationError(f"the level of an interval is between 0 and 1, such as 0.95, not {level!r}")


def intervals_of(name: str, result: Result, level: float) -> pd.DataFrame:
    """Estimates with intervals at a level.

    Parameters
    ----------
    name : str
        Of the result, for the message.
    result : Result
    level : float

    Returns
    -------
    DataFrame
        Over the terms: ``estimate``, ``std_error``, ``conf_low``, ``conf_high``.

    Raises
    ------
    SpecificationError
        At another level than 0.95, if the result's intervals are not estimate plus and minus standard errors
        (a bootstrap's): what they would be is not known.
    """
    frame = result.coefficients[["estimate", "std_error", "conf_low", "conf_high"]]
    if level == 0.95:
        return frame
    half = _quantile(0.95, result.df) * frame["std_error"]
    known = frame["std_error"].notna() & frame["conf_high"].notna()
    off = (frame["conf_high"] - frame["estimate"] - half).abs()[known]
    if (off > _SAME * half[known].abs()).any():
        raise SpecificationError(
            f"the intervals of {name or 'this result'} are not made of standard errors and are known at the "
            "level 0.95 only: draw that"
        )
    half = _quantile(level, result.df) * frame["std_error"]
    return frame.assign(conf_low=frame["estimate"] - half, conf_high=frame["estimate"] + half)


def _quantile(level: float, df: float | Floats) -> Any:
    """Find the standard errors on each side of an interval: t distribution, or the normal."""
    freedom = np.asarray(df, dtype=float)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(freedom), ndtri((1 + level) / 2), stdtrit(freedom, (1 + level) / 2))


def written(text: str | Bilingual, lang: str) -> str:
    """Return a text in one language."""
    return translate(text if isinstance(text, Bilingual) else both(text), lang)
