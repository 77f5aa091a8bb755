"""The main job as users run it: a process, its exit code, its files and its messages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_runs import estimate_inside
from conftest import ROOT
from kostnadsvekst.chapters import CHAPTERS, OWN, Settings, choose_chapters
from kostnadsvekst.report.audit import COLUMNS
from kostnadsvekst.sources.embedded import embedded_path

SCRIPT = ROOT / "scripts" / "estimate.py"
PANEL = "synthetic/synthetic_panel_2015_2019.csv"


def run(*arguments, cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder):
    """Visible files; the hidden ones tell the next run of them."""
    inside = [p for p in folder.rglob("*") if p.is_file()]
    files = [p for p in inside if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def appendix(tmp_path_factory):
    """One run on the embedded data from another working directory."""
    out = tmp_path_factory.mktemp("results")
    done = run("--only", "appendix", "--out", out, cwd=out)
    assert done.returncode == 0, done.stderr
    return done, out


def test_all_printed_items_come_out(appendix):
    done, out = appendix
    audit = pd.read_csv(out / "audit.csv", dtype=str, keep_default_na=False)
    assert list(audit.columns) == list(COLUMNS)
    assert audit["table"].value_counts().to_dict() == {"A1": 48, "A2": 48, "A3": 190}
    assert set(audit["verdict"]) == {"calibrated"}
    assert set(audit["origin"]) == {"synthetic"}
    assert "286 printed numbers put into the synthetic data: 286 calibrated" in done.stdout
    assert "data_origin: synthetic" in done.stdout


def test_both_engines_agree_in_every_row(appendix):
    audit = pd.read_csv(appendix[1] / "audit.csv", keep_default_na=False)
    numbers = audit[~audit["column"].str.endswith("stars")]
    ours, other = numbers["ours"].astype(float), numbers["second_opinion"].astype(float)
    # The file holds three digits more than printed; agreement to 1e-8 is judged before rounding.
    np.testing.assert_allclose(ours, other, rtol=1e-8, atol=2e-6)
    stars = audit[audit["column"].str.endswith("stars")]
    assert len(stars) == 62
    assert (stars["ours"] == stars["second_opinion"]).all()


def test_every_file_says_synthetic(appendix):
    for name, content in contents(appendix[1]).items():
        if not name.endswith(".png"):
            assert "synte" in content.decode().lower() or "synthetic" in content.decode().lower(), name


def test_committed_results_are_these(appendix):
    """Regenerated files equal those of the repository: text exactly, audited numbers to rounding."""
    made, kept = contents(appendix[1]), ROOT / "results"
    for name, content in made.items():
        committed = (kept / name).read_bytes()
        if name.startswith("audit"):
            continue
        assert content == committed, f"{name} has changed: run scripts/estimate.py and look at the difference"
    ours, theirs = (pd.read_csv(folder / "audit.csv", dtype=str) for folder in (appendix[1], kept))
    exact = ["table", "row", "column", "published", "tolerance", "verdict", "origin"]
    pd.testing.assert_frame_equal(ours[exact], theirs[exact])
    for column in ("ours", "second_opinion"):
        numbers = pd.to_numeric(ours[column], errors="coerce")
        np.testing.assert_allclose(numbers, pd.to_numeric(theirs[column], errors="coerce"), atol=5e-6)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "1", "OPENBLAS_NUM_THREADS": "2"},
        pytest.param(
            {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX"},
            marks=pytest.mark.slow,
        ),
        {"OPENBLAS_CORETYPE": "Nehalem", "PYTHONHASHSEED": "2"},
    ],
    ids=["hash seed and two threads", "without AVX-512", "hash seed and without AVX"],
)
def test_no_byte_depends_on_hash_seed_threads_or_processor(appendix, tmp_path, environment):
    assert run("--only", "appendix", "--out", tmp_path, "--quiet", **environment).returncode == 0
    assert contents(tmp_path) == contents(appendix[1])


def assert_audits_equal(folder, other):
    a, b = (pd.read_csv(f / "audit.csv", dtype=str, keep_default_na=False) for f in (folder, other))
    assert (a["verdict"] == b["verdict"]).all()
    numbers = [pd.to_numeric(x["ours"], errors="coerce") for x in (a, b)]
    np.testing.assert_allclose(*numbers, atol=2e-6)


def test_row_order_does_not_matter(appendix, tmp_path):
    panel = pd.read_csv(embedded_path(PANEL), dtype=str)
    panel.sample(frac=1, random_state=3).to_csv(tmp_path / "shuffled.csv", index=False)
    done = estimate_inside(
        "--only", "appendix", "--data", tmp_path / "shuffled.csv", "--out", tmp_path / "out", "--json"
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["chapters"]["appendix"]["printed_numbers"] == {"synthetic": {"input": {"calibrated": 286}}}
    assert summary["chapters"]["appendix"]["data_origin"] == ["synthetic"]
    assert_audits_equal(tmp_path / "out", appendix[1])


def test_own_stata_file_and_one_language(tmp_path):
    import pyreadstat

    pyreadstat.write_dta(pd.read_csv(embedded_path(PANEL)), tmp_path / "panel.dta")
    done = estimate_inside(
        "--only", "appendix", "--data", tmp_path / "panel.dta", "--out", tmp_path, "--lang", "nb"
    )
    assert done.returncode == 0, done.stderr
    assert "286 trykte tall lagt inn i de syntetiske dataene: 286 kalibrerte" in done.stdout
    assert not list((tmp_path / "appendix").glob("*_en.*"))


def test_what_own_data_cannot_give_has_not_moved(tmp_path):
    panel = pd.read_csv(embedded_path(PANEL))
    panel.to_csv(tmp_path / "panel.csv", index=False)
    done = estimate_inside(
        "--only", "growth", "--data", tmp_path / "panel.csv", "--out", tmp_path / "out", "--json"
    )
    assert done.returncode == 0, done.stdout
    told = json.loads(done.stdout)["chapters"]["growth"]
    assert told["printed_numbers"]["synthetic"]["none"]["not attempted"] > 30
    assert told["data_origin"] == ["synthetic", "Statistics Norway"]


def test_moved_numbers_exit_with_1(tmp_path):
    panel = pd.read_csv(embedded_path(PANEL))
    panel.loc[0, "net_expenditure"] += 3000
    panel.to_csv(tmp_path / "panel.csv", index=False)
    done = estimate_inside("--only", "appendix", "--data", tmp_path / "panel.csv", "--out", tmp_path)
    assert done.returncode == 1, done.stderr
    assert "moved: table A1" in done.stdout


def break_text(panel):
    panel["urban"] = panel["urban"].astype(str)
    panel.loc[7, "urban"] = "mange"
    return panel


BAD = {
    "missing column": (lambda p: p.drop(columns="deaths"), "'deaths'"),
    "duplicated municipality-year": (lambda p: pd.concat([p, p.head(1)]), "S001 2015: occurs more than once"),
    "missing year": (lambda p: p.drop(index=2), "S001: has no row for 2017"),
    "zero weight": (lambda p: p.assign(population=p["population"].where(p.index != 3, 0)), "S001 2018"),
    "missing weight": (
        lambda p: p.assign(population=p["population"].where(p.index != 3)),
        "S001 2018: population is missing",
    ),
    "text in a number": (break_text, "S002 2017: urban is not a number: 'mange'"),
    "thousands": (lambda p: p.assign(net_expenditure=p["net_expenditure"] / 1000), "thousand kroner"),
    "no rows": (lambda p: p.head(0), "no rows"),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_input_exits_with_3_and_writes_nothing(tmp_path, fault):
    change, message = BAD[fault]
    change(pd.read_csv(embedded_path(PANEL))).to_csv(tmp_path / "panel.csv", index=False)
    out = tmp_path / "out"
    out.mkdir()
    (out / "audit.csv").write_text("the last good result")
    done = estimate_inside("--only", "appendix", "--data", tmp_path / "panel.csv", "--out", out)
    assert done.returncode == 3
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(out) == {"audit.csv": b"the last good result"}


@pytest.mark.parametrize(("content", "message"), [(None, "there is no file"), (b"", "is empty")])
def test_no_file_or_an_empty_one(tmp_path, content, message):
    if content is not None:
        (tmp_path / "panel.csv").write_bytes(content)
    done = estimate_inside("--only", "appendix", "--data", tmp_path / "panel.csv", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert message in done.stderr


def test_a_suspicious_jump_is_warned_about_by_name(tmp_path):
    panel = pd.read_csv(embedded_path(PANEL))
    panel.loc[11, "net_expenditure"] /= 1000
    panel.to_csv(tmp_path / "panel.csv", index=False)
    done = estimate_inside("--only", "appendix", "--data", tmp_path / "panel.csv", "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "municipality S003 2016: net_expenditure" in done.stdout
    assert "thousand kroner for kroner?" in done.stdout


def test_results_folder_that_is_a_file(tmp_path):
    (tmp_path / "out").write_text("not a folder")
    done = estimate_inside("--only", "appendix", "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "can be written to" in done.stderr
    assert "Traceback" not in done.stderr


def test_usage_errors_exit_with_2():
    assert estimate_inside("--only", "nonsense").returncode == 2
    assert estimate_inside("--lang", "de").returncode == 2


def test_list_names_the_chapters():
    done = estimate_inside("--list")
    assert done.returncode == 0
    assert "appendix" in done.stdout


def test_help_imports_nothing_heavy():
    """Quick because pandas, numpy and scipy are not imported; the time itself is in benchmarks/."""
    code = (
        "import sys, runpy; sys.argv = ['estimate.py', '--help']\n"
        f"try: runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'scipy', 'statsmodels', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), tuple(CHAPTERS)),
        (
            Settings(data=Path("mine.csv")),
            (
                "appendix",
                "explanation",
                "growth",
                "case-selection",
                "specification-curve",
                "page",
                "replication",
            ),
        ),
        (Settings(register=Path("episodes.parquet")), ("kpr", "page", "replication")),
        (Settings(specifications=Path("mine.toml")), (OWN,)),
    ],
)
def test_own_data_run_the_chapters_that_read_them(settings, expected):
    assert choose_chapters(settings) == expected
