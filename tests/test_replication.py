"""What a data editor checks: every output has its program, every column its meaning, a digest each file."""

import ast
import csv
import hashlib
import importlib.util
import io
import json
import re
import sys
import tomllib
from datetime import date

import pandas as pd
import pytest
from frictionless import Package, system
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from kostnadsvekst.chapters import CHAPTERS, ChapterResult, Settings, choose_chapters, files_of, replication
from kostnadsvekst.chapters.replication import run
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.language import LANGUAGES, SYNTHETIC_LABEL
from kostnadsvekst.panel.monthly import CELLS, DEMAND, DISTANCE, MAIN_OUTCOME, MECHANISMS, SUPPLY
from kostnadsvekst.panel.schema import COLUMNS as PANEL
from kostnadsvekst.register.schema import EPISODE_COLUMNS
from kostnadsvekst.report.chapter_files import BESIDE, looks_like_ours, write_chapter
from kostnadsvekst.report.output import read_csv_text
from kostnadsvekst.report.replication import codebook, data_package, listing, manifest, ro_crate
from kostnadsvekst.report.replication.in_text import numbers_frame
from kostnadsvekst.report.replication.listing import Made, list_outputs, read_makers, read_results, stem_of
from kostnadsvekst.report.replication.manifest import Difference, compare, embedded_inputs, own_inputs
from kostnadsvekst.report.replication.package import build_package
from kostnadsvekst.report.replication.rights import NOT_THE_REPORTS
from kostnadsvekst.report.replication.seeds import SEEDS
from kostnadsvekst.sources.municipal_kinds import KINDS
from kostnadsvekst.synthetic.acute_beds import simulate
from kostnadsvekst.version import RELEASED, __version__

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def committed():
    return read_results(RESULTS)


@pytest.fixture(scope="module")
def tables(committed):
    """Path of every CSV file -> names of its columns."""
    files = {path: content for made in committed.values() for path, content in made.files.items()}
    return {path: codebook.read_header(path, text) for path, text in files.items() if path.endswith(".csv")}


# Programs ----------


def line_of(program):
    """Line of a function in its file; None where there is no such function."""
    module, _, name = program.rpartition(".")
    base = ROOT if module.startswith("benchmarks.") else ROOT / "src"
    path = base / f"{module.replace('.', '/')}.py"
    tree = ast.parse(path.read_text("utf-8"))
    return next((n.lineno for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name), None)


def test_every_output_has_its_line_and_every_line_an_output(committed):
    outputs = list_outputs(committed)
    unknown = [one.path for one in outputs if listing.find_maker(one.path) is None]
    assert unknown == [], "a new output: a line in data/parameters/outputs.csv"
    used = {(maker.output, maker.kind) for one in outputs if (maker := listing.find_maker(one.path))}
    assert {(maker.output, maker.kind) for maker in read_makers()} == used


@pytest.mark.parametrize("program", sorted({maker.program for maker in read_makers()}))
def test_every_program_is_there(program):
    assert line_of(program), program


def test_a_table_and_a_figure_of_one_name_have_their_own_programs():
    path = "kpr/figure_13_municipality_by_age_nb"
    assert listing.find_maker(f"{path}.svg").program.endswith("municipality_figure")
    assert listing.find_maker(f"{path}.csv").program.endswith("municipality_tables")
    assert listing.find_maker("consistency/findings.csv").program.endswith("findings_frame")
    assert listing.find_maker("consistency/findings_nb.csv").program.endswith("findings_table")


def test_every_output_has_a_title_in_both_languages(committed):
    for one in list_outputs(committed):
        assert one.title.nb.strip(), one.path
        assert one.title.en.strip(), one.path
        assert not one.title.en.startswith(SYNTHETIC_LABEL.en[:14]), one.path
        assert one.kind in listing.KINDS
    titles = {one.path: one.title for one in list_outputs(committed)}
    assert titles["growth/figure_2_nb.png"].en.startswith("Figure 2: Growth of net operating expenditure")
    assert titles["appendix/table_a3_en.tex"].nb.startswith("Tabell A3: Lineære regresjonsanalyser")


