"""The audit: each printed number of the report against ours; the only place that gives verdicts.

A number is met when it lies in the interval that its wording allows ("about", "just under"), or, without
one, when it differs from the printed one by at most half a unit of the last printed digit. On synthetic data
this only shows that the calibration worked, so the verdict is ``calibrated``, never one that could be read as
a reproduction.

What a number that is met proves is its class of evidence: ``identity`` (arithmetic on printed numbers alone),
``input`` (a target or input of the synthetic data: the machinery runs), ``consequence`` (follows from the
calibrated data without having been a target: weak evidence), ``real`` (computed from real data), ``none``
(nothing computed).
"""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual, Sentence
from kostnadsvekst.provenance import SYNTHETIC, Provenance
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
    "evidence",
    "reason",
    "claim",
    "same_as",
)
IDENTITY, INPUT, CONSEQUENCE, REAL, NO_EVIDENCE = EVIDENCE = (
    "identity",
    "input",
    "consequence",
    "real",
    "none",
)
EXACT, ROUNDS, CALIBRATED, DIFFERS, NOT_ATTEMPTED = (
    "exact",
    "rounds",
    "calibrated",
    "differs",
    "not attempted",
)
AGREEING = (EXACT, ROUNDS, CALIBRATED)
VERDICTS = (*AGREEING, DIFFERS, NOT_ATTEMPTED)
VERDICT_LABELS = {
    EXACT: Bilingual("nøyaktig", "exact"),
    ROUNDS: Bilingual("likt etter avrunding", "equal after rounding"),
    CALIBRATED: Bilingual("kalibrert", "calibrated"),
    DIFFERS: Bilingual("avviker", "differs"),
    NOT_ATTEMPTED: Bilingual("ikke forsøkt", "not attempted"),
}
EVIDENCE_LABELS = {
    IDENTITY: Bilingual("ved regning på trykte tall alene", "by arithmetic on printed numbers alone"),
    INPUT: Bilingual("lagt inn i de syntetiske dataene", "put into the synthetic data"),
    CONSEQUENCE: Bilingual(
        "som følge av de syntetiske dataene, ikke lagt inn", "following from the synthetic data, not put in"
    ),
    REAL: Bilingual("mot virkelige data", "on real data"),
    NO_EVIDENCE: Bilingual("som dataene ikke har", "not in the data"),
}
# Two engines that solve the same equations in another order agree to this relative difference.
ENGINES_AGREE = 1e-8
# Differences between engines are told no finer than this.
ENGINES_CLOSE = 1e-9
NO_STARS = "none"
# Digits shown behind the printed ones: enough to see how close, too few to show rounding of the machine. A
# wording that allows an interval is looked at less closely.
_FURTHER_DIGITS, _FURTHER_DIGITS_OF_WORDING = 3, 2
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
    low, high : float, optional
        What the wording allows; without them half a unit of the last printed digit.
    evidence : str
        What agreement proves on synthetic data: ``identity``, ``input`` or ``consequence``.
    reason : str
        Known reason of a difference, or why it was not attempted.
    claim : str
        Id of the statement in the file of claims; empty for what is none.
    same_as : str
        Id of the claim that says the same elsewhere: counted once.
    """

    table: str
    row: str
    column: str
    published: str
    ours: float | str | None
    second_opinion: float | str | None = None
    value: float | None = None
    decimals: int = 0
    low: float | None = None
    high: float | None = None
    evidence: str = INPUT
    reason: str = ""
    claim: str = ""
    same_as: str = ""


def claim_item(
    claim: Mapping[str, Any], ours: float | str | None, reason: str = "", *, table: str = ""
) -> Item:
    """Item of a claim of the running text.

    Parameters
    ----------
    claim : mapping
        A row of `kostnadsvekst.sources.published.load_claims`.
    ours : float, str or None
    reason : str
    table : str
        Heading in the audit; without it the claim's place.
    """
    number = {name: None if pd.isna(claim[name]) else float(claim[name]) for name in ("value", "low", "high")}
    return Item(
        table=table or str(claim["place"]),
        row=str(claim["row"]),
        column=str(claim["column"]),
        published=str(claim["printed"] or claim["quote"]),
        ours=ours,
        decimals=int(claim["decimals"]),
        evidence=str(claim["evidence"]),
        reason=reason,
        claim=str(claim["id"]),
        same_as=str(claim["same_as"]),
        **number,
    )


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
        more than `ENGINES_AGREE` (relative) are ``differs`` too, with this reason. ``evidence`` is ``real``
        for data that are not synthetic, but for identities, and ``none`` where nothing was computed.
    """
    rows = [_judge(item, provenance) for item in items]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def count_once(audit: pd.DataFrame) -> pd.DataFrame:
    """Rows of an audit without statements that another of its rows makes, too: a duplicate counts once.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`.
    """
    return audit[~audit["same_as"].isin(set(audit["claim"]) - {""})]


