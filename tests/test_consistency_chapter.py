"""The report against itself: which contradictions are found, and the files of the chapter.

Each expected finding was read in the report first: the place is named beside it.
"""

import csv
import io
import re
import subprocess
import sys
import time

import pytest

from conftest import ROOT
from kostnadsvekst.chapters.consistency import printed_report
from kostnadsvekst.report.consistency.findings import CONFIDENCES, SEVERITIES

# Relation -> findings in it, of which severity.
EXPECTED = {
    "table 1, amounts": (1, "contradiction"),  # parts make 126 070 378, the sum is 126 069 838
    "table 1, shares": (1, "rounding"),  # 256: 0.6455 printed 0,64
    "when growth was strongest": (1, "wording"),  # 4.2: 2017-2018; summary: early in the period
    "year of weak income growth": (1, "wording"),  # 4.1: "the weak growth in 2018" was 3.0 per cent
    "free income, section 9.1 against table A1": (1, "wording"),  # "no increase": 2.6 per cent
    "free income, section 9.1 against summary": (1, "wording"),
    "period of the accounts, section 9.1": (1, "contradiction"),
    "respite, last number": (1, "contradiction"),  # end of "2000" against beginning of 2020
    "other time-limited stays by year": (1, "wording"),  # "rising" from 22 400 to 22 100
    "rehabilitation by year": (1, "wording"),  # "rises" from 16 300 to 15 600
    "home health, age groups against all": (2, "contradiction"),  # 2700 among the groups; 2018 for 2017
    "home health, age groups with their growth against all": (1, "contradiction"),
    "home health, growth": (1, "contradiction"),  # level of January 2018, growth from January 2017
    "home health, when hours fall: section against summary": (1, "wording"),
    "home health, when hours fall: twice in one section": (1, "wording"),
    "age groups of chapter 5": (1, "wording"),  # 0-18 and 18-39
    "youngest age group": (1, "wording"),
    "BPA, age group with most hours": (1, "wording"),  # 5.3.3: 18-39; summary and 9.1: 0-18
    "a reduction of a negative number": (1, "wording"),
    "function of acute beds": (1, "wording"),  # 6: function 241; table 1: 256
    "growth of function 241, section 6 against 4.2": (1, "contradiction"),
    "chapter of the qualitative method": (1, "wording"),  # 1.4: chapter 9; 1.5: chapter 7
    "chapters referred to": (2, "wording"),  # chapter 10 of nine
    "sections referred to": (2, "wording"),
    "KOSTRA groups of table 2 in section 4.3": (1, "wording"),  # group 10 is not defined
    "growth of the cases": (1, "wording"),
    "decided hours, section 8.2.1 against 9.1": (1, "contradiction"),
    "period of figure 13": (1, "wording"),
    "table A1, expenditure, as means across municipalities": (1, "contradiction"),
    "table A1, free income, as means across municipalities": (1, "contradiction"),
    "table A2, age groups": (1, "contradiction"),  # 98.985 of 100
    "age groups of appendix 1": (1, "wording"),  # 6-16 and 16-66
    "municipalities and rows": (1, "contradiction"),  # 401 municipalities, 1825 rows in five years
    "table A3, weights and degrees of freedom": (1, "undeclared"),
    "table A3, degrees of freedom without municipality effects": (1, "undeclared"),
    "notes below table A3": (1, "wording"),
    "effect of free income in 2018": (1, "wording"),  # kroner per krone called per cent
    "free income raised by 10,000 kroner": (1, "wording"),
    "one per cent more aged 67 to 79": (1, "wording"),
    "years of the strongest interaction": (1, "wording"),  # 2018 and 2019 against 2017 and 2018
    "dates of chapter 5": (1, "contradiction"),  # the end of "2000"
}


@pytest.fixture(scope="module")
def findings():
    return printed_report().check()


def test_contradictions_of_the_report(findings):
    found = {}
    for finding in findings:
        name = re.sub(r" \(\d\)$", "", finding.id)
        found[name] = (found.get(name, (0, ""))[0] + 1, finding.severity)
    assert found == EXPECTED


@pytest.mark.parametrize(
    ("relation", "number", "likely"),
    [
        ("table 1, amounts", "T1.254.amount", "55 787 281"),
        ("table 1, shares", "T1.256.share", "0,65"),
        ("home health, age groups against all (1)", "5.2.40-59", "27000"),
        ("home health, age groups with their growth against all", "5.2.40-59", "27000"),
    ],
)
def test_likely_right_values(findings, relation, number, likely):
    (found,) = [finding for finding in findings if finding.id == relation]
    assert (found.likely_id, found.likely, found.alternatives) == (number, likely, 0)


def test_degrees_of_freedom_that_fit_hold_the_right_ones(findings):
    """1825 rows, 365 municipalities absorbed, four year dummies: 1456."""
    (found,) = [f for f in findings if f.id == "table A3, degrees of freedom without municipality effects"]
    low, high = re.search(r"that fit: ([\d,.]+) to ([\d,.]+)", found.arithmetic.en).groups()
    assert float(low.replace(",", "")) < 1456 < float(high.replace(",", ""))


