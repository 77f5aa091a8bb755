"""Made-up reports: none of the consistent ones has a finding, most of those with one error have."""

import csv
from collections import Counter

import pandas as pd
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from made_up_reports import ERRORS, is_wrong, made_up_report, seed_error, value_of

RECALL = ROOT / "results" / "consistency" / "recall.csv"
# Below these shares something is broken: results/consistency/recall.csv has the shares of 1,000 reports.
LEAST_OF_A_KIND, LEAST_MEAN = 0.5, 0.8


def check(report, **options):
    cells, claims = pd.DataFrame(report.cells), pd.DataFrame(report.claims)
    return kv.consistency.check(cells, claims, report.relations, **options)


def recall_of(seeds):
    """Share of reports with an error in which something is found, by kind of error."""
    found = dict.fromkeys(ERRORS, 0)
    for seed in seeds:
        report = made_up_report(seed)
        for kind in ERRORS:
            found[kind] += bool(check(seed_error(report, kind, seed)[0], corrections=False))
    return {kind: n / len(seeds) for kind, n in found.items()}


def test_consistent_reports_have_no_finding():
    assert {seed: found for seed in range(50) if (found := check(made_up_report(seed)))} == {}


@pytest.mark.slow
def test_a_thousand_consistent_reports_have_no_finding():
    assert {seed: found for seed in range(1000) if (found := check(made_up_report(seed)))} == {}


def assert_most_are_found(recall):
    assert min(recall.values()) >= LEAST_OF_A_KIND, recall
    assert sum(recall.values()) / len(recall) >= LEAST_MEAN, recall


def test_most_errors_are_found():
    assert_most_are_found(recall_of(range(8)))


@pytest.mark.slow
def test_most_errors_of_a_thousand_reports_are_found():
    assert_most_are_found(recall_of(range(1000, 2000)))


def test_the_committed_table_is_of_a_thousand_reports_and_says_so():
    with RECALL.open(encoding="utf-8") as file:
        rows = {row["error"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"no error", *ERRORS, "mean over kinds"}
    assert all(int(row["reports"]) >= 1000 for row in rows.values())
    assert float(rows["no error"]["found_percent"]) == 0.0
    shares = [float(rows[kind]["found_percent"]) for kind in ERRORS]
    assert min(shares) >= 100 * LEAST_OF_A_KIND
    assert float(rows["mean over kinds"]["found_percent"]) == pytest.approx(
        sum(shares) / len(shares), abs=0.06
    )
    assert sum(shares) / len(shares) >= 100 * LEAST_MEAN


# The generator itself ---------------------------------------------------------------------------------


def test_a_seed_gives_one_report():
    assert made_up_report(5) == made_up_report(5)
    assert made_up_report(5).cells != made_up_report(6).cells


def test_reports_have_the_size_of_the_published_one():
    report = made_up_report(0)
    assert len(report.cells) >= 244
    assert len(report.claims) >= 271
    claims = [claim for seed in range(20) for claim in made_up_report(seed).claims]
    used = Counter(claim.get("wording", "") for claim in claims)
    assert {"om lag", "vel", "knapt", "nærmest", "rundt", ""} <= set(used)


@pytest.mark.parametrize("kind", ERRORS)
def test_one_number_is_wrong_and_no_other(kind):
    for seed in range(20):
        report = made_up_report(seed)
        wrong, seeded = seed_error(report, kind, seed)
        before = {row["id"]: row for row in (*report.cells, *report.claims)}
        after = {row["id"]: row for row in (*wrong.cells, *wrong.claims)}
        changed = [name for name in before if before[name] != after[name]]
        assert changed == [seeded.id]
        column = ERRORS[kind][0]
        assert (before[seeded.id][column], after[seeded.id][column]) == (seeded.right, seeded.wrong)
        if column == "printed":
            assert is_wrong(seeded.right, seeded.wrong)


def test_a_lost_decimal_at_the_end_is_no_error():
    assert not is_wrong("22.430", "22.43")
    assert not is_wrong("22.434", "22.43")
    assert is_wrong("22.434", "22.34")
    assert value_of("−1 234,5") == -1234.5


def test_parts_of_a_made_up_report_add_up_as_printed():
    """By hand from the printed texts, without the rules: table 1 exactly, ages within their rounding."""
    for seed in range(10):
        printed = {row["id"]: row["printed"] for row in made_up_report(seed).cells}
        functions = ("232", "233", "234", "241", "253", "254", "255", "256", "261")
        assert sum(value_of(printed[f"T1.{name}"]) for name in functions) == value_of(printed["T1.sum"])
        ages = [
            value_of(text)
            for name, text in printed.items()
            if name.startswith("A2.Alder") and ".mean" in name
        ]
        assert sum(ages) == pytest.approx(100, abs=0.0005 * len(ages) + 1e-9)


def test_the_generator_shares_no_code_with_the_rules():
    text = (ROOT / "tests" / "made_up_reports.py").read_text(encoding="utf-8")
    imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert not [line for line in imports if "kostnadsvekst" in line]


def test_an_error_is_named_and_often_mended():
    """The wrong number is among those of a finding, and half of them get their right value back."""
    kinds = ("wrong sum", "wrong share", "digit lost")
    named = mended = total = 0
    for kind in kinds:
        for seed in range(4):
            report, seeded = seed_error(made_up_report(seed), kind, seed)
            findings = check(report)
            total += bool(findings)
            named += any(seeded.id in finding.ids for finding in findings)
            mended += any((f.likely_id, f.likely) == (seeded.id, seeded.right) for f in findings)
    assert named == total
    assert mended >= total / 2