def count_by_evidence(audit: pd.DataFrame) -> pd.DataFrame:
    """Count the items of an audit by class of evidence and verdict; never to be added up over classes.

    A statement that is made twice counts once, here and in the other counts.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`.

    Returns
    -------
    DataFrame
        Index `EVIDENCE`, columns ``exact``, ``rounds``, ``calibrated``, ``differs``, ``not attempted``.
    """
    audit = count_once(audit)
    counts = pd.crosstab(audit["evidence"], audit["verdict"])
    return counts.reindex(index=list(EVIDENCE), columns=list(VERDICTS), fill_value=0)


def count_by_origin(audit: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Count the items of an audit by origin of the data, class of evidence and verdict; only what occurs.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`, of any number of origins.
    """
    counts: dict[str, dict[str, dict[str, int]]] = {}
    sizes = count_once(audit).groupby(["origin", "evidence", "verdict"], sort=True).size()
    for (origin, evidence, verdict), number in sizes.items():
        counts.setdefault(origin, {}).setdefault(evidence, {})[verdict] = int(number)
    return counts


def tell_counts(
    audit: pd.DataFrame, names: Mapping[str, Bilingual] = MappingProxyType({})
) -> tuple[Bilingual, ...]:
    """Sentences that count an audit by class of evidence, real data apart; nothing is added up over classes.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`, of any number of origins.
    names : mapping of str to Bilingual, optional
        Origin of real data -> how it is told ("on real totals"); the others by their own words.

    Returns
    -------
    tuple of Bilingual
        Such as "7 printed numbers on real totals: 1 exact, 4 differ with reason, 2 cannot be computed".
        Synthetic data come first. What real data lack is counted with them.
    """
    said: list[Bilingual] = []
    audit = count_once(audit)
    synthetic = audit["origin"] == SYNTHETIC
    for origin, rows in ((o, audit[audit["origin"] == o]) for o in _synthetic_first(audit["origin"])):
        evidence = rows["evidence"].mask((rows["evidence"] == NO_EVIDENCE) & ~synthetic[rows.index], REAL)
        for kind in EVIDENCE:
            if (chosen := rows[evidence == kind]).empty:
                continue
            label = EVIDENCE_LABELS[kind]
            if kind == REAL:
                label = names.get(origin, Bilingual(f"{label.nb} ({origin})", f"{label.en} ({origin})"))
            said.append(_tell(chosen, label))
    return tuple(said)


def engine_difference(items: Sequence[Item]) -> float:
    """Largest relative difference between the two engines over all numbers that both have.

    Its digits are those of the machine; `below_power` has what is the same on all of them.
    """
    pairs = [
        (i.ours, i.second_opinion)
        for i in items
        if isinstance(i.ours, float) and isinstance(i.second_opinion, float)
    ]
    return max((_relative(ours, other) for ours, other in pairs), default=0.0)


def below_power(difference: float, finest: float = ENGINES_CLOSE) -> str:
    """Return the power of ten that a difference lies below, as ``1e-9``; never finer than `finest`.

    Parameters
    ----------
    difference : float
        Not negative.
    finest : float
        Below it the digits of a difference are rounding, which no two processors share.
    """
    power = round(math.log10(finest))
    while difference >= 10.0**power:
        power += 1
    return f"1e{power}"


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
        _told(r.table, r.row, r.column, printed=r.published, ours=r.ours, reason=r.reason)
        for r in audit[audit["verdict"] == DIFFERS].itertuples()
        if (r.table, r.row, r.column, r.origin) not in waived
    ]
    stale = sorted(waived & agreeing)
    return moved + [
        Sentence(
            f"table {t}, {r}, {c}: accepted deviation has disappeared",
            f"tabell {t}, {r}, {c}: godtatt avvik er borte",
        )
        for t, r, c, _ in stale
    ]


def _told(table: str, row: str, column: str, *, printed: str, ours: str, reason: str) -> str:
    why = f" ({reason})" if reason else ""
    return Sentence(
        f"table {table}, {row}, {column}: printed {printed}, ours {ours}{why}",
        f"tabell {table}, {row}, {column}: trykt {printed}, vårt {ours}{why}",
    )


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
    """Render an audit as a page: notes, counts by class of evidence, every item; differing ones are marked.

    Parameters
    ----------
    audit : DataFrame
        From `audit_items`.
    title : Bilingual
    notes : sequence of str
        Sentences above the table.
    lang : {"nb", "en"}
    """
    keys = ["table", "origin", "evidence"]
    once = count_once(audit)
    counts = pd.crosstab([once[key] for key in keys], once["verdict"])
    head = "".join(f"<th>{html.escape(str(c))}</th>" for c in (*keys, *counts.columns))
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in (*place, *row)) + "</tr>\n"
        for place, row in zip(counts.index, counts.to_numpy(), strict=True)
    )
    lines = [f"<h1>{html.escape(title.get(lang))}</h1>"]
    lines += [f"<p>{html.escape(note)}</p>" for note in notes]
    lines.append(f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>")
    lines.append("<h2>" + ("Alle tall" if lang == "nb" else "All numbers") + "</h2>")
    header = "".join(f"<th>{html.escape(str(column))}</th>" for column in audit.columns)
    lines.append(f'<table class="audit">\n<thead><tr>{header}</tr></thead>\n<tbody>')
    for row in audit.itertuples(index=False):
        mark = ' class="differs"' if row.verdict == DIFFERS else ""
        lines.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(str(v))}</td>" for v in row) + "</tr>")
    lines.append("</tbody>\n</table>")
    synthetic = bool((audit["origin"] == "synthetic").any())
    return html_page(title.get(lang), "\n".join(lines) + "\n", lang, synthetic)


def _synthetic_first(origins: pd.Series) -> list[str]:
    return sorted(dict.fromkeys(origins), key=lambda origin: origin != SYNTHETIC)


def _tell(rows: pd.DataFrame, label: Bilingual) -> Bilingual:
    """Tell the verdicts on the items of one class."""
    verdict = rows["verdict"].where(rows["evidence"] != IDENTITY, rows["verdict"].replace(CALIBRATED, EXACT))
    counts = {name: int((verdict == name).sum()) for name in (*AGREEING, NOT_ATTEMPTED)}
    explained = rows.loc[verdict == DIFFERS, "reason"] != ""
    counts |= {DIFFERS: int(explained.sum()), _UNEXPLAINED: int((~explained).sum())}
    number = len(rows)
    parts: dict[str, list[str]] = {"nb": [], "en": []}
    for name, words in _VERDICT_WORDS.items():
        for lang, told in parts.items():
            if counts[name]:
                told.append(f"{counts[name]} {_inflect(words.get(lang), counts[name])}")
    return Bilingual(
        f"{number} {_inflect('trykt|trykte', number)} tall {label.nb}: {', '.join(parts['nb'])}",
        f"{number} printed {_inflect('number|numbers', number)} {label.en}: {', '.join(parts['en'])}",
    )


def _inflect(words: str, count: int) -> str:
    """Return the singular or the plural of ``singular|plural``; where there is one form, that."""
    one, _, more = words.partition("|")
    return one if count == 1 or not more else more


_UNEXPLAINED = "differs without reason"
_VERDICT_WORDS = {
    EXACT: Bilingual("nøyaktig|nøyaktige", "exact"),
    ROUNDS: Bilingual("likt etter avrunding|like etter avrunding", "equal after rounding"),
    CALIBRATED: Bilingual("kalibrert|kalibrerte", "calibrated"),
    DIFFERS: Bilingual("avviker med grunn", "differs with reason|differ with reason"),
    _UNEXPLAINED: Bilingual(
        "avviker uten kjent grunn", "differs without a known reason|differ without a known reason"
    ),
    NOT_ATTEMPTED: Bilingual("lar seg ikke beregne", "cannot be computed"),
}


def _judge(item: Item, provenance: Provenance) -> tuple[str, ...]:
    compared: tuple[str, ...]
    if item.ours is None:
        compared = ("", "", "", _interval(item), NOT_ATTEMPTED, item.reason)
    elif item.value is None or isinstance(item.ours, str):
        agrees = item.ours == item.published
        second = "" if item.second_opinion is None else str(item.second_opinion)
        verdict, reason = _verdict(agrees, agrees, second in ("", item.ours), item, provenance)
        compared = (str(item.ours), second, "", "", verdict, reason)
    else:
        compared = _judge_number(item, item.ours, item.value, provenance)
    ours, second, difference, tolerance, verdict, reason = compared
    place = (item.table, item.row, item.column, item.published)
    evidence = _evidence(item, provenance)
    known = (ours, second, difference, tolerance, verdict, provenance.origin, evidence, reason)
    return (*place, *known, item.claim, item.same_as)


def _evidence(item: Item, provenance: Provenance) -> str:
    if item.ours is None:
        return NO_EVIDENCE
    return item.evidence if provenance.synthetic or item.evidence == IDENTITY else REAL


def _judge_number(item: Item, ours: float, printed: float, provenance: Provenance) -> tuple[str, ...]:
    difference = ours - printed
    other = item.second_opinion if isinstance(item.second_opinion, float) else None
    same = other is None or _relative(ours, other) <= ENGINES_AGREE
    exact = abs(difference) <= _ROUNDING * max(1.0, abs(printed))
    if item.low is None or item.high is None:
        half = 0.5 * 10.0**-item.decimals
        inside, allowed = abs(difference) <= half * (1 + _ROUNDING), f"{half:.{item.decimals + 1}f}"
        further = _FURTHER_DIGITS
    else:
        inside, allowed = item.low - _ROUNDING <= ours <= item.high + _ROUNDING, _interval(item)
        further = _FURTHER_DIGITS_OF_WORDING
    verdict, reason = _verdict(exact, inside, same, item, provenance)
    shown = [_fixed(v, item.decimals + further) for v in (ours, other, difference)]
    return (*shown, allowed, verdict, reason)


def _interval(item: Item) -> str:
    return "" if item.low is None or item.high is None else f"{item.low:g} to {item.high:g}"


def _verdict(
    exact: bool, inside: bool, engines_agree: bool, item: Item, provenance: Provenance
) -> tuple[str, str]:
    if not engines_agree:
        return DIFFERS, "the two engines disagree"
    if not inside:
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
