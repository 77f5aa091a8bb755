"""The report page made of the committed results: the same page without estimating anything."""

import pandas as pd

from conftest import ROOT
from kostnadsvekst.chapters import CHAPTERS, ChapterResult
from kostnadsvekst.generations import MARKER
from kostnadsvekst.report.chapter_files import BESIDE

RESULTS = ROOT / "results"
AUDITS = {
    "appendix": "audit.csv",
    "growth": "growth/audit.csv",
    "kpr": "kpr/audit.csv",
    "ohd": "ohd/audit.csv",
}


def read(path):
    return pd.read_csv(RESULTS / path, dtype=str, keep_default_na=False)


def claims_audit():
    """Claims as an audit: what counts and sentences read."""
    claims = read("claims/claims.csv")
    return claims.rename(columns={"data_origin": "origin", "quote": "published"}).assign(claim=claims["id"])


def finished():
    """Results of the chapters that the page uses, as the run that was committed left them."""
    done = {}
    for name in CHAPTERS["page"].uses:
        files = {
            path.relative_to(RESULTS).as_posix(): path.read_text("utf-8") if path.suffix == ".csv" else ""
            for path in (RESULTS / name).glob("*.*")
            if path.name != MARKER
        }
        audit = read(AUDITS[name]) if name in AUDITS else claims_audit() if name == "claims" else None
        files |= {path: "" for path, owner in BESIDE.items() if owner == name}
        origin = "printed numbers of the report" if name == "consistency" else "synthetic"
        done[name] = ChapterResult(files, audit, data_origin=(origin,))
    return done
