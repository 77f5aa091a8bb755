"""How many contradictions the rules find in made-up reports; writes results/consistency/recall.csv.

python benchmarks/consistency.py [number of reports]

Consistent reports first: every finding there would be a false alarm. Then the same reports with one error
each, kind by kind. The likely right value is searched for in a tenth of them.
"""

import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd

from kostnadsvekst.report.consistency import check
from kostnadsvekst.report.output import write_files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import made_up_reports as made_up  # noqa: E402

NONE = "no error"
REPAIRED = 10  # every so many reports


def judge(kind, seed):
    """What the rules say of one report: (found, the wrong number named, over one per cent, repaired)."""
    report, seeded = made_up.made_up_report(seed), None
    if kind != NONE:
        report, seeded = made_up.seed_error(report, kind, seed)
    search = seeded is not None and seed % REPAIRED == 0
    findings = check(
        pd.DataFrame(report.cells), pd.DataFrame(report.claims), report.relations, corrections=search
    )
    if seeded is None:
        return bool(findings), None, None, None
    named = any(seeded.id in finding.ids for finding in findings)
    large = over_one_percent(kind, seeded)
    return bool(findings), named, large, repaired(kind, report, seeded, findings, search)


def repaired(kind, report, seeded, findings, search):
    """Whether the right value is proposed; None where none is searched for, as for dates."""
    column = made_up.ERRORS[kind][0]
    if not search or column == "period":
        return None
    text = row_at(report, seeded)["printed"] if column == "stars" else ""
    return any((f.likely_id, f.likely) == (seeded.id, text + seeded.right) for f in findings)


def row_at(report, seeded):
    return next(row for row in (*report.cells, *report.claims) if row["id"] == seeded.id)


def over_one_percent(kind, seeded):
    """Whether the number moved by more than one per cent; other kinds of error always count."""
    if made_up.ERRORS[kind][0] != "printed":
        return True
    right, wrong = made_up.value_of(seeded.right), made_up.value_of(seeded.wrong)
    return abs(wrong - right) > 0.01 * abs(right)


def share(values):
    known = [value for value in values if value is not None]
    return 100 * sum(known) / len(known) if known else float("nan")


def row_of(kind, judged):
    found, named, large, repaired = zip(*judged, strict=True)
    return {
        "error": kind,
        "reports": len(judged),
        "found_percent": share(found),
        "wrong_number_named_percent": share(named),
        "found_of_errors_over_1_percent": share([f for f, big in zip(found, large, strict=True) if big]),
        "right_value_proposed_percent": share(repaired),
    }


def recall_table(reports, workers=2):
    """One row for each kind of error, one for reports without, and the mean over kinds."""
    warnings.simplefilter("error")
    rows = []
    with ProcessPoolExecutor(workers) as pool:
        for kind in (NONE, *made_up.ERRORS):
            judged = list(pool.map(partial(judge, kind), range(reports), chunksize=20))
            rows.append(row_of(kind, judged))
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows)
    mean = table[table["error"] != NONE].mean(numeric_only=True)
    return pd.concat([table, pd.DataFrame([{"error": "mean over kinds", **mean}])], ignore_index=True)


def main() -> None:
    table = recall_table(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    table["reports"] = table["reports"].astype(int)
    table["data_origin"] = "made-up reports"
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.1f")
    write_files(ROOT / "results", {"consistency/recall.csv": text})


if __name__ == "__main__":
    main()