# By hand: study -> column with its number of draws.
DRAWS = {
    "ohd/coverage.csv": "n_draws",
    "ohd/power.csv": "draws",
    "kpr/coverage.csv": "n_draws",
    "consistency/recall.csv": "reports",
    "municipal/coverage_counts.csv": "n_sets",
    "municipal/coverage_ranks.csv": "n_sets",
}
# Computed without draws, or with data sets that have no limits left out; and one of real numbers.
OTHER_STUDIES = {
    "municipal/coverage_computed.csv",
    "municipal/coverage_costs.csv",
    "projection/coverage_of_bands.csv",
    "projection/range_of_alternatives.csv",
}


@pytest.mark.parametrize("path", DRAWS)
def test_the_command_of_a_study_has_the_draws_of_its_file(path):
    _, script, number = listing.made_elsewhere()[path].split()
    assert (ROOT / script).is_file()
    (draws,) = pd.read_csv(RESULTS / path)[DRAWS[path]].unique()
    assert int(number) == draws


def test_the_studies_are_all():
    assert set(listing.made_elsewhere()) == set(DRAWS) | OTHER_STUDIES
    for command in listing.made_elsewhere().values():
        assert (ROOT / command.split()[1]).is_file(), command


# Codebook ----------


def test_every_column_is_described_and_nothing_else(tables):
    used, absent = set(), []
    for path, header in tables.items():
        for name in header:
            line = codebook.find_description(path, name)
            if line is None:
                absent.append(f"{path}: {name}")
            else:
                used.add((line, stem_of(path)))
    assert absent == [], "a new column: a line in data/parameters/codebook.csv"
    unused = [
        f"{output}: {line.column.en}"
        for line in codebook.read_codebook()
        for output in line.outputs
        if output not in {codebook.EVERYWHERE, *codebook.DATA_SETS} and (line, output) not in used
    ]
    assert unused == []
    assert ("*",) in {line.outputs for line, _ in used}


def test_the_two_languages_of_a_table_have_the_same_descriptions(tables):
    for path, header in tables.items():
        if path.endswith("_en.csv"):
            other = tables[path.replace("_en.csv", "_nb.csv")]
            english, norwegian = (
                [codebook.find_description(place, name) for name in names]
                for place, names in ((path, header), (path.replace("_en.csv", "_nb.csv"), other))
            )
            assert english == norwegian, path


def test_descriptions_say_more_than_the_name():
    for line in codebook.read_codebook():
        for lang in LANGUAGES:
            assert len(line.meaning.get(lang)) > 5 or line.column.en in ("region",), line
            assert line.meaning.get(lang) != line.column.get(lang), line
        assert line.kind in {"number", "integer", "text", "date", "month", "boolean", "printed"}, line
        assert line.unit.en or line.kind not in ("number", "printed"), line
        assert set(line.missing) <= {"empty", ":", "..", "."}, line


@pytest.mark.parametrize(
    ("path", "name", "label", "unit"),
    [
        (
            "growth/table_groups_nb.csv",
            "Kroner per innbygger (2019-priser) Nivå 2012",
            ("Kroner per innbygger (2019-priser) Nivå 2012",) * 2,
            "2019 kroner per inhabitant",
        ),
        (
            "kpr/weekly_users.csv",
            "home_health 80+",
            ("Helsetjenester i hjemmet, 80+ år: brukere", "Health services at home, 80+ years: users"),
            "persons",
        ),
        (
            "kpr/weekly_hours_per_user.csv",
            "practical_bpa all",
            (
                "Brukerstyrt personlig assistanse (BPA), alle aldre: timer per bruker",
                "User-controlled personal assistance (BPA), all ages: hours per user",
            ),
            "hours per week",
        ),
        (
            "explanation/changes.csv",
            "std_error",
            ("Standardfeil", "Standard error"),
            "2019 kroner per inhabitant",
        ),
        ("ohd/many_outcomes.csv", "std_error", ("Standardfeil", "Standard error"), "log units"),
    ],
)
def test_columns_by_hand(path, name, label, unit):
    found = codebook.describe_column(path, name)
    assert (tuple(found.label), found.unit.en) == (label, unit)


