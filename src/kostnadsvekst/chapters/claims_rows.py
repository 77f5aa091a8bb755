"""One row for each claim: the strongest way to its number that there is, and what the other ways say."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.claims.descriptions import MODULES, describe_measure, describe_source
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.audit import (
    CONSEQUENCE,
    DIFFERS,
    IDENTITY,
    INPUT,
    NO_EVIDENCE,
    NOT_ATTEMPTED,
    REAL,
)

# What proves most comes first: real data, arithmetic on printed numbers, then synthetic data.
STRENGTH = (REAL, IDENTITY, CONSEQUENCE, INPUT, NO_EVIDENCE)
NO_ORIGIN = "none"
# The upper end of a word that has none, in ``parameters/claim_words.csv``.
NO_BOUND = 1000.0
COLUMNS = (
    "id",
    "place",
    "quote",
    "quantity",
    "period",
    "unit",
    "printed",
    "low",
    "high",
    "ours",
    "difference",
    "verdict",
    "evidence",
    "chapter",
    "module",
    "measure",
    "how",
    "reason",
    "note",
    "also",
    "same_as",
    "word",
    "settled_by",
    "computable_from",
    "data_origin",
)


def one_row_each(claims: pd.DataFrame, audits: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row for each claim.

    Parameters
    ----------
    claims : DataFrame
        From `kostnadsvekst.sources.published.load_claims`, all chapters.
    audits : sequence of DataFrame
        From `kostnadsvekst.report.audit.audit_items`, with the ids of claims in their column ``claim``.

    Returns
    -------
    DataFrame
        With `COLUMNS`, sorted by id. Of several ways to a number that with the strongest evidence stands
        (`STRENGTH`; among equals the claim's own measure), the others are told in ``also``. A part that
        differs makes the claim differ. A claim that no audit has is ``not attempted``.
    """
    judged = pd.concat([audit[audit["claim"] != ""] for audit in audits], ignore_index=True)
    by_id = {name: rows.to_dict("records") for name, rows in judged.groupby("claim", sort=False)}
    rows = []
    for base, readings in claims.groupby(claims["id"].str[:4], sort=True):
        found = [
            {**claim, **audit, "claim_value": claim["value"]}
            for claim in readings.to_dict("records")
            for audit in by_id.get(claim["id"], [])
        ]
        own = readings[readings["id"] == base].iloc[0].to_dict()
        rows.append(_row(own, found or [_absent(own)]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _absent(claim: Mapping[str, Any]) -> dict[str, Any]:
    """Audit of a claim whose data were not brought."""
    reason = f"it needs data for the chapter {claim['chapter']}, which were not brought"
    blank = dict.fromkeys(("published", "ours", "difference", "tolerance"), "")
    return {
        **claim,
        **blank,
        "verdict": NOT_ATTEMPTED,
        "evidence": NO_EVIDENCE,
        "origin": NO_ORIGIN,
        "reason": reason,
    }


def _row(claim: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    competing = [one for one in found if one["role"] in ("", "evidence")]
    chosen = min(competing, key=lambda one: (STRENGTH.index(one["evidence"]), one["origin"] == SYNTHETIC))
    parts = [one for one in found if one["role"] == "part" and one["verdict"] == DIFFERS]
    attempted = chosen["verdict"] != NOT_ATTEMPTED
    low, high = _interval(claim, chosen)
    return {
        **{name: claim[name] for name in ("id", "place", "quote", "quantity", "period", "unit")},
        "printed": claim["printed"] or ("" if claim["word"] else _plain(claim["value"])),
        "low": low,
        "high": high,
        "ours": chosen["ours"],
        "difference": "" if claim["word"] else chosen["difference"],
        "verdict": DIFFERS if attempted and parts else chosen["verdict"],
        "evidence": chosen["evidence"],
        "data_origin": chosen["origin"] if attempted else NO_ORIGIN,
        "chapter": chosen["chapter"],
        "module": MODULES[chosen["chapter"]] if attempted else "",
        "measure": chosen["measure"],
        "how": describe_measure(chosen["chapter"], chosen["measure"]).en,
        "reason": "; ".join(_reasons(claim, chosen, parts)),
        "note": claim["note"],
        "also": "; ".join(_tell(one) for one in found if one is not chosen),
        "same_as": claim["same_as"],
        "word": claim["word"],
        "settled_by": claim["settled_by"],
        "computable_from": claim["computable_from"],
    }


def _reasons(
    claim: Mapping[str, Any], chosen: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    if chosen["reason"]:
        yield chosen["reason"]
    if chosen["verdict"] == NOT_ATTEMPTED and claim["settled_by"]:
        yield f"would be settled by: {describe_source(claim['settled_by']).en}"
    for part in parts:
        yield f"{part['id']}: ours {part['ours']}" + (f" ({part['reason']})" if part["reason"] else "")


def _tell(one: Mapping[str, Any]) -> str:
    """Tell another way: by what evidence, to what number, with what verdict."""
    what = describe_measure(one["chapter"], one["measure"]).en
    if one["verdict"] == NOT_ATTEMPTED:
        return f"{one['id']}, {one['origin']} ({what}): {NOT_ATTEMPTED}"
    return f"{one['id']}, {one['evidence']}, {one['origin']} ({what}): {one['ours']}, {one['verdict']}"


def _interval(claim: Mapping[str, Any], chosen: Mapping[str, Any]) -> tuple[str, str]:
    """Return what the wording allows, else half a unit of the last digit; blank for a label or no bound.

    Arithmetic on rounded numbers is allowed their rounding, too, which its audit has counted in.
    """
    if pd.isna(claim["value"]):
        return "", ""
    if chosen["chapter"] == "printed" and " to " in chosen["tolerance"] and not claim["word"]:
        low, _, high = chosen["tolerance"].partition(" to ")
        return _plain(float(low)), _plain(float(high))
    half = 0.5 * 10.0 ** -int(claim["decimals"])
    ends = zip(("low", "high"), (claim["value"] - half, claim["value"] + half), strict=True)
    low, high = (_plain(end if pd.isna(claim[name]) else claim[name]) for name, end in ends)
    return low, "" if claim["word"] and float(high) >= NO_BOUND else high


def _plain(number: float) -> str:
    return "" if pd.isna(number) else f"{number:.10g}"
