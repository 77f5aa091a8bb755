"""Municipalities of a book beside each other with intervals, and the limits of their funnels."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.municipal_compare_public import public_profile
from kostnadsvekst.chapters.municipal_user_groups import compute_profile
from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal.comparison import intervals
from kostnadsvekst.municipal.comparison_findings import judged_limits
from kostnadsvekst.municipal.funnel_limits import funnel_limits
from kostnadsvekst.municipal.user_group_profile import KEYS
from kostnadsvekst.sources.municipal_book import MunicipalBook

Line = tuple[tuple[float, float, float], ...]
Spread = tuple[pd.DataFrame, Sequence[Line]]
_POINTS = 60


def spreads_of(book: MunicipalBook, *, publish: bool) -> tuple[str, list[Spread]]:
    """Comparisons of one's own municipality with the others in the last year.

    Parameters
    ----------
    book : MunicipalBook
        Of the kind ``compare``.
    publish : bool
        Whether only what the public profile shows is compared.

    Returns
    -------
    own : str
    spreads : list of (DataFrame, limits)
        Rows of one comparison each, those that tell one's own from the mean first, and of these the largest
        difference; limits of the funnel: by chance alone, and with overdispersion where there is any.
    """
    own = str(book.frame("own")["municipality"].iloc[0])
    profile = compute_profile(book).found
    if publish:
        profile = public_profile(profile)
    with warnings.catch_warnings():
        # What is left out is told by the comparison.
        warnings.simplefilter("ignore", DataWarning)
        # The limits that judge the findings: a stroke must not say what the sentence denies.
        sure = judged_limits(intervals(profile))
    year = int(sure.loc[sure["municipality"] == own, "year"].max())
    rows = sure[(sure["year"] == year) & sure["value"].notna()]
    found = [part.reset_index(drop=True) for _, part in rows.groupby(list(KEYS), sort=False)]
    drawn = [part for part in found if _can_be_drawn(part, own)]
    drawn.sort(key=lambda part: _distance(part, own))
    return own, [(part, _limits(part)) for part in drawn]


def _can_be_drawn(part: pd.DataFrame, own: str) -> bool:
    mine = part[part["municipality"] == own]
    return len(part) > 1 and bool(mine["low"].notna().any()) and bool(part["target"].notna().all())


def _distance(part: pd.DataFrame, own: str) -> tuple[bool, float]:
    """By which comparisons are ordered: those inside their interval last, large differences first."""
    mine = part[part["municipality"] == own].iloc[0]
    inside = bool(mine["low"] <= mine["mean"] <= mine["high"])
    return inside, -abs(float(mine["value"] / mine["mean"]) - 1) if mine["mean"] else 0.0


def _limits(part: pd.DataFrame) -> list[Line]:
    """Limits over the sizes of the municipalities: chance alone, then the widest with overdispersion."""
    known = part[part["value"].ne(0)]
    first = part.iloc[0]
    costs = first["method"] == "compound"
    sizes = (part["count"] if costs else part["denominator"]).to_numpy(dtype=float)
    if known.empty or not (sizes > 0).all():
        return []
    per = float((known["value"] / (known["numerator"] / known["denominator"])).median())
    target = float(first["target"]) / per
    phi, tau = (0.0 if np.isnan(first[name]) else float(first[name]) for name in ("phi", "tau"))
    counted = costs and not np.allclose(part["count"], part["denominator"])
    relative = float(first["spread"]) + counted if costs else 1.0
    at = np.geomspace(sizes.min() / 1.1, sizes.max() * 1.1, _POINTS)
    # The additive kind alone where there is one: both measure the same differences.
    wider = {"tau2": (tau / per) ** 2} if tau > 0 else {"phi": phi} if phi > 1 else None
    lines = []
    for used in ({}, *([wider] if wider else [])):
        found = funnel_limits(target, at, kind=str(first["method"]), relative=relative, **used)  # type: ignore[arg-type]
        ends = np.column_stack([at, per * found.low, per * found.high])
        lines.append(tuple(tuple(end) for end in ends[np.isfinite(ends).all(axis=1)].tolist()))
    return lines