def test_an_unknown_column_is_described_nowhere_and_says_so():
    for name in ("home_health 81+", "home_health", "respite 80+"):
        assert codebook.describe_column("kpr/weekly_users.csv", name) is None
    frame = codebook.codebook_frame({"growth": Made({"growth/mine.csv": "a,data_origin\n1,x\n"}, ("x",))})
    mine = frame[frame["file"] == "growth/mine.csv"]
    assert mine["column_en"].tolist() == ["a", "data_origin"]
    assert mine["meaning_en"].iloc[0].startswith("not described")
    assert mine["meaning_nb"].iloc[0].startswith("ikke beskrevet")


def test_the_data_that_are_read_are_in_the_codebook():
    frame = codebook.codebook_frame({})
    named = {
        key: frame.loc[frame["file"] == name.en, "column_en"].tolist()
        for key, name in codebook.DATA_SETS.items()
    }
    assert named["panel"] == list(PANEL)
    assert named["episodes"] == list(EPISODE_COLUMNS)
    months = ["municipality", "month", "first_month", *CELLS, *SUPPLY, *DEMAND, *MECHANISMS, DISTANCE]
    assert named["months"] == months
    panel = simulate(1, n_municipalities=20, cells=[MAIN_OUTCOME]).panel
    assert {*months} - {*CELLS} <= {*panel.columns}


# Manifest ----------

FILES = {"growth/a.csv": 'x,data_origin\n"1\n2",synthetic\n3,synthetic\n', "growth/b_nb.md": "**Tittel**\n"}


def small_manifest(tmp_path, own_data=False):
    source = tmp_path / "source.csv"
    source.write_text("a\n1\n")
    text = manifest.build_manifest(
        {"own/source.csv": sha(source.read_text())},
        list_outputs({"growth": Made(FILES)}),
        FILES,
        own_data=own_data,
    )
    return source, text


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_manifest_by_hand(tmp_path):
    _, text = small_manifest(tmp_path)
    found = json.loads(text)
    assert found["inputs"] == {"own/source.csv": sha("a\n1\n")}
    assert list(found["outputs"]) == ["growth/a.csv", "growth/b_nb.md"]
    assert found["outputs"]["growth/a.csv"] == {
        "sha256": sha(FILES["growth/a.csv"]),
        "bytes": 42,
        "rows": 2,
        "kind": "data",
        "chapter": "growth",
        "program": "kostnadsvekst.chapters.growth.run",
        "command": "python scripts/estimate.py --only growth",
    }
    assert "rows" not in found["outputs"]["growth/b_nb.md"]
    assert found["made_by"] == f"kostnadsvekst {__version__}"
    assert str(tmp_path) not in text


def write_results(tmp_path):
    source, text = small_manifest(tmp_path)
    out = tmp_path / "results"
    write_chapter(out, "growth", FILES)
    write_chapter(out, "replication", {"manifest.json": text, "replication/outputs.csv": "a,data_origin\n"})
    return source, out


def test_what_is_not_as_listed_is_named(tmp_path):
    source, out = write_results(tmp_path)
    (out / "replication" / "outputs.csv").unlink()
    inputs = {"own/source.csv": source}
    assert compare(out, inputs) == ()
    # One chapter alone: the manifest stays, and what has changed is told.
    write_chapter(out, "growth", {**FILES, "growth/a.csv": "x,data_origin\n9,synthetic\n"})
    assert compare(out, inputs) == (Difference("growth/a.csv", "changed", "outputs"),)
    write_chapter(out, "growth", FILES)
    assert compare(out, inputs) == ()
    (out / "growth" / "b_nb.md").unlink()
    (out / "growth" / "mine.txt").write_text("mine")
    source.write_text("a\n2\n")
    assert compare(out, inputs) == (
        Difference("own/source.csv", "changed", "inputs"),
        Difference("growth/b_nb.md", "missing", "outputs"),
        Difference("growth/mine.txt", "unlisted", "outputs"),
    )
    assert [d.kind for d in compare(out, {}) if d.part == "inputs"] == ["missing"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"inputs": {}}', '{"inputs": {"a": 1}, "outputs": {}}', "[" * 100_000, "\x00"]
)
def test_a_damaged_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InvalidDataError, match=r"manifest\.json is damaged .*estimate --out"):
        manifest.read_manifest(tmp_path)


