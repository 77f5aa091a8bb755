"""Data of the user's own at the command line: any table, other names, nothing on invented data unasked."""

from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from command_runs import estimate_inside
from conftest import ROOT
from invented_panels import make_panel
from kostnadsvekst.chapters import (
    CHAPTERS,
    OWN,
    ChapterReport,
    ChapterResult,
    Settings,
    check_choices,
    choose_chapters,
    run_chapters,
)
from kostnadsvekst.chapters.own_specifications import merge_renaming
from kostnadsvekst.commands.estimate import LISTED, describe
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models.second_opinion import ask_linearmodels
from kostnadsvekst.naming import check_renaming, nearest_names
from kostnadsvekst.panel.frames import load_frame
from kostnadsvekst.sources.embedded import embedded_path

PANEL = embedded_path("synthetic/synthetic_panel_2015_2019.csv")


# Every combination of options and chapters.

# By hand: chapter -> the options that it reads.
READ_BY = {
    "background": set(),
    "consistency": set(),
    "paper": set(),
    "page": {"data", "rename", "register", "population"},
    "replication": {"data", "rename", "register", "population"},
    "appendix": {"data", "rename"},
    "explanation": {"data", "rename"},
    "case-selection": {"data", "rename"},
    # Of whatever data there are, for the claims that they tell.
    "claims": {"data", "rename", "register", "population"},
    "growth": {"data", "rename"},
    "specification-curve": {"data", "rename"},
    "ohd": {"data", "rename"},
    "kpr": {"register", "population"},
    OWN: {"spec", "data", "rename"},
}


def goes_together(names, given):
    """Whether a run reads all that is given, and no chapter runs on invented data beside it."""
    if ("register" in given) != ("population" in given) or ("rename" in given and "data" not in given):
        return False
    if "spec" in given and names != (OWN,):
        return False
    readers = [name for name in names if READ_BY[name]]
    if "data" in given and "ohd" in names and len(set(readers) - {"ohd", "kpr"}):
        return False
    if given - set().union(*(READ_BY[name] for name in names)):
        return False
    brought = given & {"data", "register"}
    return not brought or all(READ_BY[name] & brought for name in readers)


def settings_of(given):
    path = Path("some")
    return Settings(
        data=path if "data" in given else None,
        specifications=path if "spec" in given else None,
        register=path if "register" in given else None,
        population=path if "population" in given else None,
        rename={"a": "b"} if "rename" in given else {},
    )


OPTIONS = ("data", "spec", "register", "population", "rename")
GIVEN = [set(some) for size in range(6) for some in combinations(OPTIONS, size)]
CHOSEN = [None, *([name] for name in CHAPTERS), *map(list, combinations(CHAPTERS, 2)), list(CHAPTERS)]


@pytest.mark.parametrize("only", CHOSEN, ids=str)
def test_every_combination_of_options_and_chapters(only):
    allowed = 0
    for given in GIVEN:
        settings = settings_of(given)
        names = tuple(only or choose_chapters(settings))
        if goes_together(names, given):
            allowed += 1
            check_choices(names, settings)
            continue
        with pytest.raises(SpecificationError) as caught:
            check_choices(names, settings)
        message = str(caught.value)
        assert caught.value.exit_code == 2
        assert "nothing is written" in message
        assert "--" in message.partition("\n")[2]
    assert allowed >= 1


def test_nothing_is_run_or_written_when_choices_do_not_go_together(tmp_path):
    with pytest.raises(SpecificationError, match="--only kpr --register EPISODES --population FILE"):
        run_chapters(["kpr"], Settings(data=PANEL), tmp_path / "out")
    assert not (tmp_path / "out").exists()


