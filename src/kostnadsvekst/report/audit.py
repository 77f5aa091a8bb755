"""The audit: each printed number of the report against ours.

A number agrees when it differs from the printed one by at most half a unit of the last printed digit. On
synthetic data agreement only shows that the calibration worked, so the verdict is ``calibrated``, never one
that could be read as a reproduction.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.tables import html_page
from kostnadsvekst.sources.embedded import embedded_path

COLUMNS = (
    "table",
    "row",
    "column",
    "published",
    "ours",
    "second_opinion",
    "difference",
    "tolerance",
    "verdict",
    "origin",
    "reason",
)
EXACT, ROUNDS, CALIBRATED, DIFFERS, NOT_ATTEMPTED = (
    "exact",
    "rounds",
    "calibrated",
    "differs",
    "not attempted",
)
AGREEING = (EXACT, ROUNDS, CALIBRATED)
# Two engines that solve the same equations in another order agree to this relative difference.
ENGINES_AGREE = 1e-8
NO_STARS = "none"
# Digits shown behind the printed ones: enough to see how close, too few to show rounding of the machine.
_FURTHER_DIGITS = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Item:
    """A printed number or label and what we and the second engine have for it.

    Attributes
    ----------
    table, row, column : str
        Where it is printed.
    published : str
        As printed; for stars `NO_STARS` where none are printed.
    ours, second_opinion : float, str or None
        None where it was not attempted.
    value : float or None
        The printed number; None for a label such as stars.
    decimals : int
        Of the printed number.
    reason : str
        Known reason of a difference, or why it was not attempted.
    """

    table: str
    row: str
    column: str
    published: str
    ours: float | str | None
    second_opinion: float | str | None = None
    value: float | None = None
    decimals: int = 0
    reason: str = ""


def audit_items(items: Sequence[Item], provenance: Provenance) -> pd.DataFrame:
    """Compare printed items with ours.

    Parameters
    ----------
    items : sequence of Item
    provenance : Provenance
        Of the data behind ``ours``.

    Returns
    -------
    DataFrame
        With `COLUMNS`, one row for each item in order; numbers are text with three digits more than
        printed. ``verdict`` is ``exact`` (equal), ``rounds`` (equal after rounding), ``calibrated`` (either,
        on synthetic data), ``differs`` or ``not attempted``. Numbers on which the two engines disagree by
        more than `ENGINES_AGREE` (relative) are ``differs`` too, with this reason.
    """
    rows = [_judge(item, provenance) for item in items]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def engine_difference(items: Sequence[Item]) -> float:
    """Largest relative difference between the two engines over all numbers that both have."""
    pairs = [
        (i.ours, i.second_opinion)
        for i in items
        if isinstance(i.ours, float) and isinstance(i.second_opinion, float)
    ]
    return max((_relative(ours, other) for ours, other in pairs), default=0.0)


def load_accepted() -> pd.DataFrame:
    """Deviations that were looked at and accepted, one printed cell a row, with reason, reviewer and date."""
    return pd.read_csv(embedded_path("published/accepted_deviations.csv"), dtype=str, keep_default_na=False)


def numbers_moved(audit: pd.DataFrame, accepted: pd.DataFrame | None = None) -> list[str]:
    """List the printed cells that came out differently without an accepted reason.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`.
    accepted : DataFrame, optional
        From `load_accepted`: columns table, row, column, origin, reason. An acceptance holds for one cell
        and one origin of data, and is itself reported when the deviation has disappeared.

    Returns
    -------
    list of str
        One sentence a cell; empty when all is as it should be.
    """
    keys = ["table", "row", "column", "origin"]
    agreeing = {tuple(r) for r in audit.loc[audit["verdict"].isin(AGREEING), keys].itertuples(index=False)}
    waived = set() if accepted is None else {tuple(r) for r in accepted[keys].itertuples(index=False)}
    moved = [
        f"table {r.table}, {r.row}, {r.column}: printed {r.published}, ours {r.ours}"
        + (f" ({r.reason})" if r.reason else "")
        for r in audit[audit["verdict"] == DIFFERS].itertuples()
        if (r.table, r.row, r.column, r.origin) not in waived
    ]
    stale = sorted(waived & agreeing)
    return moved + [f"table {t}, {r}, {c}: accepted deviation has disappeared" for t, r, c, _ in stale]


def add_accepted_reasons(audit: pd.DataFrame, accepted: pd.DataFrame) -> pd.DataFrame:
    """Write the reason of each accepted deviation into the audit.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`.
    accepted : DataFrame
        From `load_accepted`.

    Returns
    -------
    DataFrame
        The audit, with "accepted: ..." as the reason of every cell that differs, is accepted, and has no
        reason of its own, which holds the computed numbers.
    """
    keys = ["table", "row", "column", "origin"]
    reasons = {tuple(r[k] for k in keys): r["reason"] for r in accepted.to_dict("records")}
    known = [reasons.get(tuple(r)) for r in audit[keys].itertuples(index=False)]
    unexplained = (audit["verdict"] == DIFFERS) & (audit["reason"] == "")
    waived = unexplained & pd.Series(known, index=audit.index).notna()
    told = pd.Series([f"accepted: {reason}" for reason in known], index=audit.index)
    return audit.assign(reason=audit["reason"].mask(waived, told))


def check_accepted(accepted: pd.DataFrame) -> None:
    """Raise InvalidDataError if an acceptance lacks reason, reviewer or date, or occurs twice."""
    problems = [
        f"table {r['table']}, {r['row']}, {r['column']}: no {name}"
        for r in accepted.to_dict("records")
        for name in ("reason", "reviewer", "date")
        if not r[name]
    ]
    twice = accepted[accepted.duplicated(["table", "row", "column", "origin"])]
    problems += [f"table {r.table}, {r.row}, {r.column}: accepted twice" for r in twice.itertuples()]
    if problems:
        raise InvalidDataError(f"accepted deviations: {len(problems)} problem(s)", problems)


def render_audit_html(audit: pd.DataFrame, title: Bilingual, notes: Sequence[str], lang: str) -> str:
    """Render an audit as a page: counts, notes, then every item, differing ones marked.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`.
    title : Bilingual
    notes : sequence of str
        Sentences above the table.
    lang : {"nb", "en"}
    """
    counts = pd.crosstab(audit["table"], audit["verdict"])
    head = "".join(f"<th>{html.escape(str(c))}</th>" for c in ("table", *counts.columns))
    body = "".join(
        f"<tr><td>{html.escape(str(t))}</td>" + "".join(f"<td>{n}</td>" for n in row) + "</tr>\n"
        for t, row in zip(counts.index, counts.to_numpy(), strict=True)
    )
    lines = [f"<h1>{html.escape(title.get(lang))}</h1>"]
    lines += [f"<p>{html.escape(note)}</p>" for note in notes]
    lines.append(f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>")
    lines.append("<h2>" + ("Alle tall" if lang == "nb" else "All numbers") + "</h2>")
    header = "".join(f"<th>{column}</th>" for column in audit.columns)
    lines.append(f'<table class="audit">\n<thead><tr>{header}</tr></thead>\n<tbody>')
    for row in audit.itertuples(index=False):
        mark = ' class="differs"' if row.verdict == DIFFERS else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row) + "</tr>")
    lines.append("</tbody>\n</table>")
    synthetic = bool((audit["origin"] == "synthetic").any())
    return html_page(title.get(lang), "\n".join(lines) + "\n", lang, synthetic)


def _judge(item: Item, provenance: Provenance) -> tuple[str, ...]:
    compared: tuple[str, ...]
    if item.ours is None:
        compared = ("", "", "", "", NOT_ATTEMPTED, item.reason)
    elif item.value is None or isinstance(item.ours, str):
        agrees = item.ours == item.published
        second = "" if item.second_opinion is None else str(item.second_opinion)
        verdict, reason = _verdict(agrees, agrees, second in ("", item.ours), item, provenance)
        compared = (str(item.ours), second, "", "", verdict, reason)
    else:
        compared = _judge_number(item, item.ours, item.value, provenance)
    ours, second, difference, tolerance, verdict, reason = compared
    place = (item.table, item.row, item.column, item.published)
    return (*place, ours, second, difference, tolerance, verdict, provenance.origin, reason)


def _judge_number(item: Item, ours: float, printed: float, provenance: Provenance) -> tuple[str, ...]:
    tolerance = 0.5 * 10.0**-item.decimals
    difference = ours - printed
    other = item.second_opinion if isinstance(item.second_opinion, float) else None
    same = other is None or _relative(ours, other) <= ENGINES_AGREE
    exact = abs(difference) <= _ROUNDING * max(1.0, abs(printed))
    rounds = abs(difference) <= tolerance * (1 + _ROUNDING)
    verdict, reason = _verdict(exact, rounds, same, item, provenance)
    digits = item.decimals + _FURTHER_DIGITS
    shown = [_fixed(v, digits) for v in (ours, other, difference)]
    return (*shown, f"{tolerance:.{item.decimals + 1}f}", verdict, reason)


def _verdict(
    exact: bool, rounds: bool, engines_agree: bool, item: Item, provenance: Provenance
) -> tuple[str, str]:
    if not engines_agree:
        return DIFFERS, "the two engines disagree"
    if not rounds:
        return DIFFERS, item.reason
    if provenance.synthetic:
        return CALIBRATED, ""
    return (EXACT if exact else ROUNDS), ""


def _fixed(value: float | None, digits: int) -> str:
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _relative(a: float, b: float) -> float:
    return 0.0 if a == b else float(abs(a - b) / np.maximum(abs(a), abs(b)))