def test_a_folder_without_a_manifest_is_named(tmp_path):
    with pytest.raises(DataMissingError, match=r"has no manifest\.json: run"):
        manifest.read_manifest(tmp_path)
    with pytest.raises(DataMissingError, match="there is no results folder"):
        read_results(tmp_path / "none")


@settings(max_examples=60)
@given(st.lists(st.lists(st.text('a,"\n;', max_size=4), min_size=2, max_size=3), min_size=1, max_size=5))
def test_rows_are_those_of_a_csv_reader(rows):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    text = buffer.getvalue()
    assert manifest.count_rows(text.encode()) == len(rows) - 1
    assert manifest.count_rows(text.removesuffix("\n").encode()) == len(rows) - 1


def test_everything_that_is_read_is_listed():
    names = set(embedded_inputs())
    assert {"data/synthetic/synthetic_panel_2015_2019.csv", "paper/paper.typ", "paper/numbers.toml"} <= names
    own = set(embedded_inputs(own_data=True))
    assert own == {name for name in names if name.startswith(("data/published/", "data/parameters/"))}


def test_a_folder_of_the_user_is_listed_file_by_file_without_its_path(tmp_path):
    store = tmp_path / "store"
    (store / "deep").mkdir(parents=True)
    for name in ("a.parquet", "deep/b.parquet", ".hidden"):
        (store / name).write_text(name)
    assert own_inputs([store, tmp_path / "none.csv"]) == {
        "own/store/a.parquet": store / "a.parquet",
        "own/store/deep/b.parquet": store / "deep" / "b.parquet",
    }


@pytest.mark.parametrize("name", [path for path, owner in BESIDE.items() if owner == "replication"])
def test_our_files_are_known_where_no_list_was_left(name):
    assert looks_like_ours(name, (RESULTS / name).read_bytes())
    assert not looks_like_ours(name, b"{}\n")


# Data of the user's own ----------


@pytest.fixture(scope="module")
def own_run(tmp_path_factory):
    """The chapter on a panel of the user's own, all other chapters made up."""
    data = tmp_path_factory.mktemp("secret-folder") / "mine.csv"
    data.write_text("a\n1\n")
    table = "Variable,2019,data_origin\nx,1,file of the user\n"
    files = {"appendix/table_a1_en.csv": table, "appendix/table_a1_en.md": "**Mine**\n"}
    settings = Settings(data=data, out=RESULTS)
    finished = {name: ChapterResult({}, data_origin=()) for name in CHAPTERS["replication"].uses}
    for name in ("background", "kpr", "ohd", "consistency", "paper"):
        del finished[name]  # do not run on data of the user's own
    finished["appendix"] = ChapterResult(files, data_origin=("file of the user",))
    return settings, run(settings, finished)


def test_own_data_have_the_chapter_and_no_paper():
    assert "replication" in choose_chapters(Settings(data=RESULTS))
    assert "paper" not in choose_chapters(Settings(data=RESULTS))
    assert list(CHAPTERS)[-1] == "replication"
    assert set(CHAPTERS["replication"].uses) == set(CHAPTERS) - {"replication"}


def panel_table(value, origin):
    return {"growth/a.csv": f"x,data_origin\n{value},{origin}\n"}


def describe(out, **told):
    result = run(Settings(out=out, **told), {})
    write_chapter(out, "replication", result.files)
    return set(json.loads(result.files["manifest.json"])["outputs"]) - {*BESIDE}