SAID = {
    "a panel for the register": (["--only", "kpr", "--data", PANEL], 2, "would run on synthetic data"),
    "episodes for a panel": (["--only", "growth", "--register", "x", "--population", "y"], 2, "only kpr"),
    "no population": (["--register", "x"], 2, "--register needs --population FILE"),
    "no register": (["--population", "x"], 2, "--population goes with --register"),
    "a chapter on invented data": (
        ["--only", "kpr", "--only", "growth", "--register", "x", "--population", "y"],
        2,
        "growth reads a municipal panel and would run on synthetic data",
    ),
    "data of two kinds": (["--only", "appendix", "--only", "ohd", "--data", PANEL], 2, "run ohd alone"),
    "specifications and a chapter": (["--only", "appendix", "--spec", "x.toml"], 2, "leave out --only"),
    "specifications and episodes": (
        ["--spec", "x.toml", "--register", "x", "--population", "y"],
        2,
        "would not be read by --spec",
    ),
    "renaming nothing": (["--rename", "a=b"], 2, "--rename is of the columns of --data"),
    "no renaming": (["--data", PANEL, "--rename", "municipality"], 2, "'their column=our name'"),
    "renaming to nothing": (["--data", PANEL, "--rename", "a="], 2, "'their column=our name'"),
    "renaming twice": (["--data", PANEL, "--rename", "a=b", "--rename", "a=c"], 2, "names a column twice"),
    "two files": (["--data", PANEL, "--data", PANEL], 2, "--data is given twice"),
    "a variable that is not set": (["--data", ""], 2, "a variable that is not set?"),
    "no folder": (["--out", " "], 2, "is no path"),
    "a list and a file": (["--list", "--data", PANEL], 2, "leave out --data"),
    "half an option": (["--dat", PANEL], 2, "unrecognized arguments"),
    "no such chapter": (["--only", "growht"], 2, "invalid choice"),
    "no such file": (["--only", "appendix", "--data", "none.csv"], 3, "there is no file"),
    "no such specifications": (["--spec", "none.toml"], 3, "there is no file"),
    "data for specifications": (["--spec", PANEL], 2, "is not a TOML file"),
    "a folder for specifications": (["--spec", ROOT], 2, "a folder"),
    "a column that is not there": (
        ["--only", "appendix", "--data", PANEL, "--rename", "kommune=municipality"],
        3,
        "",
    ),
    "a name that is taken": (
        ["--only", "appendix", "--data", PANEL, "--rename", "deaths=urban"],
        2,
        "renamed to a name that another column has: 'urban' (from 'deaths')",
    ),
}


