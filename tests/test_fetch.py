"""From the wire to the regressions, on a fake Statistics Norway."""

import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from fake_country import ALIVE, CHANGES, CODES, COUNTS, country
from fake_statbank import FakeStatBank, Fault, Table, running
from kostnadsvekst import generations
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, OutputError
from kostnadsvekst.generations import MARKER
from kostnadsvekst.panel.differences import explain_differences
from kostnadsvekst.panel.raw import AGES, RawData, read_raw
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources.requests import load_requests
from kostnadsvekst.sources.store import read_store, write_store

STABLE = tuple(f"{n:04d}" for n in range(101, 141))
ALL_CODES = sorted({code for alive in ALIVE.values() for code in alive} | set(STABLE))
YEARS = [str(year) for year in range(2015, 2021)]
BANDS = {"age_0_5": "003", "age_6_15": "010", "age_16_66": "040", "age_67_79": "070", "age_80_plus": "090"}
FUNCTIONS = ["232", "233", "234", "241", "253", "254", "255", "256", "261"]


def invented() -> pd.DataFrame:
    """Raw totals of the country, with 40 municipalities that never change for the regressions."""
    raw = country(stable=STABLE)
    # ages 15-74 in the fake table are those of 16-66 and 67-79 that it has
    wide = raw.pivot(index=["municipality", "year"], columns="quantity", values="value")
    people = wide["age_16_66"] + 0 * wide["age_67_79"]
    fifteen = raw["quantity"] == "persons_15_74"
    keys = pd.MultiIndex.from_frame(raw.loc[fifteen, ["municipality", "year"]])
    raw.loc[fifteen, "value"] = (people + wide["age_67_79"]).reindex(keys).to_numpy()
    return raw


def statbank_of(raw: pd.DataFrame) -> FakeStatBank:
    """Serve the country by the tables and codes of data/parameters/statbank.toml."""
    wide = raw.pivot(index=["municipality", "year"], columns="quantity", values="value")

    def value(code: str, year: str, quantity: str) -> tuple[float | None, str]:
        key = (code, int(year[:4]))
        if key in wide.index:
            return float(wide.loc[key, quantity]), ""
        born = [y for y, alive in ALIVE.items() if code in alive]
        # as in Statistics Norway's tables: null before the code exists, zero after it has ended
        return (None, ".") if born and int(year[:4]) < min(born) else (0.0, "")

    def simple(
        region: str, quantity: str, extra: dict[str, list[str]], labels: dict[str, str] | None = None
    ) -> Table:
        suffix = "K4" if quantity == "population_end" else ""
        source = "population_start" if quantity == "population_end" else quantity
        dimensions = {region: ["EAK", *ALL_CODES], **extra, "Tid": [y + suffix for y in YEARS]}

        def cell(address: dict[str, str]) -> tuple[float | None, str]:
            number, status = value(address[region], address["Tid"], source)
            if quantity in PERCENT and number:
                key = (address[region], int(address["Tid"]))
                number = 100 * number / wide.loc[key, PERCENT[quantity]]
            if quantity == "free_income" and number:
                key = (address[region], int(address["Tid"]))
                number = 1000 * number / wide.loc[key, "population_start"]
            return number, status

        return Table(dimensions, cell, ("Landbakgrunn",), labels or {})

    def expenditure(address: dict[str, str]) -> tuple[float | None, str]:
        code, function, year = address["KOKkommuneregion0000"], address["KOKfunksjon0000"], address["Tid"]
        if code != "EAK":
            return value(code, year, "net_expenditure") if function == "FGK9" else (None, "..")
        if function == "255" and year != "2015":
            return None, "."
        parts = {f: 1000.0 * (i + 1) * 1.04 ** (int(year) - 2015) for i, f in enumerate(FUNCTIONS)}
        if year != "2015":
            parts["255"] = 0.0
        return (sum(parts.values()) if function == "FGK9" else parts[function]), ""

    kommune = "KOKkommuneregion0000"
    accounts = {
        kommune: ["EAK", *ALL_CODES],
        "KOKfunksjon0000": [*FUNCTIONS, "FGK9"],
        "KOKart0000": ["AGD2"],
        "ContentsCode": ["KOSbelop0000"],
        "Tid": YEARS,
    }
    ages = {
        "Region": ALL_CODES,
        "Kjonn": ["1", "2"],
        "Alder": [*BANDS.values(), "015"],
        "ContentsCode": ["Personer1"],
        "Tid": YEARS,
    }

    def people(address: dict[str, str]) -> tuple[float | None, str]:
        if address["Alder"] == "015":
            return 0.0, ""
        band = next(b for b, age in BANDS.items() if age == address["Alder"])
        return value(address["Region"], address["Tid"], band)

    bank = FakeStatBank(max_cells=3_000, calls=100_000, window=1)
    bank.tables = {
        "12362": Table(accounts, expenditure),
        "12134": simple(kommune, "free_income", {"ContentsCode": ["KOSAG110000"]}),
        "07459": Table(ages, people, ("Kjonn",)),
        "01222": simple("Region", "population_end", {"ContentsCode": ["Folketallet11"]}),
        "06913": simple("Region", "deaths", {"ContentsCode": ["Dode"]}),
        "09817": simple(
            "Region",
            "immigrants",
            {"InnvandrKat": ["B"], "Landbakgrunn": ["999"], "ContentsCode": ["Personer1"]},
        ),
        "05212": simple(
            "Region",
            "urban",
            {"TettSpredt": ["1", "2"], "ContentsCode": ["Bosatte"]},
            {"1": "Tettbygd strøk", "2": "Spredtbygd strøk", "Bosatte": "Personer"},
        ),
        "11820": combined(simple, kommune),
    }
    groups = [{"sourceCode": f"EKG{1 + int(c) % 16:02d}", "targetCode": c} for c in ALL_CODES]
    bank.klass = {
        "classifications/131/changes": {"codeChanges": CHANGES.to_dict("records")},
        "classifications/131/codesAt": {
            "codes": [{"code": c, "name": c} for c in (*CODES[2015], *STABLE, "9999")]
        },
        **{f"correspondencetables/{n}": {"correspondenceMaps": groups} for n in (2476, 190, 335, 501, 978)},
    }
    return bank