def test_one_chapter_alone_is_described_with_what_earlier_runs_left(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(DataMissingError, match="no results that could be described"):
        describe(out)
    write_chapter(out, "growth", panel_table(1, "synthetic"))
    write_chapter(
        out, "consistency", {"consistency/b.csv": "x,data_origin\n1,printed numbers of the report\n"}
    )
    (out / "growth" / "mine.csv").write_text("not of this program")
    assert {"growth/a.csv", "consistency/b.csv"} <= describe(out)
    assert {(d.path, d.kind) for d in compare(out, embedded_inputs())} == {("growth/mine.csv", "unlisted")}
    # A chapter of this run goes before what is in the folder.
    now = ChapterResult(panel_table(2, "synthetic"), data_origin=("synthetic",))
    made = run(Settings(out=out), {"growth": now}).files["manifest.json"]
    assert json.loads(made)["outputs"]["growth/a.csv"]["sha256"] == sha(
        panel_table(2, "synthetic")["growth/a.csv"]
    )
    # Made of somebody's data in between: left out.
    write_chapter(out, "growth", panel_table(3, "file of the user"))
    assert "growth/a.csv" not in describe(out)
    assert "consistency/b.csv" in describe(out)


def test_what_changed_after_an_earlier_run_is_not_called_current(tmp_path, monkeypatch):
    """The chapter alone describes results of before a change of their data, and does not vouch for them."""
    out, source = tmp_path / "out", tmp_path / "x.csv"
    source.write_text("before")
    monkeypatch.setattr(replication, "embedded_inputs", lambda own_data: {"data/x.csv": source})
    growth = ChapterResult(panel_table(1, "synthetic"), data_origin=("synthetic",))
    write_chapter(out, "growth", growth.files)
    describe(out)
    assert inputs_in(out) == {"data/x.csv": sha("before")}
    source.write_text("after")
    with pytest.warns(DataWarning, match=r"changed since: data/x.csv; run all") as told:
        describe(out)
    assert "endret etterpå: data/x.csv" in told[0].message.args[0].nb
    assert inputs_in(out) == {"data/x.csv": sha("before")}
    assert [(d.path, d.kind) for d in compare(out, {"data/x.csv": source})] == [("data/x.csv", "changed")]
    page = (out / "replication" / "replication_en.md").read_text("utf-8")
    assert sha("before") in page
    assert sha("after") not in page
    # Made in this run: what was read is what is there.
    write_chapter(out, "replication", run(Settings(out=out), {"growth": growth}).files)
    assert inputs_in(out) == {"data/x.csv": sha("after")}
    assert compare(out, {"data/x.csv": source}) == ()


def inputs_in(out):
    return json.loads((out / "manifest.json").read_text("utf-8"))["inputs"]


def test_results_on_other_data_are_left_out(tmp_path):
    out, data = tmp_path / "out", tmp_path / "mine.csv"
    data.write_text("1")
    mine = ChapterResult(panel_table(1, "file of the user"), data_origin=("file of the user",))
    write_chapter(out, "growth", mine.files)
    write_chapter(out, "replication", run(Settings(data=data, out=out), {"growth": mine}).files)
    assert "growth/a.csv" in describe(out, data=data)
    with pytest.raises(DataMissingError):
        describe(out)
    data.write_text("2")
    with pytest.raises(DataMissingError):
        describe(out, data=data)
    (out / "manifest.json").write_text("{")
    with pytest.raises(DataMissingError):
        describe(out, data=data)


def test_every_part_says_that_the_data_are_not_the_reports(own_run):
    _, result = own_run
    for lang in LANGUAGES:
        page = result.files[f"replication/replication_{lang}.md"]
        parts = page.split("\n## ")[1:]
        assert len(parts) == 6
        for part in parts:
            assert NOT_THE_REPORTS.get(lang) in part.lower(), part
    package = json.loads(result.files["datapackage.json"])
    assert "licenses" not in package
    assert NOT_THE_REPORTS.en in package["title"]
    for resource in package["resources"]:
        assert resource["title"].startswith(NOT_THE_REPORTS.en)
    graph = json.loads(result.files["ro-crate-metadata.json"])["@graph"]
    files = [entity for entity in graph if "File" in entity["@type"]]
    assert len(files) > 5
    for entity in files:
        assert NOT_THE_REPORTS.get(entity.get("inLanguage", "en")) in entity["description"], entity["@id"]
    assert "creativecommons" not in result.files["ro-crate-metadata.json"]


def test_own_files_are_listed_by_name_and_digest_only(own_run):
    settings, result = own_run
    found = json.loads(result.files["manifest.json"])
    assert found["own_data"] is True
    assert found["inputs"]["own/mine.csv"] == sha("a\n1\n")
    assert not [name for name in found["inputs"] if "synthetic" in name or name.startswith("paper/")]
    # Not what the report's studies have left in the folder.
    assert not set(listing.made_elsewhere()) & set(found["outputs"])
    assert "secret-folder" not in "".join(str(text) for text in result.files.values())
    assert files_of("growth", ChapterResult({}, data_origin=()), settings).keys() == {"growth/not_made.txt"}
    assert found["outputs"]["growth/not_made.txt"]["kind"] == "reason"


def test_the_report_is_not_called_somebody_elses(committed):
    made = {name: one for name, one in committed.items() if name == "appendix"}
    files = build_package(made, {}, ("nb", "en"), own_data=False)
    assert NOT_THE_REPORTS.en not in "".join(str(text) for text in files.values())
    assert json.loads(files["datapackage.json"])["licenses"][0]["name"] == "CC-BY-4.0"


# Data package ----------


def test_every_cell_is_as_its_schema_says():
    with system.use_context(trusted=False):
        package = Package(str(RESULTS / "datapackage.json"))
        report = package.validate()
    errors = [e for task in report.tasks for e in task.errors] + report.errors
    assert report.valid, [error.message for error in errors][:20]
    assert len(report.tasks) == len([*RESULTS.rglob("*.csv")])


def test_a_wrong_cell_would_be_seen(tmp_path):
    files = {"kpr/weekly_users.csv": "week,home_health 80+,data_origin\n2017-01-02,:,synthetic\n"}
    for text in (*files.values(), files["kpr/weekly_users.csv"].replace(":", "few")):
        made = {"kpr": Made({"kpr/weekly_users.csv": text}, ("synthetic",))}
        package = data_package.build_data_package(made, list_outputs(made), own_data=False)
        (tmp_path / "kpr").mkdir(exist_ok=True)
        (tmp_path / "kpr" / "weekly_users.csv").write_text(text)
        (tmp_path / "datapackage.json").write_text(package)
        assert Package(str(tmp_path / "datapackage.json")).validate().valid == ("few" not in text)


# RO-Crate: https://www.researchobject.org/ro-crate/specification/1.1/ ----------


@pytest.fixture(scope="module")
def crate():
    return json.loads((RESULTS / "ro-crate-metadata.json").read_text("utf-8"))


def references_in(value):
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            yield from (r for inner in value.values() for r in references_in(inner))
    elif isinstance(value, list):
        yield from (r for inner in value for r in references_in(inner))


def test_the_crate_is_as_the_specification_has_it(crate):
    assert set(crate) == {"@context", "@graph"}
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert all("@type" in entity for entity in entities.values())
    # Metadata file descriptor, and the root that it is about.
    descriptor = entities["ro-crate-metadata.json"]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities["./"]
    assert root["@type"] == "Dataset"
    assert {"name", "description", "datePublished", "license"} <= set(root)
    date.fromisoformat(root["datePublished"])
    # Flattened: nothing nested but references, and none that leads nowhere.
    outside = {"https://w3id.org/ro/crate/1.1"}
    assert not set(references_in(crate["@graph"])) - set(entities) - outside
    for entity in entities.values():
        for value in entity.values():
            for inner in value if isinstance(value, list) else [value]:
                assert not isinstance(inner, dict) or set(inner) == {"@id"}, entity["@id"]


def test_the_crate_has_every_file_and_says_how_it_was_made(crate, committed):
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    there = {path for made in committed.values() for path in made.files}
    described = {path for path, entity in entities.items() if "File" in entity["@type"]}
    assert described == there - {"ro-crate-metadata.json", "manifest.json"}
    assert {part["@id"] for part in entities["./"]["hasPart"]} == described
    results = [
        r for e in entities.values() if e["@type"] == "CreateAction" for r in references_in(e["result"])
    ]
    assert sorted(results) == sorted(described)
    for path in described:
        assert entities[path]["contentSize"] == str((RESULTS / path).stat().st_size), path
        assert ro_crate.MEDIA_TYPES[path[path.rindex(".") :]] == entities[path]["encodingFormat"]
    assert entities["growth/figure_1_nb.svg"]["description"] == SYNTHETIC_LABEL.nb


# In-text numbers, seeds ----------


def test_every_number_in_running_text_is_listed(committed):
    files = {path: content for made in committed.values() for path, content in made.files.items()}
    frame = numbers_frame(files)
    claims = read_csv_text(files["claims/claims.csv"])
    of_report, of_paper = (frame[frame["document"] == name] for name in ("report", "paper"))
    assert of_report["number"].tolist() == claims["id"].tolist()
    computed = dict(zip(claims["id"], claims["verdict"] != "not attempted", strict=True))
    for row in of_report.itertuples():
        assert bool(row.program) or not computed[row.number], row.number
    programs = {program for program in of_report["program"] if program}
    assert all(line_of(program) for program in programs)
    assert set(of_paper["number"]) == set(tomllib.loads((ROOT / "paper" / "numbers.toml").read_text("utf-8")))
    assert (of_paper["place"] != "").all()
    assert set(frame["file"]) <= set(files)


def seeds_in_the_code():
    """(module, name) of every whole number that is a seed: constants and defaults of arguments."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign):
                yield from ((module, name) for name in constants_of(node) if name.endswith("SEED"))
            if isinstance(node, ast.FunctionDef):
                arguments = [*node.args.args, *node.args.kwonlyargs]
                defaults = [*node.args.defaults, *node.args.kw_defaults]
                for argument, default in zip(
                    arguments[-len(defaults) :] if defaults else [], defaults, strict=True
                ):
                    if "seed" in argument.arg and isinstance(getattr(default, "value", None), int):
                        yield module, f"{node.name}.{argument.arg}"


def constants_of(node):
    """Names that an assignment gives to whole numbers, also several at once."""
    for target in node.targets:
        names = target.elts if isinstance(target, ast.Tuple) else [target]
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        if len(names) == len(values):
            for name, value in zip(names, values, strict=True):
                if (
                    isinstance(value, ast.Constant)
                    and isinstance(value.value, int)
                    and isinstance(name, ast.Name)
                ):
                    yield name.id


def test_every_seed_of_the_code_is_listed():
    listed = {(seed.module, seed.name) for seed in SEEDS}
    assert set(seeds_in_the_code()) <= listed
    # By hand.
    values = {f"{seed.module}.{seed.name}": seed.value for seed in SEEDS}
    assert values["kostnadsvekst.synthetic.register.DEFAULT_SEED"] == 2021
    assert values["kostnadsvekst.models.wild_bootstrap.SEED"] == 20_201
    assert values["kostnadsvekst.models.detectable.resample_power.seed"] == 154


# The files beside the code ----------


def read_cff():
    """CITATION.cff; what of YAML stands in it."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))


# Of the schema of the Citation File Format 1.2.0: what there may be, and of which kinds.
CFF_KEYS = {
    *("abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers"),
    *("keywords", "license", "license-url", "message", "preferred-citation", "references", "repository"),
    *("repository-artifact", "repository-code", "title", "type", "url", "version"),
}
CFF_REFERENCE_KEYS = {
    *("authors", "title", "type", "year", "month", "version", "notes", "license", "languages", "publisher"),
    *("url", "doi"),
}


def test_the_citation_file_is_complete_and_valid():
    cff = read_cff()
    assert set(cff) <= CFF_KEYS
    assert {"cff-version", "message", "title", "authors", "abstract", "keywords", "license"} <= set(cff)
    assert cff["cff-version"] == "1.2.0"
    assert cff["type"] in ("software", "dataset")
    assert str(cff["version"]) == __version__
    assert str(cff["date-released"]) == RELEASED
    assert len(cff["keywords"]) == len(set(cff["keywords"]))
    for url in (cff["license-url"], cff["repository-code"]):
        assert re.match(r"https://", url)
    for reference in (*cff["references"], cff["preferred-citation"]):
        assert {"authors", "title", "type"} <= set(reference) <= CFF_REFERENCE_KEYS
        assert all(
            set(author) <= {"name", "family-names", "given-names", "orcid"} for author in reference["authors"]
        )
        assert isinstance(reference["year"], int)
    assert str(cff["preferred-citation"]["version"]) == __version__


def test_the_licences_lie_side_by_side():
    data = (ROOT / "LICENSE-DATA.md").read_text("utf-8")
    assert "CC BY 4.0" in data
    assert "MIT" in (ROOT / "LICENSE").read_text("utf-8")
    for folder in sorted(path for path in (ROOT / "data").iterdir() if path.is_dir()):
        assert f"`data/{folder.name}/`" in data, folder.name
    described = (ROOT / "data" / "README.md").read_text("utf-8")
    assert "CC BY 4.0 (`../LICENSE-DATA.md`)" in described
    assert "made here: MIT" not in described


# What every sheet has, described once for all.
COMMON = {"Kommune", "År", "Kilde"}


@pytest.mark.parametrize("path", sorted((ROOT / "data" / "examples" / "municipal").glob("*/*.csv")))
def test_made_up_books_are_described_as_their_forms_have_it(path):
    form = KINDS[path.parent.name].form(path.stem)
    fields = {field.label.nb: field for field in form.fields}
    header = path.read_text("utf-8-sig").splitlines()[0].split(";")
    lines = [f"### `{path.parent.name}/{path.name}`: {form.label.en}", ""]
    lines += ["| Column | What it is | Unit | Remarks |", "|---|---|---|---|"]
    for one in (fields[name] for name in header if name not in COMMON):
        lines.append(f"| `{one.label.nb}` | {one.label.en} | {one.unit.en or '-'} | {one.help.en or '-'} |")
    described = (ROOT / "data" / "README.md").read_text("utf-8")
    assert "\n".join(lines) + "\n" in described, f"data/README.md: describe {path.name} so: {lines}"


@pytest.fixture(scope="module")
def writer():
    path = ROOT / "docs" / "write_replication.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_the_readme_of_the_package_is_what_the_script_makes(writer):
    assert (ROOT / "REPLICATION.md").read_text("utf-8") == writer.render(), "python docs/write_replication.py"


# Sections of the template README of the Social Science Data Editors, version 1.1.
SECTIONS = (
    "Overview",
    "Data availability and provenance statements",
    "Statement about rights",
    "Licence for data",
    "Summary of availability",
    "Details on each data source",
    "Dataset list",
    "Computational requirements",
    "Software requirements",
    "Controlled randomness",
    "Memory, runtime, storage",
    "Description of programs",
    "Instructions to replicators",
    "List of tables, figures and programs",
    "References",
)


def test_the_readme_has_the_sections_of_the_template(writer):
    text = writer.render()
    places = [re.search(rf"^##+ {re.escape(name)}$", text, re.MULTILINE) for name in SECTIONS]
    assert all(places), [name for name, place in zip(SECTIONS, places, strict=True) if not place]
    assert [place.start() for place in places] == sorted(place.start() for place in places)
    assert not re.search(r"/(?:home|work|tmp|Users)/", text)


def test_the_lines_are_those_of_now(writer):
    place = writer.find_line("kostnadsvekst.chapters.appendix.table_a3")
    path, _, line = place.partition(":")
    assert (ROOT / path).read_text("utf-8").splitlines()[int(line) - 1].startswith("def table_a3(")
    assert writer.find_line("benchmarks.power.main").startswith("benchmarks/power.py:")