@pytest.mark.parametrize("kind", SAID)
def test_bad_command_lines(tmp_path, kind):
    arguments, code, words = SAID[kind]
    out = tmp_path / "out"
    done = estimate_inside(*arguments, *([] if "--out" in arguments else ["--out", out]), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


# Tables with other names and no more columns than are used.


def small_table(folder, separator=";"):
    data = make_panel(8, 4, 3).rename(columns={"unit": "Kommune nr", "y": "utgift"})
    data[["Kommune nr", "utgift", "x"]].to_csv(folder / "mine.csv", index=False, sep=separator)
    return data


def test_a_specification_needs_only_its_own_columns(tmp_path):
    data = small_table(tmp_path)
    (tmp_path / "mine.toml").write_text(
        "[plain]\nformula = 'y ~ x + square(x) | unit'\ncovariance = 'cluster'\n"
        "[pooled]\nformula = 'y ~ x'\nentity = 'unit'\nsample = 'x > 0'\n[rename]\nutgift = 'y'\n"
    )
    common = ("--spec", tmp_path / "mine.toml", "--data", tmp_path / "mine.csv", "--out", tmp_path / "out")
    done = estimate_inside(*common, "--rename", "Kommune nr=unit")
    assert done.returncode == 0, done.stderr
    assert "data_origin: file of the user" in done.stdout
    named = data.rename(columns={"Kommune nr": "unit", "utgift": "y"})
    fit = kv.estimate(kv.Specification.from_formula("y ~ x + square(x) | unit", covariance="cluster"), named)
    table = pd.read_csv(tmp_path / "out" / "own-specifications" / "mine_en.csv", dtype=str)
    assert f"{fit.coefficients.loc['x', 'estimate']:.3f}" in table.to_string()
    absent = estimate_inside(*common)
    assert absent.returncode == 3
    assert "specification 'plain': the data lack the column(s) 'unit'" in absent.stderr
    assert "specification 'pooled': the data lack the column(s) 'unit'" in absent.stderr
    assert "--rename THEIRS=OURS" in absent.stderr
    assert "kv.estimate takes any frame" in absent.stderr
    differ = estimate_inside(*common, "--rename", "utgift=z")
    assert (differ.returncode, "give other names to 'utgift'" in differ.stderr) == (2, True)


@pytest.mark.filterwarnings("ignore:3 suspicious amount")
def test_a_finished_panel_under_other_names(tmp_path):
    panel = pd.read_csv(PANEL)
    named = panel.rename(columns={"municipality": "Kommune", "net_expenditure": "netto = utgift"})
    named.to_csv(tmp_path / "panel.csv", index=False)
    ours = kv.load_panel(PANEL)
    rename = {"Kommune": "municipality", "netto = utgift": "net_expenditure"}
    pd.testing.assert_frame_equal(kv.load_panel(tmp_path / "panel.csv", rename), ours)
    (tmp_path / "panel.toml").write_text(
        "file = 'panel.csv'\n[rename]\nKommune = 'municipality'\n'netto = utgift' = 'net_expenditure'\n"
    )
    pd.testing.assert_frame_equal(kv.load_panel(tmp_path / "panel.toml"), ours)
    frame = load_frame(tmp_path / "panel.toml", {"deaths": "dead"})
    np.testing.assert_array_equal(frame["dead"], panel["deaths"])
    assert "municipality" in frame
    with pytest.raises(DataMissingError, match="'dead'"):
        kv.load_panel(tmp_path / "panel.toml", {"dead": "deaths"})
    with pytest.raises(SpecificationError, match="renamed in a finished panel"):
        kv.load_panel(tmp_path, rename)
    (tmp_path / "spec.toml").write_text("formula = 'y ~ x | unit'")
    with pytest.raises(SpecificationError, match="is a specification: give it with --spec"):
        load_frame(tmp_path / "spec.toml", rename)
    with pytest.raises(SpecificationError, match=r"read it with kv\.load_panel"):
        kv.build_panel(tmp_path / "panel.toml")
    done = estimate_inside(
        *("--only", "appendix", "--data", tmp_path / "panel.csv", "--out", tmp_path / "out", "--quiet"),
        *("--rename", "Kommune=municipality", "--rename", "netto = utgift=net_expenditure"),
    )
    assert done.returncode == 0, done.stderr


def test_a_table_without_the_panel_is_told_what_it_can_do(tmp_path):
    small_table(tmp_path)
    with pytest.raises(DataMissingError) as caught:
        kv.load_panel(tmp_path / "mine.csv")
    assert "'municipality'" in str(caught.value)
    assert "kv.estimate takes any frame (--spec FILE)" in str(caught.value)
    assert "--rename THEIRS=OURS" in str(caught.value)


@pytest.mark.filterwarnings("ignore:3 suspicious amount")
def test_the_embedded_panel_may_be_renamed_for_specifications():
    frame = load_frame(None, {"municipality": "Kommune"})
    assert frame["Kommune"].nunique() == 365
    assert kv.estimate(kv.SPECIFICATIONS["A3-1"].vary(entity="Kommune"), frame).provenance.synthetic


def test_a_frame_is_taken_as_it_is(tmp_path):
    small_table(tmp_path)
    frame = load_frame(tmp_path / "mine.csv", {"x": "population"})
    assert list(frame) == ["Kommune nr", "utgift", "population", "population_10k"]
    np.testing.assert_allclose(frame["population_10k"], frame["population"] / 10_000)
    assert kv.estimate(kv.Specification("utgift", ("population",), "Kommune nr"), frame).n_obs == len(frame)
    frame.assign(data_origin="synthetic").to_csv(tmp_path / "made.csv", index=False)
    made = load_frame(tmp_path / "made.csv")
    assert kv.estimate(kv.Specification("utgift", ("population",), "Kommune nr"), made).provenance.synthetic


@pytest.mark.parametrize(
    ("renamed", "error", "words"),
    [
        ({"kommune": "unit"}, DataMissingError, "'kommune' (did you mean 'Kommune'?)"),
        ({"Kommune": "year"}, SpecificationError, "'year' (from 'Kommune')"),
        ({"Kommune": "a", "year": "a"}, SpecificationError, "'a' (from 'Kommune'), 'a' (from 'year')"),
    ],
)
def test_renaming_that_cannot_be(renamed, error, words):
    with pytest.raises(error) as caught:
        check_renaming(renamed, ["Kommune", "year"])
    assert words in str(caught.value)


def test_renaming_that_can_be():
    check_renaming({"Kommune": "year", "year": "Kommune"}, ["Kommune", "year"])
    check_renaming({"Kommune": "Kommune"}, ["Kommune", "year"])
    check_renaming({}, [])
    assert merge_renaming({"a": "b"}, {"a": "b", "c": "d"}) == {"a": "b", "c": "d"}
    with pytest.raises(SpecificationError, match="give other names to 'a'"):
        merge_renaming({"a": "b"}, {"a": "c"})


def test_letters_that_look_like_others_are_named():
    assert nearest_names(["уear"], ["year"]) == "'уear' (with U+0443) (did you mean 'year'?)"
    assert nearest_names(["a\u00a0b"], ["a b"]) == "'a\\xa0b' (with U+00A0) (did you mean 'a b'?)"
    assert nearest_names(["år"], ["ar"]) == "'år'"


# Without a time where nothing asks for one.


@pytest.fixture(scope="module")
def panel():
    return make_panel()


COVARIANCES = ["classical", "hc1", "hc3", "cluster", ("cluster", "region"), ("twoway", "unit", "region")]


@pytest.mark.parametrize("covariance", COVARIANCES, ids=str)
def test_without_a_time_the_estimate_is_the_same(panel, covariance):
    spec = kv.Specification("y", ("x", "z"), "unit", weights="population", covariance=covariance)
    timeless = panel.drop(columns="year")
    whole, without = kv.estimate(spec, panel), kv.estimate(spec, timeless)
    pd.testing.assert_frame_equal(without.coefficients, whole.coefficients)
    again = without.with_covariance("jackknife").coefficients
    pd.testing.assert_frame_equal(again, whole.with_covariance("jackknife").coefficients)


def test_absorbed_sets_and_transformations_need_no_time(panel):
    spec = kv.Specification.from_formula("log(w) ~ square(x) + per_capita(z) | region + sector")
    data = panel.assign(w=np.exp(panel["y"] / 10), sector=panel.index % 5)
    pd.testing.assert_frame_equal(
        kv.estimate(spec, data.drop(columns=["year", "unit"])).coefficients,
        kv.estimate(spec, data).coefficients,
    )
    curve = kv.specification_curve(kv.grid(spec, weights=[None, "population"]), data.drop(columns="year"))
    assert curve.frame["estimate"].notna().all()


ASKING = {
    "lag": lambda s, d: kv.estimate(s.adding("lag(x)"), d),
    "difference": lambda s, d: kv.estimate(s.adding("diff(log(population))"), d),
    "lag of the outcome": lambda s, d: kv.estimate(s.vary(outcome="diff(y)"), d),
    "year dummies": lambda s, d: kv.estimate(s.adding("C(year)"), d),
    "absorbed": lambda s, d: kv.estimate(s.vary(absorb=("region^year",)), d),
    "two-way": lambda s, d: kv.estimate(s.vary(covariance="twoway"), d),
    "two-way afterwards": lambda s, d: kv.estimate(s, d).with_covariance("twoway"),
    "Driscoll and Kraay": lambda s, d: kv.estimate(s.vary(covariance="driscoll_kraay"), d),
    "Driscoll and Kraay afterwards": lambda s, d: kv.estimate(s, d).with_covariance("driscoll_kraay"),
    "AR(1)": kv.estimate_ar1,
    "Wooldridge": lambda s, d: kv.wooldridge_test(kv.estimate(s, d)),
    "second opinion": ask_linearmodels,
    "a time of one's own": lambda s, d: kv.estimate(s.vary(time="yaer"), d),
    "a sample": lambda s, d: kv.estimate(s.vary(sample="year > 2012"), d),
}


@pytest.mark.filterwarnings("ignore:24 of 144 rows")  # those before which there is none
@pytest.mark.parametrize("kind", ASKING)
def test_what_goes_along_time_asks_for_it(panel, kind):
    spec = kv.Specification("y", ("x", "z"), "unit")
    with pytest.raises(DataMissingError, match=r"'year'|'yaer'"):
        ASKING[kind](spec, panel.drop(columns="year"))
    if "own" not in kind:
        assert ASKING[kind](spec, panel) is not None


def test_rows_are_named_by_number_where_there_is_no_time(panel):
    data = panel.drop(columns="year").assign(region=panel["region"].where(panel.index != 7))
    with pytest.raises(kv.errors.InvalidDataError, match="unit 1 row 8"):
        kv.estimate(kv.Specification("y", ("x",), "unit", covariance=("cluster", "region")), data)


# Lists that are cut say so.


@pytest.mark.parametrize(("lang", "more"), [("en", "moved: and 5 more"), ("nb", "flyttet: og 5 til")])
def test_a_long_list_of_moved_numbers_ends_with_how_many_more(lang, more):
    for count, last in ((LISTED, f"table {LISTED - 1}"), (LISTED + 5, more)):
        moved = tuple(f"table {i}" for i in range(count))
        report = ChapterReport("appendix", ChapterResult({}, moved=moved, data_origin=("synthetic",)), (), ())
        lines = describe(report, Path("out"), lang).splitlines()
        assert lines[-2].endswith(last)
        assert len([line for line in lines if "table " in line]) == LISTED


def test_help_names_the_exit_codes():
    said = estimate_inside("--help").stdout
    for code in ("0 all as printed", "1 numbers moved", "2 usage", "3 data missing", "4 refused", "130"):
        assert code in " ".join(said.split())


def test_all_options_are_in_the_table_of_combinations():
    assert {name for given in GIVEN for name in given} == set(OPTIONS)
    n = len(CHAPTERS)
    # None and all; each chapter; each pair of chapters.
    assert len(list(product(CHOSEN, GIVEN))) == (2 + n + n * (n - 1) // 2) * 32