PERCENT = {
    "unemployed_15_74": "persons_15_74",
    "living_alone_80_plus": "age_80_plus",
    "divorced_16_66": "age_16_66",
}


def combined(simple: Callable[..., Table], region: str) -> Table:
    """One table with key figures; that of unemployment has no known code, and stands beside a count."""
    shares = {
        "KOSandelenslige80000": simple(region, "living_alone_80_plus", {}),
        "KOSandelskilte0000": simple(region, "divorced_16_66", {}),
        "KOSx1": simple(region, "unemployed_15_74", {}),
    }
    counts = {"KOSskilteseparer0000": "Skilte (antall)", "KOSx2": "Registrerte arbeidsledige (antall)"}
    labels = {"KOSx1": "Registrerte arbeidsledige (prosent)", **counts}

    def cell(address: dict[str, str]) -> tuple[float | None, str]:
        return shares[address["ContentsCode"]].cell(address)

    dimensions = shares["KOSx1"].dimensions | {"ContentsCode": [*shares, *counts]}
    return Table(dimensions, cell, (), labels)


def run(script: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a script inside this process: starting Python and pandas takes longer than the work."""
    out, errors = io.StringIO(), io.StringIO()
    spec = importlib.util.spec_from_file_location(script.removesuffix(".py"), ROOT / "scripts" / script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", [script, *arguments])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            try:
                code = module.main()
            except SystemExit as stopped:  # argparse
                code = stopped.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), errors.getvalue())


def fetch(bank: FakeStatBank, folder: Path, *more: str) -> subprocess.CompletedProcess:
    urls = ("--base-url", bank.url, "--klass-url", bank.url_klass)
    return run("fetch.py", "--store", str(folder / "store"), "--cache", str(folder / "cache"), *urls, *more)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fetched")
    with running(statbank_of(invented())) as bank:
        done = fetch(bank, folder)
        assert done.returncode == 0, done.stderr
        yield bank, folder


def test_store_says_where_everything_comes_from(fetched):
    _, folder = fetched
    description = json.loads((folder / "store" / "datapackage.json").read_text("utf-8"))
    assert {r["name"] for r in description["resources"]} == {
        *load_requests(),
        "klass_changes",
        "klass_codes",
        "kostra_groups",
    }
    assert description["licenses"][0]["name"] == "CC-BY-4.0"
    spent = next(r for r in description["resources"] if r["name"] == "net_expenditure")
    assert spent["updated"] == "2021-06-13T22:00:00Z"
    assert spent["retrieved"].startswith("20")
    assert spent["hash"].startswith("sha256:")
    assert spent["request"]["table"] == "12362"
    cells = read_store(folder / "store").tables["net_expenditure"]
    assert set(cells.loc[cells["status"] == ".", "KOKkommuneregion0000"]) == {"0012", "0015"}
    assert cells.loc[cells["status"] == ".", "value"].isna().all()


def test_panel_of_the_store_is_that_of_the_country(fetched):
    _, folder = fetched
    raw = invented()
    from_store = kv.build_panel(folder / "store", population="start-of-year")
    codes = {2015: [*CODES[2015], *STABLE]}
    data = read_raw(raw)
    directly = kv.build_panel(
        RawData(data.values, data.provenance, CHANGES, codes), population="start-of-year"
    )
    pd.testing.assert_frame_equal(from_store, directly, rtol=1e-9)
    assert from_store.attrs["log"] == directly.attrs["log"]
    assert from_store.attrs["steps"][0]["units"] == 49
    # the end-of-year population of the store's own table (which the fake serves from the same year's January)
    ended = kv.build_panel(folder / "store")
    assert ended["population"].tolist() == from_store["population"].tolist()


# Chapters that read a panel; all of them, the specification curve among them, where time is no matter.
QUICK = ("appendix", "explanation", "growth", "case-selection")


@pytest.mark.parametrize("chapters", [QUICK, pytest.param((), marks=pytest.mark.slow)], ids=["quick", "all"])
def test_estimate_runs_on_the_store(fetched, tmp_path, chapters):
    _, folder = fetched
    only = [word for name in chapters for word in ("--only", name)]
    given = ("--data", str(folder / "store"), "--out", str(tmp_path), "--lang", "en", "--json")
    done = run("estimate.py", *given, *only)
    assert done.returncode in (0, 1), done.stderr
    audit = pd.read_csv(tmp_path / "audit.csv", dtype=str, keep_default_na=False)
    assert set(audit["origin"]) == {"Statistics Norway"}
    assert "calibrated" not in set(audit["verdict"])
    reasons = audit.loc[audit["verdict"] == "differs", "reason"]
    assert reasons.str.contains(
        "other N: 225 municipality-years (45 municipalities, 2015-2019)", regex=False
    ).all()
    table = (tmp_path / "appendix" / "table_a3_en.md").read_text("utf-8")
    assert "SYNTHETIC" not in table
    growth = pd.read_csv(tmp_path / "growth" / "growth_account.csv", dtype={"function": str})
    total = growth[(growth["function"] == "FGK9")].set_index("year")["nominal_nok1000"]
    assert total[2015] == pytest.approx(45_000)
    assert total[2016] == pytest.approx((45_000 - 7_000) * 1.04)
    assert (tmp_path / "growth" / "figure_4_en.png").is_file()


def without_unemployment(bank: FakeStatBank, months: int = 12) -> None:
    """Take the key figure out; the monthly table has 1, 2, ... per cent in the months of each year."""
    table = bank.tables["11820"]
    table.dimensions["ContentsCode"].remove("KOSx1")
    when = [f"{year}M{month:02d}" for year in YEARS for month in range(1, months + 1)]
    monthly = {
        "Region": ALL_CODES,
        "Alder": ["15-29", "15-74"],
        "ContentsCode": ["RegHeltLedige"],
        "Tid": when,
    }
    bank.tables["10540"] = Table(monthly, lambda address: (float(address["Tid"][5:]), ""))


def test_a_substitute_is_named_all_the_way(tmp_path):
    bank = statbank_of(invented())
    without_unemployment(bank)
    with running(bank):
        done = fetch(bank, tmp_path)
    assert done.returncode == 0
    assert (
        "unemployed_15_74 is from another table than the first choice, table 10540: per cent of the labour"
        in (done.stderr)
    )
    request = read_store(tmp_path / "store").requests["unemployed_15_74"]
    assert request["table"] == "10540"
    assert "has none of label:*ledige*prosent*" in request["instead_of"]
    panel = kv.build_panel(tmp_path / "store")
    assert panel["unemployed_15_74"].to_numpy() == pytest.approx(6.5)  # (1 + ... + 12) / 12
    assert "unemployed_15_74 is not the report's: table 10540, per cent of the labour force" in (
        explain_differences(panel)
    )


def test_a_year_without_all_its_months_is_missing(tmp_path):
    bank = statbank_of(invented())
    without_unemployment(bank, months=11)
    with running(bank):
        assert fetch(bank, tmp_path).returncode == 0
    values = read_raw(tmp_path / "store").values
    assert values.loc[values["quantity"] == "unemployed_15_74", "value"].isna().all()


def test_a_table_that_cannot_be_had_is_a_named_hole(tmp_path):
    bank = statbank_of(invented())
    bank.tables["06913"].dimensions["ContentsCode"] = ["Folkemengde", "Levende", "Dode9"]
    with running(bank):
        done = fetch(bank, tmp_path)
        assert done.returncode == 3
        assert "1 of 14 tables could not be fetched" in done.stderr
        # what is spelled most like it stands first
        assert "has none of Dode (it has Dode9 label of Dode9, " in done.stderr
        assert "is usable; holes: deaths" in done.stderr
        store = read_store(tmp_path / "store")
        assert list(store.holes) == ["deaths"]
        assert len(store.tables) == 13
        with pytest.raises(
            DataMissingError, match=r"the data lack deaths; [^\n]*\n  - not fetched: deaths: "
        ):
            kv.build_panel(tmp_path / "store")
    bank.tables["06913"].dimensions["ContentsCode"] = ["Dode"]
    shutil.rmtree(tmp_path / "cache")
    with running(bank):  # at another address, so that no calls of this minute are counted
        assert fetch(bank, tmp_path, "--only", "deaths").returncode == 0
    assert read_store(tmp_path / "store").holes == {}
    # a later failure keeps the table that the store has
    bank.tables["06913"].dimensions["ContentsCode"] = ["Dode9"]
    shutil.rmtree(tmp_path / "cache")
    with running(bank):
        done = fetch(bank, tmp_path)
    assert done.returncode == 3
    assert "no holes: it keeps what an earlier run fetched" in done.stderr
    assert "deaths" in read_store(tmp_path / "store").tables


def test_codes_with_a_prefix_are_municipalities_too(tmp_path):
    bank = statbank_of(invented())
    plain = bank.tables["06913"]
    regions = [f"K_{code}" if code != "EAK" else code for code in plain.dimensions["Region"]]
    bank.tables["06913"] = Table(
        plain.dimensions | {"Region": regions},
        lambda address: plain.cell(address | {"Region": address["Region"].removeprefix("K_")}),
    )
    with running(bank):
        assert fetch(bank, tmp_path).returncode == 0
    values = read_raw(tmp_path / "store").values
    deaths = values[values["quantity"] == "deaths"].set_index(["municipality", "year"])["value"]
    expected = invented().query("quantity == 'deaths' and year < 2020")
    expected = expected.set_index(["municipality", "year"])["value"]
    assert deaths.reindex(expected.index).equals(expected)


def test_nothing_is_asked_again(fetched):
    bank, folder = fetched
    before = len(bank.log)
    assert fetch(bank, folder).returncode == 0
    assert fetch(bank, folder, "--offline").returncode == 0
    assert fetch(bank, folder, "--dry-run").returncode == 0
    assert len(bank.log) == before
    only = fetch(bank, folder, "--only", "deaths", "--refresh")
    assert only.returncode == 0
    assert len(read_store(folder / "store").tables) == len(load_requests()) + 3
    assert {path.split("/")[5] for _, path in bank.log[before:] if "/tables/" in path} == {"06913"}


def test_dry_run_prints_requests_and_doubts():
    command = [sys.executable, str(ROOT / "scripts" / "fetch.py"), "--dry-run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    for name, entry in load_requests().items():
        assert f"{name}: " in done.stdout
        assert f"/tables/{entry['table']}/data?" in done.stdout
    assert done.stdout.count("[not verified") == sum(not e["verified"] for e in load_requests().values())


def test_offline_without_a_cache_says_what_is_missing(tmp_path):
    done = run("fetch.py", "--offline", "--store", str(tmp_path / "s"), "--cache", str(tmp_path / "c"))
    assert done.returncode == 3
    assert "net_expenditure: offline, and never fetched before" in done.stderr
    assert not (tmp_path / "s").exists()


def test_failure_leaves_the_old_store_and_lists_everything(fetched):
    bank, folder = fetched
    files = {p.name: p.read_bytes() for p in (folder / "store").iterdir()}
    bank.faults = [Fault(status=200, body=b"<html>", content_type="text/html")] * 100
    try:
        done = fetch(bank, folder, "--refresh", "--only", "deaths", "--only", "urban")
    finally:
        bank.faults = []
    assert done.returncode == 3
    assert "2 of 2 tables could not be fetched" in done.stderr
    assert "mend its line in data/parameters/statbank.toml" in done.stderr
    assert {p.name: p.read_bytes() for p in (folder / "store").iterdir()} == files


def test_without_a_network_it_stops_at_once(tmp_path):
    with running(FakeStatBank()) as bank:
        gone = bank.url  # the port is free again after this block
    urls = ("--base-url", gone, "--klass-url", gone, "--store", str(tmp_path / "s"), "--cache", str(tmp_path))
    done = run("fetch.py", *urls)
    assert done.returncode == 3
    assert "after 2 attempts: the host cannot be reached" in done.stderr
    assert "kostra_groups: not tried" in done.stderr


def test_unknown_name_is_refused():
    done = run("fetch.py", "--only", "weather")
    assert done.returncode == 2
    assert "nothing to fetch is called weather" in done.stderr


def test_known_reasons_of_differences(fetched):
    _, folder = fetched
    panel = kv.build_panel(folder / "store", borders=2020, population="start-of-year", base_year=2018)
    panel.attrs["updated"] |= {"12362": "2024-06-17T06:00:00Z"}
    reason = explain_differences(panel)
    for part in ("other N", "start of the year", "borders: 2020", "kroner of 2018", "may be revised: 12362"):
        assert part in reason
    panel.attrs["provenance"] = Provenance("synthetic").to_attrs()
    assert explain_differences(panel) == ""


# The store by itself ----------


def frame() -> pd.DataFrame:
    return pd.DataFrame({"Region": ["0301", "1101"], "value": [1.5, np.nan], "status": ["", ".."]})


def test_store_keeps_every_cell(tmp_path):
    write_store(tmp_path / "s", {"a": frame()}, {})
    pd.testing.assert_frame_equal(read_store(tmp_path / "s").tables["a"], frame())


def test_damaged_or_foreign_stores_are_refused(tmp_path):
    folder = tmp_path / "s"
    with pytest.raises(DataMissingError, match="make a store with"):
        read_store(folder)
    write_store(folder, {"a": frame(), "b": frame()}, {})
    (folder / "a.parquet").write_bytes((folder / "b.parquet").read_bytes()[:-1] + b"x")
    (folder / "b.parquet").unlink()
    with pytest.raises(
        InvalidDataError, match=r"a.parquet is not the file that was written.*\n.*b.parquet is missing"
    ):
        read_store(folder)
    description = json.loads((folder / "datapackage.json").read_text("utf-8"))
    (folder / "datapackage.json").write_text(json.dumps({**description, "version": "0"}))
    with pytest.raises(InvalidDataError, match="has format 0, this version reads 1"):
        read_store(folder)
    (folder / "datapackage.json").write_text("{")
    with pytest.raises(InvalidDataError, match="is damaged"):
        read_store(folder)


def test_writing_fails_without_harm(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    write_store(folder, {"a": frame()}, {})
    broken = frame().assign(value=[object(), object()])
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever Parquet raises
        write_store(folder, {"a": frame(), "b": broken}, {})
    assert list(read_store(folder).tables) == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.docx").write_text("x")
    with pytest.raises(OutputError, match="is not empty and no store of this program"):
        write_store(other, {"a": frame()}, {})
    assert (other / "thesis.docx").read_text() == "x"


@pytest.mark.parametrize("way", ["exchange", "renames"])
def test_old_store_stays_when_the_new_one_cannot_be_put_in_place(tmp_path, monkeypatch, way):
    folder = tmp_path / "s"
    write_store(folder, {"a": frame()}, {})
    rename, exchange = os.rename, generations._exchange

    def fail_on_the_new(source, target):
        if Path(target) == folder and Path(source).name == "new":
            raise OSError(5, "disk is gone")
        if way == "exchange":
            raise OSError(5, "disk is gone")
        return rename(source, target)

    monkeypatch.setattr(
        generations, "_exchange", fail_on_the_new if way == "exchange" else lambda *two: False
    )
    monkeypatch.setattr(os, "rename", fail_on_the_new)
    with pytest.raises(OutputError, match=r"cannot be written: disk is gone .*; what was there is as it was"):
        write_store(folder, {"b": frame()}, {})
    assert list(read_store(folder).tables) == ["a"]
    assert [p.name for p in tmp_path.iterdir()] == ["s"]
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(generations, "_exchange", exchange)
    write_store(folder, {"b": frame()}, {})
    assert list(read_store(folder).tables) == ["b"]


# Files of the user, other people's folders, and every other place ----------


def test_own_files_in_the_store_survive(fetched):
    bank, folder = fetched
    (folder / "store" / "notes.txt").write_text("what I found out")
    (folder / "store" / "scripts").mkdir()
    (folder / "store" / "scripts" / "mine.py").write_text("1")
    assert fetch(bank, folder).returncode == 0
    assert (folder / "store" / "notes.txt").read_text() == "what I found out"
    assert (folder / "store" / "scripts" / "mine.py").read_text() == "1"
    assert sorted(p.name for p in folder.iterdir()) == ["cache", "store"]
    for name in ("notes.txt", "scripts/mine.py"):
        (folder / "store" / name).unlink()
    (folder / "store" / "scripts").rmdir()


def test_a_changed_table_is_named_and_kept_aside(tmp_path):
    write_store(tmp_path / "s", {"a": frame()}, {})
    (tmp_path / "s" / "a.parquet").write_bytes(b"mine")
    with pytest.warns(DataWarning, match=r"yours are kept as a\.parquet\.kept-1"):
        write_store(tmp_path / "s", {"a": frame()}, {})
    assert (tmp_path / "s" / "a.parquet.kept-1").read_bytes() == b"mine"
    assert list(read_store(tmp_path / "s").tables) == ["a"]


def test_a_store_from_before_the_marker_is_taken_over(tmp_path):
    folder = tmp_path / "s"
    write_store(folder, {"a": frame(), "b": frame()}, {})
    (folder / MARKER).unlink()
    (folder / "own.txt").write_text("own")
    write_store(folder, {"b": frame()}, {})
    assert sorted(p.name for p in folder.iterdir()) == [MARKER, "b.parquet", "datapackage.json", "own.txt"]


OTHERS = {
    "a package of somebody else": {"datapackage.json": '{"name": "energy", "resources": []}'},
    "a package that copies our name": {
        "datapackage.json": '{"name": "kostnadsvekst-store", "resources": []}'
    },
    "no package at all": {"datapackage.json": "[]"},
    "a package that cannot be read": {"datapackage.json": "["},
    "a deep package": {"datapackage.json": "[" * 100_000},
    "a thesis": {"thesis.tex": "x"},
    "a hidden file": {".git": "x"},
    "results of the chapters": {MARKER: '{"kind": "results", "files": {}}'},
    "a damaged marker": {MARKER: "{"},
}


@pytest.mark.parametrize("files", OTHERS.values(), ids=OTHERS)
def test_a_folder_that_is_not_ours_is_refused_before_anything_is_asked(tmp_path, files):
    folder = tmp_path / "store"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    with running(FakeStatBank()) as bank:
        done = fetch(bank, tmp_path)
        assert not bank.log
    assert done.returncode == 3
    assert str(folder) in done.stderr
    assert re.search("name another folder|move the folder", done.stderr)
    assert {p.name: p.read_text() for p in folder.iterdir()} == files


BAD_INPUTS = [
    (["--only", "weather"], 2, "nothing to fetch is called weather; there are net_expenditure"),
    (["--start", "2020", "--end", "2015"], 2, "the panel cannot be of 2020 to 2015"),
    (["--start", "15"], 2, "the panel cannot be of 15 to 2019"),
    (["--end", "20199"], 2, "the panel cannot be of 2015 to 20199"),
    (["--start", "two"], 2, "argument --start: invalid int value: 'two'"),
    (["--offline", "--refresh"], 2, "--offline does not ask at all: choose one"),
    (["--base-url", "data.ssb.no"], 2, "'data.ssb.no' is no address of a web service"),
    (["--klass-url", "ftp://data.ssb.no"], 2, "'ftp://data.ssb.no' is no address of a web service"),
    (["--base-url", "http://[::1"], 2, "'http://[::1' is no address of a web service"),
    (["--stroe", "x"], 2, "unrecognized arguments: --stroe x"),
    (["--store", "file"], 3, "file is a file: name a folder"),
    (["--store", "file/store"], 3, "file/store cannot be a folder: "),
    (["--store", "dangling"], 3, "dangling is a link to "),
    (["--store", "/proc"], 3, "/proc is a mount point and cannot be replaced whole"),
    (["--store", "/proc/store"], 3, "/proc/store cannot be written: "),
    (["--store", "."], 3, "you are working in it: run from another folder"),
    (["--store", "thesis"], 3, "thesis is not empty and no store of this program"),
    (["--store", "read-only"], 3, "read-only is read-only: allow writing, or name another folder"),
    (["--cache", "file"], 3, "the cache file cannot be written: "),
    (["--cache", "/proc/cache"], 3, "the cache /proc/cache cannot be written: "),
]


@pytest.mark.parametrize(("more", "code", "words"), BAD_INPUTS, ids=[" ".join(b[0]) for b in BAD_INPUTS])
def test_bad_inputs_are_told_with_place_and_remedy(fetched, tmp_path, monkeypatch, more, code, words):
    bank, _ = fetched
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.tex").write_text("mine")
    (tmp_path / "read-only").mkdir(mode=0o555)
    monkeypatch.chdir(tmp_path)
    usual = ["--store", "store", "--cache", "cache", "--base-url", bank.url, "--klass-url", bank.url_klass]
    asked = len(bank.log)
    done = run("fetch.py", *usual, *more)
    assert len(bank.log) - asked <= 1
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()
    assert (tmp_path / "file").read_text() == (tmp_path / "thesis" / "a.tex").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_output_for_every_terminal_and_into_a_closed_pipe(tmp_path):
    command = [sys.executable, str(ROOT / "scripts" / "fetch.py"), "--dry-run"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as closed:
        closed.stdout.close()
        assert closed.stderr.read() == b""
        assert closed.wait(60) == 0


def test_a_damaged_store_is_replaced_by_a_complete_run_only(fetched, tmp_path):
    bank, folder = fetched
    shutil.copytree(folder / "cache", tmp_path / "cache")
    shutil.copytree(folder / "store", tmp_path / "store")
    (tmp_path / "store" / "deaths.parquet").unlink()
    done = fetch(bank, tmp_path, "--only", "urban")
    assert done.returncode == 3
    assert "deaths.parquet is missing" in done.stderr
    assert "fetch all of them (without --only)" in done.stderr
    done = fetch(bank, tmp_path)
    assert done.returncode == 0
    assert "warning: the store that was there is not used: " in done.stderr
    assert len(read_store(tmp_path / "store").tables) == len(load_requests()) + 3


def killed_stores(folder: Path, times: int) -> list[dict]:
    command = [sys.executable, str(ROOT / "tests" / "store_deaths.py"), str(folder), str(times)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_stores_survived(ends: list[dict]) -> None:
    assert {end["code"] for end in ends} <= {-9, -15, 130}
    for end in ends:
        assert len(set(end["values"].values())) == 1, end
        assert (len(end["values"]), end["own"], end["left"]) == (14, "own", 0), end


def test_a_store_survives_whatever_ends_the_writing(tmp_path):
    ends = killed_stores(tmp_path, 12)
    assert len(ends) == 12
    assert_stores_survived(ends)


@pytest.mark.slow
def test_a_store_survives_many_ends(tmp_path):
    ends = killed_stores(tmp_path, 400)
    assert_stores_survived(ends)
    # How far a process comes hangs on the load of the machine; of so many some are old and some new.
    assert len({end["values"]["t0"] for end in ends}) > 1


def test_interrupting_is_one_line(tmp_path):
    bank = statbank_of(invented())
    bank.faults = [Fault(delay=30.0)]
    command = [sys.executable, str(ROOT / "scripts" / "fetch.py"), "--base-url"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with running(bank):
        places = ["--store", str(tmp_path / "store"), "--cache", str(tmp_path / "cache")]
        started = subprocess.Popen(
            [*command, bank.url, "--klass-url", bank.url_klass, *places],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        deadline = time.monotonic() + 60
        while not bank.data_requests and time.monotonic() < deadline:
            time.sleep(0.01)
        started.send_signal(signal.SIGINT)
        out, errors = started.communicate(timeout=60)
    assert started.returncode == 130
    assert out == ""
    assert errors.splitlines()[-1].startswith("interrupted: the store is as it was")
    assert len([line for line in errors.splitlines() if not line.startswith("warning: ")]) == 1
    assert not (tmp_path / "store").exists()


DESCRIPTIONS = {
    "a list": "[]",
    "null": "null",
    "cut off": '{"version": "1", "resources": [',
    "deep": '{"a": ' * 50_000,
    "without resources": '{"version": "1"}',
    "resources of another shape": '{"version": "1", "resources": {"a": 1}}',
    "resources without names": '{"version": "1", "resources": [{}, 7, null]}',
    "a path out of the store": '{"version": "1", "resources": [{"name": "a", "path": "../a", "hash": ""}]}',
    "holes of another shape": '{"version": "1", "resources": [], "holes": [1]}',
    "not UTF-8": b'{"version": "\xe6"}',
}


@pytest.mark.parametrize("text", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_descriptions_of_other_shapes_are_named(tmp_path, text):
    write_store(tmp_path / "s", {"a": frame()}, {})
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "s" / "datapackage.json").write_bytes(content)
    with pytest.raises(InvalidDataError, match=r"store .* is damaged: fetch again.*\n  - datapackage\.json"):
        read_store(tmp_path / "s")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100, b"\0" * 1000])
def test_tables_that_are_no_parquet_are_named(tmp_path, content):
    write_store(tmp_path / "s", {"a": frame()}, {})
    description = json.loads((tmp_path / "s" / "datapackage.json").read_text("utf-8"))
    description["resources"][0]["hash"] = "sha256:" + hashlib.sha256(content).hexdigest()
    (tmp_path / "s" / "datapackage.json").write_text(json.dumps(description))
    (tmp_path / "s" / "a.parquet").write_bytes(content)
    with pytest.raises(InvalidDataError, match=r"a\.parquet cannot be read: "):
        read_store(tmp_path / "s")


def test_parameters_name_known_quantities_and_units():
    from kostnadsvekst.panel.raw import QUANTITIES, UNITS

    named = set()
    for name, entry in load_requests().items():
        assert entry["unit"] in UNITS, name
        assert isinstance(entry["verified"], bool), name
        assert entry["verified"] or entry["note"], name
        named |= set(entry.get("bands", {})) | ({entry["quantity"]} if "quantity" in entry else set())
    assert named == set(QUANTITIES)
    assert {*AGES, *COUNTS} <= named
