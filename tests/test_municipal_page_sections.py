"""Comparison, savings and projection on the council's page: figures and sentences are those of the tables."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_report import make_page
from kostnadsvekst.chapters.municipal_report_comparison import (
    MOST_SENTENCES,
    compare_section,
    comparison_label,
    projection_section,
    savings_section,
)
from kostnadsvekst.chapters.municipal_report_spreads import spreads_of
from kostnadsvekst.chapters.municipal_report_tables import own_first
from kostnadsvekst.chapters.municipal_user_groups import compute_profile
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.comparison import findings, intervals
from kostnadsvekst.municipal.user_group_profile import KEYS
from kostnadsvekst.report.council_page.content import Choice, Column, Drawing, PageTable
from kostnadsvekst.report.council_page.drawings import in_lines
from kostnadsvekst.sources.municipal_kinds import USER_GROUP_NAMES
from kostnadsvekst.sources.municipal_report_book import read_report_book

GROUPS = (USER_GROUP_NAMES["elderly_home"].nb, USER_GROUP_NAMES["pu_adults"].nb)
HEADING = Bilingual("Overskrift", "Heading")


def table(key, columns, rows):
    made = tuple(Column(name, both(name), decimals) for name, decimals in columns.items())
    return PageTable(key, both(key), made, tuple(tuple(row) for row in rows))


def finding(number, value, low, high, percent, measure="m"):
    numbers = (both("A"), both("g"), both("s"), both(measure), value, 10.0, low, high, percent)
    return numbers, (both("tydelig"), Bilingual(f"setning {number}", f"sentence {number}"))


FINDINGS = {
    **dict.fromkeys(("municipality", "group", "service", "measure")),
    **dict.fromkeys(("value", "mean", "low", "high", "percent"), 2),
}


def test_the_page_opens_with_the_largest_differences_that_can_be_told_from_the_mean():
    rows = [
        finding(1, 12.0, 9.0, 15.0, 20.0, "a"),  # the mean of 10 is inside
        finding(2, 12.0, 11.0, 13.0, 20.0, "b"),
        finding(3, 4.0, 3.0, 5.0, -60.0, "c"),
        finding(4, 4.0, 3.0, 5.0, -60.0, "c"),  # own provision of the same
        finding(5, 12.0, 10.0, 13.0, 20.0, "d"),  # the end itself is inside
        *(finding(6 + k, 11.0, 10.5, 12.0, 10.0, f"e{k}") for k in range(9)),
    ]
    numbers, sentences = zip(*rows, strict=True)
    told = table("s", {"verdict": None, "text": None}, sentences)
    made = compare_section(HEADING, [told, table("f", FINDINGS, numbers)], [], "A")
    assert made.rows_behind["s", 2][0].rows == (2,)
    assert made.rows_behind["s", 2][0].table == "f"
    told = [one.nb for one in made.answer]
    assert told[:3] == ["setning 3", "setning 2", "setning 6"]
    assert len(told) == MOST_SENTENCES + 1
    assert told[-1] == "2 av 14 funn kan ikke skilles fra snittet."


GAP = table(
    "gap",
    {"factor": None, "contribution_kr": 2},
    [(both("Behov"), 150.0), (both("Dekning"), -50.0), (both("Gapet i alt"), 100.0)],
)
LEVELS = table(
    "levels",
    {"factor": None, "own": 4, "reference": 4},
    [(both("Behov"), 1.0, 1.1), (both("kr"), 1100.0, 1000.0)],
)


def test_the_waterfall_goes_from_the_others_to_ones_own_and_is_left_out_with_a_part():
    made = compare_section(HEADING, [GAP, LEVELS], [], "A")
    (drawing,) = [part for part in made.section.parts if isinstance(part, Drawing)]
    assert [mark.told.nb for mark in drawing.marks] == [
        "De andre: 1\u202f000,00 kr",
        "Behov: +150,00 kr",
        "Dekning: \u221250,00 kr",
        "Egen kommune: 1\u202f100,00 kr",
    ]
    hidden = table(
        "gap", {"factor": None, "contribution_kr": 2}, [(both("Behov"), both(":")), (both("i alt"), 1.0)]
    )
    made = compare_section(HEADING, [hidden, LEVELS], [], "A")
    assert not any(isinstance(part, Drawing) for part in made.section.parts)


def spread_frame(values, own_low=1.0):
    n = len(values)
    frame = pd.DataFrame({"municipality": [f"K{k}" for k in range(n)], "value": values, "numerator": values})
    frame = frame.assign(
        denominator=1000.0 * np.arange(1, n + 1), low=own_low, high=90.0, mean=np.mean(values)
    )
    frame = frame.assign(year=2024, group="elderly_home", age="all", service="home_nursing", provision="all")
    return frame.assign(
        measure="users_per_1000",
        target=np.mean(values),
        method="poisson",
        count=np.nan,
        rank_low=1.0,
        rank_high=float(n),
    )


def test_ranks_and_funnel_tell_value_interval_and_rank():
    frame = spread_frame([10.0, 30.0, 20.0])
    limits = [[(1000.0, 5.0, 40.0), (3000.0, 10.0, 30.0)]]
    made = compare_section(HEADING, [], [(frame, limits)], "K1")
    chosen = {part.key: part.options[0][1] for part in made.section.parts if isinstance(part, Choice)}
    told = [mark.told.nb for mark in chosen["ranks"].marks]
    assert told[0] == "K1: 30,00 brukere per 1000 (1,00 til 90,00), plass 1 til 3"
    assert [text[:2] for text in told] == ["K1", "K2", "K0"], "highest first"
    assert ['class="own"' in mark.shape for mark in chosen["ranks"].marks] == [True, False, False]
    assert [mark.told.nb[:2] for mark in chosen["funnel"].marks] == ["K0", "K1", "K2"], "smallest first"


def test_of_very_many_municipalities_those_beside_ones_own_are_drawn():
    frame = spread_frame([float(k) for k in range(1, 301)])
    made = compare_section(HEADING, [], [(frame, [])] * 40, "K150")
    choices = [part for part in made.section.parts if isinstance(part, Choice)]
    shown = choices[0].options[0][1]
    assert len(shown.marks) == 60
    assert any("K150:" in mark.told.nb and 'class="own"' in mark.shape for mark in shown.marks)
    assert sum(len(d.marks) for choice in choices for _, d in choice.options) < 7000


def test_savings_open_with_both_ends_and_what_they_mean():
    summary = table(
        "s",
        {"what": None, "saving_mnok": 1, "told": None},
        [(both("lavest"), -11.8, both("Fortegnet avhenger")), (both("høyest"), 43.04, None)],
    )
    grid = {
        "group": None,
        "need_key": None,
        "year": None,
        "mean": None,
        "saving_mnok": 2,
        "against_first": None,
    }
    rows = [(both("G"), both("n"), 2022.0, both("snitt"), value, both("samme")) for value in (-11.8, 43.04)]
    made = savings_section(HEADING, [summary, table("g", grid, rows)])
    assert "fra \u221211,8 til 43,0 mill. kr" in made.answer[0].nb
    assert made.answer[0].nb.endswith("Fortegnet avhenger.")
    (drawing,) = [part for part in made.section.parts if isinstance(part, Drawing)]
    assert [mark.told.nb for mark in drawing.marks] == [
        "G, n, snitt, 2022: \u221211,8 mill. kr",
        "G, n, snitt, 2022: 43,0 mill. kr",
    ]


PROJECTED = {
    **dict.fromkeys(("municipality", "year", "alternative", "population_alternative")),
    **dict.fromkeys(("places", "low", "high"), 2),
    "extrapolated": None,
}


def projected(*rows):
    no, yes = Bilingual("nei", "no"), Bilingual("ja", "yes")
    cells = [
        (both("A"), float(y), both("Dagens"), both("MMMM"), p, lo, hi, yes if b else no)
        for y, p, lo, hi, b in rows
    ]
    return table("p", PROJECTED, cells)


def test_a_projection_tells_its_band_and_where_nothing_was_checked():
    sums = projected((2024, 100.0, 100.0, 100.0, False), (2045, 200.0, 150.0, 260.0, True))
    made = projection_section(HEADING, [sums])
    assert made.answer == (
        Bilingual(
            "A, Dagens, MMMM: 100 plasser i 2024 blir 200 i 2045 (bånd 150 til 260, lenger fram enn noe er "
            "prøvd).",
            "A, Dagens, MMMM: 100 places in 2024 become 200 in 2045 (band 150 to 260, further ahead than was "
            "checked).",
        ),
    )
    (chosen,) = [part for part in made.section.parts if isinstance(part, Choice)]
    assert "utenfor det som er prøvd" in chosen.options[0][1].marks[1].told.nb
    hidden = projected(
        (2024, both(":"), both(":"), both(":"), False), (2045, both(":"), both(":"), both(":"), True)
    )
    assert projection_section(HEADING, [hidden]).answer == ()


def test_labels_are_broken_between_words_and_never_lose_their_beginning():
    text = "Oppdiktet gruppe 8, pleie og omsorg, snitt av kommunene, 2022"
    assert " ".join(in_lines(text, 3)) == text
    assert max(map(len, in_lines(text, 3))) <= 31
    assert in_lines(text, 1) == ["Oppdiktet gruppe 8, pleie og…"]


def test_ones_own_comes_first_with_its_last_year():
    units = [("A", 2020.0), ("B", 2020.0), ("B", 2022.0), ("C", 2020.0)]
    assert own_first(units, "B") == [("B", 2022.0), ("B", 2020.0), ("A", 2020.0), ("C", 2020.0)]
    units = [("A", 2020.0), ("A", 2022.0), *units[1:], ("C", 2022.0)]
    assert own_first(units, "B")[2:] == [("A", 2022.0), ("C", 2022.0), ("A", 2020.0), ("C", 2020.0)]
    units = units[:1] + units[2:-1]
    assert own_first(units, "X") == units


# --- The systems themselves


@pytest.fixture(scope="module")
def books():
    """The examples; of user groups two."""
    return {name: with_two_groups(book) for name, book in read_report_book(None).items()}


def with_two_groups(book):
    tables = {}
    for name, one in book.tables.items():
        rows = one.frame.index
        if "group" in one.frame and name in ("counts", "accounts"):
            rows = rows[one.frame["group"].isin(GROUPS)]
        lines = tuple(one.lines[k] for k in rows)
        tables[name] = replace(one, frame=one.frame.loc[rows].reset_index(drop=True), lines=lines)
    return replace(book, tables=tables)


@pytest.fixture(scope="module")
def made(books):
    """Each part computed once, with Norwegian in the place of both languages."""
    return {name: compute(book, "nb") for name, book in books.items()}


@pytest.mark.parametrize("publish", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_example_has_every_part_and_one_municipality_is_its_own(books, made, publish):
    page = make_page(books, lambda book, lang: made[book.kind.name], publish=publish)
    assert [section.key for section in page.sections] == [
        *("compare", "user-groups", "savings", "project", "ladder", "calculator", "grounds")
    ]
    drawn = {p.key for s in page.sections for p in s.parts if isinstance(p, Choice | Drawing)}
    assert drawn >= {"ranks", "funnel", "gap", "groups", "savings-grid", "fans", "ladders", "sums"}
    firsts = [p.options[0][0].nb for s in page.sections for p in s.parts if isinstance(p, Choice)]
    assert all("Oppdiktet" in label for label in firsts[2:]), firsts
    findings = next(t for t in page.sections[0].parts if isinstance(t, PageTable) and t.has("text"))
    texts = {findings.text(k, "text").nb for k in range(len(findings.rows))}
    opening = [sentence.nb for sentence in page.answer]
    count = next(k for k, text in enumerate(opening) if "kan ikke skilles fra snittet." in text)
    assert 0 < count <= MOST_SENTENCES
    assert set(opening[:count]) <= texts
    shapes = [
        m.shape
        for s in page.sections
        for p in s.parts
        if isinstance(p, Choice)
        for _, d in p.options
        for m in d.marks
    ]
    assert not re.search(r"\bnan\b", "".join(shapes))


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_a_stroke_of_a_figure_never_denies_the_sentence(books):
    """Both are judged by the same limits: the stroke holds the mean where the sentence says so."""
    own, spreads = spreads_of(books["compare"], publish=False)
    sure = intervals(compute_profile(books["compare"]).found)
    said = findings(
        sure[sure["municipality"] == own], {"svakt": 0.0, "noe": 5.0, "tydelig": 15.0, "vesentlig": 30.0}
    )
    verdicts = said.set_index(["municipality", *KEYS])["verdict"]
    held = []
    for frame, _ in spreads:
        mine = frame[frame["municipality"] == own].iloc[0]
        inside = bool(mine["low"] <= mine["mean"] <= mine["high"])
        verdict = verdicts[tuple(mine[name] for name in ("municipality", *KEYS))]
        assert (verdict == "kan ikke skilles fra snittet") is inside
        held.append(inside)
    assert {*held} == {True, False}


def test_what_others_hide_is_in_no_figure_of_the_public_edition(books):
    """With 4 users of a service in one municipality the others are compared without it."""
    book = books["compare"]
    counts = book.tables["counts"].frame
    row = counts.index[
        (counts["municipality"] == "Tenkt") & counts["users"].notna() & (counts["users"] > 20)
    ][0]
    group, service = counts.loc[row, "group"], counts.loc[row, "service"]
    changed = counts.copy()
    changed.loc[row, "users"] = 4.0
    changed.loc[row, "places"] = np.nan
    few = replace(book, tables={**book.tables, "counts": replace(book.tables["counts"], frame=changed)})
    labels = {"nb": group, "service": service}
    for edition, shown in ((book, True), (few, False)):
        _, spreads = spreads_of(edition, publish=True)
        drawn = [
            frame
            for frame, _ in spreads
            if all(part in comparison_label(frame).nb for part in (*labels.values(), "Brukere per 1000"))
        ]
        assert drawn
        assert all(("Tenkt" in set(frame["municipality"])) is shown for frame in drawn)
        assert all(frame["value"].notna().all() for frame in drawn)


def test_a_projection_is_withheld_whole_where_the_ladder_of_its_base_year_hides_a_number(books, made):
    """4 recipients of one step in 2024: the users of 2024 follow from any year of the projection."""
    book = books["ladder"]
    steps = book.tables["steps"].frame.copy()
    steps.loc[steps["recipients"] == 28, "recipients"] = 4.0
    few = replace(book, tables={**book.tables, "steps": replace(book.tables["steps"], frame=steps)})
    several = {"ladder": compute(few, "nb"), "project": made["project"]}
    both_books = {"ladder": few, "project": books["project"]}
    page = make_page(both_books, lambda one, lang: several[one.kind.name], publish=True)
    section = next(s for s in page.sections if s.key == "project")
    assert not any(isinstance(part, PageTable | Choice) for part in section.parts)
    assert "vises ikke i den offentlige utgaven" in section.parts[0].nb
    assert not any("plasser i 2024" in sentence.nb for sentence in page.answer)
    alone = make_page({"project": books["project"]}, lambda one, lang: made["project"], publish=True)
    assert any(isinstance(part, PageTable) for part in alone.sections[0].parts)