def test_tables_a1_to_a3_otherwise_agree():
    """Every relation on them alone that is no finding of `EXPECTED` holds; none was left out."""
    report = printed_report()
    names = {relation["id"] for relation in report.relations if relation["id"].startswith("table A")}
    assert len(names - set(EXPECTED)) >= 14


def test_every_cell_of_the_tables_is_in_a_relation():
    report = printed_report()
    patterns = [
        member
        for relation in report.relations
        for value in relation.values()
        for member in (value if isinstance(value, list) else [value])
        if isinstance(member, str)
    ]
    expressions = [re.compile(re.escape(p).replace(r"\*", ".*")) for p in patterns]
    cells = [name for name in report.cells["id"] if not any(e.fullmatch(name) for e in expressions)]
    assert len(report.cells) == 244
    assert cells == []


def test_quotes_say_what_is_printed():
    """Digits of a number stand in its quote, unless the report writes it in words."""
    words = ("åtte", "syv", "tre ", "fire", "fem ", "to ", "seks", "én ", "en ", "Tre", "Fem", "halvparten")
    words = (*words, "stabilt", "Tabell")
    for claim in printed_report().claims.to_dict("records"):
        digits = re.sub(r"\D", "", claim["printed"])
        quoted = re.sub(r"\D", "", claim["quote"])
        assert digits in quoted or any(word in claim["quote"] for word in words), claim["id"]
        assert claim["quote"], claim["id"]
        assert claim["printed"] or claim["word"], claim["id"]


# Files ------------------------------------------------------------------------------------------------


def test_files_in_both_languages_and_all_formats(consistency_run):
    names = set(consistency_run.result.files)
    kinds = ("csv", "tex", "html", "md")
    tables = {f"consistency/findings_{lang}.{kind}" for lang in ("nb", "en") for kind in kinds}
    assert names == tables | {"consistency/findings.csv"}
    assert consistency_run.result.data_origin == ("printed numbers of the report",)


ENGLISH = re.compile(
    r"\b(the|of|and|printed|growth|against|weighted|mean|per cent|high|low|medium|wording|rounding|"
    r"contradiction|undeclared|Summary|model|Table|percent|NOK|million)\b"
)
NORWEGIAN = re.compile(r"\b(trykt|ikke|mot|motsigelse|ordbruk|middels|høy|lav|Sammendrag|Tabell|modell|og)\b")


def test_each_language_holds_none_of_the_other(consistency_run, findings):
    files = consistency_run.result.files
    nb = list(csv.reader(io.StringIO(files["consistency/findings_nb.csv"]), delimiter=";"))
    assert [ENGLISH.findall(" ".join(row[:-1])) for row in nb if ENGLISH.search(" ".join(row[:-1]))] == []
    # Words that the report is quoted with stay Norwegian.
    quoted = {word for finding in findings for text in finding.printed for word in text.split()}
    for row in csv.reader(io.StringIO(files["consistency/findings_en.csv"])):
        found = set(NORWEGIAN.findall(" ".join(row[:-1]))) - quoted
        assert not found, row


def test_data_have_every_finding(consistency_run, findings):
    rows = list(csv.DictReader(io.StringIO(consistency_run.result.files["consistency/findings.csv"])))
    assert [row["id"] for row in rows] == [finding.id for finding in findings]
    assert all(row["severity"] in SEVERITIES and row["confidence"] in CONFIDENCES for row in rows)
    assert all(row["arithmetic_nb"] and row["arithmetic_en"] and row["places"] for row in rows)


def test_it_takes_seconds():
    start = time.process_time()
    printed_report().check()
    assert time.process_time() - start < 5


# The guide --------------------------------------------------------------------------------------------

EXAMPLE = ROOT / "docs" / "examples" / "check_report.py"
GUIDE = ROOT / "docs" / "consistency.md"


def test_the_guides_example_says_what_the_guide_shows():
    """A made-up report with three slips: digits swapped, a rate that is not compounded, a star too many."""
    run = subprocess.run(
        [sys.executable, str(EXAMPLE)], capture_output=True, text=True, encoding="utf-8", check=True
    )
    said = run.stdout.splitlines()
    assert len(said) == 5
    assert "(likely 12,480)" in said[0]
    assert "(likely 3.7)" in said[2]
    assert "(likely 0.31)" in said[4]
    shown = [line for line in GUIDE.read_text(encoding="utf-8").splitlines() if "likely" in line]
    for line in said:
        assert line in shown


def test_the_guide_lists_every_kind():
    from kostnadsvekst.report.consistency import KINDS

    text = GUIDE.read_text(encoding="utf-8")
    assert [name for name in KINDS if f"| `{name}` |" not in text] == []
