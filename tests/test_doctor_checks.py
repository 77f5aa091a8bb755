"""Each check of the doctor: a broken neighbour that it finds, and a clean one beside it that it does not."""

import hashlib
import inspect
import json
import os
import re
import subprocess
import sys

import pytest

from conftest import ROOT
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.report.doctor import CHECKS, GROUPS, examine
from kostnadsvekst.report.doctor.documents import headings_of
from kostnadsvekst.report.doctor.folder import ProjectFile, walk_folder
from kostnadsvekst.report.doctor.names import check_names
from kostnadsvekst.report.doctor.outputs import check_outputs
from kostnadsvekst.report.doctor.programs import Program
from kostnadsvekst.report.doctor.seeds import check_seeds
from kostnadsvekst.report.doctor.versions import loose_in_conda, loose_in_requirements
from kostnadsvekst.report.doctor.written_paths import kind_of_path

GREETING = "print('a program of this project')\n"


def fill(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def found(folder, group, **options):
    """(check, path) of what a group of checks finds."""
    return {(f.check, f.path) for f in examine(folder, groups=[group], **options).findings}


def lines(folder, group):
    return {(f.check, f.path, f.line) for f in examine(folder, groups=[group]).findings}


def test_every_check_is_in_a_group_and_speaks_both_languages():
    assert {check.group for check in CHECKS.values()} == set(GROUPS)
    for check in CHECKS.values():
        for text in (check.title, check.advice):
            assert text.nb
            assert text.en
            assert text.nb != text.en


# Names ----------


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("a\\b.csv", "unportable-name"),
        ("what?.csv", "unportable-name"),
        ("line\nend.csv", "unportable-name"),
        ("aux.csv", "unportable-name"),
        ("COM1", "unportable-name"),
        ("ends in a dot.", "unportable-name"),
        ("my data.csv", "awkward-name"),
        ("årsverk.csv", "awkward-name"),
        ("x" * 201, "long-path"),
        ("x" * 200, None),
        ("auxiliary.csv", None),
        ("com10.csv", None),
        ("com.csv", None),
        ("table_1-a.csv", None),
        (".gitignore", None),
    ],
)
def test_names(tmp_path, name, check):
    fill(tmp_path, {name: "1"})
    assert found(tmp_path, "names") == ({(check, name)} if check else set())


def test_names_that_only_differ_in_capitals_or_in_how_an_accent_is_written(tmp_path):
    fill(tmp_path, {"Data/a.csv": "1", "data/b.csv": "2", "caf\u00e9": "3", "cafe\u0301": "4", "c.csv": "5"})
    clashes = {path for check, path in found(tmp_path, "names") if check == "case-clash"}
    assert clashes == {"data", "caf\u00e9"}


def test_a_name_that_is_not_utf8(tmp_path):
    (tmp_path / "b.csv").write_text("1")
    with open(os.path.join(os.fsencode(tmp_path), b"\xe5rsverk.csv"), "wb") as file:
        file.write(b"2")
    assert found(tmp_path, "names") == {("undecodable-name", os.fsdecode(b"\xe5rsverk.csv"))}


def test_links(tmp_path):
    fill(tmp_path, {"real.csv": "1", "folder/x.csv": "2"})
    for name, target in {
        "inside": "real.csv",
        "nowhere": "gone.csv",
        "loop": "loop",
        "out": "/etc",
        "round": ".",
        "whole": tmp_path / "real.csv",
        "up": "../..",
    }.items():
        (tmp_path / name).symlink_to(target)
    (tmp_path / "folder" / "back").symlink_to("..")
    assert found(tmp_path, "names") == {("link", name) for name in ("nowhere", "loop", "out", "up", "whole")}
    assert [file.name for file in walk_folder(tmp_path).files] == ["folder/x.csv", "real.csv"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name")
def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")  # to read it would wait for ever
    fill(tmp_path, {"README.md": "# Data\n"})
    assert ("not-a-file", "pipe.csv") in found(tmp_path, "names")
    assert examine(tmp_path, groups=["persons"]).n_files == 1


def test_too_many_files(tmp_path):
    fill(tmp_path, {f"{k}.csv": "1" for k in range(5)})
    for most, told in ((4, 1), (5, 0)):
        folder = walk_folder(tmp_path, most_files=most)
        assert (len(folder.files), len(folder.findings)) == (most, told)


# Walk ----------


def test_what_others_installed_is_not_entered(tmp_path):
    left_out = (".git", "node_modules", "__pycache__", "pkg.egg-info")
    fill(tmp_path, {f"{name}/bad?.csv": "" for name in left_out})
    fill(tmp_path, {"my_env/pyvenv.cfg": "home = x", "my_env/bad?.csv": "", "src/good.py": GREETING})
    examined = examine(tmp_path, groups=["names", "contents"])
    assert not examined.findings
    assert examined.n_files == 1
    assert examined.left_out == tuple(sorted((*left_out, "my_env")))


def test_what_git_ignores_is_not_part_of_the_package(tmp_path):
    fill(tmp_path, {".gitignore": "store/\n*.log\n", "store/a?.csv": "1", "b?.log": "2", "c?.csv": "3"})
    assert len(found(tmp_path, "names")) == 3
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    examined = examine(tmp_path, groups=["names"])
    assert [finding.path for finding in examined.findings] == ["c?.csv"]
    assert examined.n_ignored == 2


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    fill(tmp_path, {"closed/a.csv": "1", "open/b.csv": "2"})
    scan = os.scandir

    def refuse(place):
        if str(place).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path, "contents") == {("unreadable-file", "closed")}


def test_a_hook_of_another_repository_does_not_mislead_git(tmp_path, monkeypatch):
    fill(tmp_path, {"here/.gitignore": "*.log\n", "here/a b.log": "1", "there/x": "1"})
    subprocess.run(["git", "init", "-q", tmp_path / "here"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "there"))
    assert not found(tmp_path / "here", "names")


def test_no_folder_and_a_file_in_its_place(tmp_path):
    (tmp_path / "file").write_text("1")
    for place in (tmp_path / "none", tmp_path / "file", "\0"):
        with pytest.raises(DataMissingError, match="folder"):
            examine(place)


def test_a_folder_deeper_than_functions_may_call_each_other(tmp_path):
    depth = 300
    (tmp_path.joinpath(*"d" * depth)).mkdir(parents=True)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + depth - 100)
    try:
        assert len(walk_folder(tmp_path).folders) == depth
    finally:
        sys.setrecursionlimit(limit)


# Contents ----------


def test_empty_files_and_duplicates(tmp_path):
    rows = "year,cost\n2015,1\n2016,2\n2017,3\n2018,"
    same, other = f"{rows}4\n", f"{rows}5\n"
    fill(tmp_path, {"a.csv": same, "b.csv": other, "old/a_copy.csv": same, "short1": "1", "short2": "1"})
    fill(tmp_path, {"empty.csv": "", "pkg/__init__.py": "", "data/.gitkeep": ""})
    fill(tmp_path, {"pair_1.csv": rows, "pair_2.csv": rows})
    assert found(tmp_path, "contents") == {
        ("empty-file", "empty.csv"),
        ("duplicate-file", "old/a_copy.csv"),
        ("duplicate-file", "pair_2.csv"),
    }


def test_files_that_went_away_or_may_not_be_read(tmp_path, monkeypatch):
    fill(tmp_path, {"a.csv": "1,2\n" * 20, "b.csv": "1,2\n" * 20})
    folder = walk_folder(tmp_path)
    (tmp_path / "b.csv").unlink()
    monkeypatch.setattr("kostnadsvekst.report.doctor.examination.walk_folder", lambda *a, **k: folder)
    assert found(tmp_path, "contents") == {("unreadable-file", "b.csv")}
    assert found(tmp_path, "persons") == {("unsearched-file", "b.csv")}


def test_a_file_of_ten_gigabytes_is_read_at_its_beginning(tmp_path):
    for name in ("one.csv", "two.csv"):
        with (tmp_path / name).open("wb") as file:
            file.write(b"id,mail\n1,someone@helse.no\n")
            file.truncate(10 * 2**30)  # takes no room on the disk
    assert found(tmp_path, "contents") == {("partly-read", "one.csv"), ("partly-read", "two.csv")}


# Programs ----------

HOME, DRIVE = "/home/kari/data.csv", "C:\\Users\\kari\\data.csv"


@pytest.mark.parametrize(
    ("text", "absolute"),
    [
        (HOME, True),
        (f"file://{HOME}", True),
        ("/Users/kari/", True),
        (DRIVE, True),
        ("D:/data/x.csv", True),
        ("\\\\server\\share\\x.csv", True),
        ("~/data/x.csv", True),
        ("data/home/x.csv", False),
        ("https://data.ssb.no/data/x", False),
        ("../data/x.csv", False),
        ("/usr/bin/env", False),
        ("/dev/null", False),
        ("a:b", False),
        ("12:30/7", False),
        ("~ x + /z", False),
    ],
)
def test_kinds_of_paths(text, absolute):
    assert (kind_of_path(text) is not None) == absolute


def test_paths_in_python_count_where_they_do_something(tmp_path):
    fill(tmp_path, {
        "bad.py": f'"""Read {HOME}."""\n# {HOME}\nx = open("{HOME}")\n',
        "home.py": 'user = "kari"\nx = f"/home' '/{user}/x"\n',
        "good.py": f'"""Read {HOME}."""\n# {HOME}\nx = open("data/data.csv")\n',
        "slash.py": 'x = "data" + r"raw\\costs.csv"\n',
        "regex.py": 'x = r"\\d+\\s.csv"\n',
    })  # fmt: skip
    assert lines(tmp_path, "code") == {
        ("absolute-path", "bad.py", 3),
        ("absolute-path", "home.py", 2),
        ("backslash-path", "slash.py", 1),
    }


def test_paths_in_other_programs_notebooks_and_settings(tmp_path):
    cell = {"cell_type": "code", "source": ["%cd x\n", f"x = open('{HOME}')\n"]}
    fill(tmp_path, {
        "a.do": f'* use "{HOME}"\nuse "{DRIVE}"\nuse "data/x.dta"\n',
        "b.R": f"# {HOME}\nx <- read.csv('{HOME}')\n",
        "c.toml": f'# {HOME}\nkey = "data/x.csv"\nother = "{HOME}"\n',
        "d.yaml": f"key: {HOME}\n",
        "e.sh": "#!/usr/bin/env bash\ncp data/x.csv results/\n",
        "f.ipynb": json.dumps({"cells": [cell, {"cell_type": "markdown", "source": [HOME]}]}),
        "g.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": ["%matplotlib inline\nx = 1\n"]}]}),
        "Makefile": f"all:\n\tpython a.py {HOME}\n# {HOME}\n",
        "Dockerfile": "COPY data/x.csv /data/x.csv\n",
        ".Rprofile": f"setwd('{HOME}')\n",
    })  # fmt: skip
    assert lines(tmp_path, "code") == {
        ("absolute-path", "a.do", 2),
        ("absolute-path", "b.R", 2),
        ("absolute-path", "c.toml", 3),
        ("absolute-path", "d.yaml", 1),
        ("absolute-path", "f.ipynb", None),
        ("absolute-path", "Makefile", 2),
        ("absolute-path", "Dockerfile", 1),
        ("absolute-path", ".Rprofile", 1),
    }


def notebook(source, language="python"):
    cell = {"cell_type": "code", "source": source}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": {"language": language}}})


@pytest.mark.parametrize(
    ("source", "language", "told"),
    [
        (f"%cd {HOME}", "python", {"absolute-path"}),
        (f"x = !ls {HOME}", "python", {"absolute-path"}),
        (f"%%bash\ncd {HOME}", "python", {"absolute-path"}),
        (f"%%time\nopen('{HOME}')", "python", {"absolute-path"}),
        ("files = !ls\nimport random\nrandom.random()", "python", {"missing-seed"}),
        ("%%timeit\nimport random\nrandom.random()", "python", {"missing-seed"}),
        (f"setwd('{HOME}')\nx <- rnorm(3)", "R", {"absolute-path", "missing-seed"}),
        ("set.seed(1)\nx <- rnorm(3)", "R", set()),
        ("x = (7\n  % 3)\n!ls", "python", {"unparsable-program"}),
        ("x = (7\n  % 3)", "python", set()),
        ("%matplotlib inline\nfiles = !ls data\nx = 1", "python", set()),
    ],
)
def test_commands_and_other_languages_in_notebooks(tmp_path, source, language, told):
    fill(tmp_path, {"a.ipynb": notebook(source, language), "requirements.txt": "x==1\n", "renv.lock": "{}"})
    assert {check for check, _ in found(tmp_path, "code")} == told


def test_paths_with_other_capitals_than_the_file(tmp_path):
    fill(tmp_path, {
        "data/Costs.csv": "1",
        "data/users.csv": "2",
        "old/USERS.csv": "3",
        "a.py": "x = open('data/costs.csv')\ny = open('../data/Costs.csv')\n",
        "b.R": "x <- read.csv('Data/users.csv')\ny <- read.csv('users.csv')\nz <- 'USERS.csv'\n",
        "c.py": "# data/costs.csv\nx = 'https://ssb.no/mycosts.csv'\ny = 'other_costs.csv'\n",
    })  # fmt: skip
    fill(tmp_path, {"code/d.R": "x <- 'Beside.csv'\ny <- 'Costs.CSV'\n", "code/beside.csv": "4"})
    assert lines(tmp_path, "code") == {
        ("path-capitals", "a.py", 1),
        ("path-capitals", "b.R", 1),
        ("path-capitals", "code/d.R", 1),  # the other file is not beside it
    }


def test_programs_that_cannot_be_parsed(tmp_path):
    fill(tmp_path, {"a.py": "def f(:\n", "b.ipynb": "{", "c.ipynb": "[" * 100_000, "d.py": GREETING})
    fill(tmp_path, {"e.py": "x = " + "(" * 5_000, "f.py": "\0", "g.py": b"\xff\xfe\x00"})
    told = {path for check, path in found(tmp_path, "code") if check == "unparsable-program"}
    assert {"a.py", "b.ipynb", "c.ipynb", "e.py"} <= told
    assert "d.py" not in told


UNSEEDED = [
    "import numpy as np\nnp.random.default_rng()",
    "import numpy as np\nnp.random.default_rng(None)",
    "import numpy as np\nnp.random.normal(size=3)",
    "import numpy as np\nnp.random.seed()\nnp.random.normal()",
    "from numpy.random import default_rng as make\nmake()",
    "from numpy import random\nrandom.rand(3)",
    "import random\nrandom.shuffle(x)",
    "import random\nrandom.Random()",
    "import numpy as np\nimport random\nrandom.seed(1)\nnp.random.rand()",
    "df.sample(frac=0.1)",
    "df.sample(n=3, random_state=None)",
    "df.sample(10)",
    "df.sample(0.5)",
    "from scipy import stats\nstats.norm.rvs(size=3)",
    "from sklearn.model_selection import train_test_split\ntrain_test_split(X, y)",
]
SEEDED = [
    "import numpy as np\nnp.random.default_rng(1)",
    "import numpy as np\nnp.random.default_rng(seed=SEED)",
    "import numpy as np\nnp.random.seed(1)\nnp.random.normal(size=3)",
    "import random\nrandom.seed(1)\nrandom.shuffle(x)",
    "import numpy as np\nrng: np.random.Generator = make()\nrng.normal()",
    "df.sample(frac=0.1, random_state=1)",
    "df.sample(**options)",
    "df.sample(n=3, **options)",
    "df.sample(10, random_state=1)",
    "df.sample(n=3, seed=1)",
    "deck.sample(cards, 5)",
    "posterior.sample(draws)",
    "from scipy import stats\nstats.norm.rvs(size=3, random_state=rng)",
    "random = 1\nrandom_numbers = list(x)",
    "'np.random.normal()'  # np.random.normal()",
]


def seeds_in(code):
    program = Program(ProjectFile("a.py", ROOT / "a.py", 1), code, python=True)
    findings = [*check_seeds([program])]
    assert all(re.match(r"\w", finding.detail.en) for finding in findings)
    return [finding.line for finding in findings]


@pytest.mark.parametrize("code", UNSEEDED)
def test_unseeded_python(code):
    assert seeds_in(code) == [code.count("\n") + 1]


@pytest.mark.parametrize("code", SEEDED)
def test_seeded_python(code):
    assert not seeds_in(code)


def test_seeds_in_r_and_stata(tmp_path):
    fill(tmp_path, {
        "a.R": "x <- 1\n# rnorm(3)\ny <- rnorm(3)\n",
        "b.R": "set.seed(7)\ny <- rnorm(3)\n",
        "c.R": "y <- resample(3); ternorm(3)\n",
        "i.R": "# set.seed(7)\ny <- rnorm(3)\n",
        "d.do": "gen x = runiform()\n",
        "e.do": "set seed 7\ngen x = runiform()\n",
        "f.do": "gen sample = 3\n* bsample\n",
        "g.do": "bootstrap, reps(100): regress y x\n",
        "h.py": "import random\nrandom.random()\n",
    })  # fmt: skip
    assert lines(tmp_path, "code") == {
        ("missing-seed", "a.R", 3),
        ("missing-seed", "d.do", 1),
        ("missing-seed", "g.do", 1),
        ("missing-seed", "h.py", 2),
        ("missing-seed", "i.R", 2),
    }


# Versions ----------


def test_requirements_without_an_exact_version():
    text = (
        "# pandas\n--index-url x\n-r other.txt\n"
        "numpy==2.1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n"
        "pandas>=3\nscipy\nduckdb==1.*\nlib[x]===1.0; python_version > '3'\n"
        "own @ https://x/own.whl#sha256=00\nother @ git+https://x/other\n"
        "marked; python_version == '3.11'\n"
    )
    assert [*loose_in_requirements(text)] == [
        (7, "pandas"),
        (8, "scipy"),
        (9, "duckdb"),
        (12, "other"),
        (13, "marked"),
    ]


def test_conda_environments():
    text = (
        "name: x\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - numpy\n  - pandas>=3\n"
        "  - pip\n  - pip:\n    - duckdb==1.4\n    - numba\nprefix: x\n"
    )
    assert [*loose_in_conda(text)] == [(6, "numpy"), (7, "pandas"), (11, "numba")]


LOOSE = '[project]\nname = "x"\ndependencies = ["numpy>=2", "pandas==3.0.1"]\n'


def test_versions_of_a_project(tmp_path):
    fill(tmp_path, {"pyproject.toml": LOOSE})
    assert found(tmp_path, "versions") == {("unpinned-version", "pyproject.toml")}
    fill(tmp_path, {"uv.lock": "version = 1"})
    assert not found(tmp_path, "versions")
    (tmp_path / "uv.lock").unlink()
    fill(tmp_path, {"requirements.txt": "numpy==2.1.0\npandas==3.0.1\n"})
    assert not found(tmp_path, "versions")
    fill(tmp_path, {"requirements.txt": "numpy\n"})
    assert found(tmp_path, "versions") == {
        ("unpinned-version", "requirements.txt"),
        ("unpinned-version", "pyproject.toml"),
    }


def test_programs_whose_libraries_no_file_states(tmp_path):
    fill(tmp_path, {"a.py": "import json\nfrom own.part import x\n", "own/part.py": "x = 1\n"})
    fill(tmp_path, {"b.R": "x <- mean(y)\n", "c.do": "regress y x\n"})
    assert not found(tmp_path, "versions")
    fill(
        tmp_path,
        {"a.py": "import pandas as pd\n", "b.R": "library(fixest)\n", "c.do": "ssc install reghdfe\n"},
    )
    assert found(tmp_path, "versions") == {("no-environment", ""), ("unpinned-version", "c.do")}
    fill(tmp_path, {"requirements.txt": "pandas==3.0.1\n", "c.do": "regress y x\n"})
    assert not found(tmp_path, "versions")


# Outputs ----------


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def entry(text, program="analysis/tables.py"):
    return {"sha256": digest(text), "bytes": len(text.encode()), "program": program}


@pytest.fixture
def project(tmp_path):
    """A project whose results are as their manifest says."""
    manifest = {
        "made_by": "make 1",
        "inputs": {"data/x.csv": digest("a\n1\n"), "own/y.dta": digest("y")},
        "outputs": {"table_1.csv": entry("b\n1\n"), "deep/table_2.csv": entry("b\n2\n")},
    }
    return fill(tmp_path, {
        "data/x.csv": "a\n1\n",
        "raw/y.dta": "y",
        "analysis/tables.py": GREETING,
        "results/table_1.csv": "b\n1\n",
        "results/deep/table_2.csv": "b\n2\n",
        "results/manifest.json": json.dumps(manifest),
    })  # fmt: skip


def rewrite(project, change):
    path = project / "results" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_results_that_are_as_listed(project):
    assert not found(project, "outputs")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"data/x.csv": "a\n2\n"}, ("stale-input", "data/x.csv")),
        ({"raw/y.dta": "z"}, ("stale-input", "raw/y.dta")),
        ({"results/table_1.csv": "b\n3\n"}, ("stale-output", "results/table_1.csv")),
        ({"results/table_1.csv": "b\n11\n"}, ("stale-output", "results/table_1.csv")),
        ({"results/extra.csv": "b\n"}, ("unlisted-output", "results/extra.csv")),
        ({"results/manifest.json": "{"}, ("damaged-manifest", "results/manifest.json")),
        ({"results/manifest.json": '{"outputs": {"a": {"sha256": 1}}}'},
         ("damaged-manifest", "results/manifest.json")),
    ],
)  # fmt: skip
def test_results_that_are_not_as_listed(project, files, told):
    assert found(fill(project, files), "outputs") == {told}


def test_of_results_too_large_to_be_read_the_size_is_compared(project, monkeypatch):
    monkeypatch.setattr("kostnadsvekst.report.doctor.examination.MOST_BYTES", 3)
    assert not found(fill(project, {"results/table_1.csv": "b\n9\n"}), "outputs")
    longer = fill(project, {"results/table_1.csv": "b\n11\n"})
    assert ("stale-output", "results/table_1.csv") in found(longer, "outputs")


def test_files_that_are_gone(project):
    for name in ("data/x.csv", "results/deep/table_2.csv", "raw/y.dta"):
        (project / name).unlink()
    fill(project, {"data/other.csv": "1"})
    assert found(project, "outputs") == {
        ("stale-input", "data/x.csv"),
        ("outside-input", "own/y.dta"),
        ("missing-output", "results/deep/table_2.csv"),
    }


@pytest.mark.parametrize(
    ("program", "made"),
    [
        ("analysis/tables.py", True),
        ("analysis/gone.py", False),
        ("", False),
        ("tables.py", True),
        ("model.tables.draw", True),
        ("model.gone.draw", False),
        ("statsmodels.api.OLS", True),
    ],
)
def test_outputs_that_nothing_makes(project, program, made):
    fill(project, {"src/model/__init__.py": "", "src/model/tables.py": GREETING})
    rewrite(project, lambda manifest: manifest["outputs"].update({"table_1.csv": entry("b\n1\n", program)}))
    assert found(project, "outputs") == (set() if made else {("unmade-output", "results/table_1.csv")})


def test_results_of_this_package_in_the_folder_of_a_user(project):
    """The program that makes them is installed and no part of the folder; a folder scripts/ may be."""
    made = {**entry("b\n1\n", "kostnadsvekst.chapters.appendix.run"), "command": "python scripts/estimate.py"}

    def change(manifest):
        manifest["made_by"] = "kostnadsvekst 0.5.0"
        manifest["outputs"]["table_1.csv"] = made
        manifest["inputs"] = {"published/cells.csv": digest("x")}

    fill(project, {"scripts/mine.py": GREETING})
    rewrite(project, change)
    assert found(project, "outputs") == {("outside-input", "published/cells.csv")}


def test_a_manifest_leads_nowhere_outside_the_folder(project):
    inputs = {"../" * 12 + "etc/hostname": "00", "/etc/hostname": "00", "\0": "00"}
    rewrite(project, lambda manifest: manifest.update(inputs=inputs))
    assert {check for check, _ in found(project, "outputs")} == {"outside-input"}


def test_without_a_manifest_the_programs_are_asked(tmp_path):
    fill(tmp_path, {
        "make.R": "write.csv(x, 'table_1.csv')\nsave_as('table_2', ending)\n",
        "results/table_1.csv": "1",
        "results/table_2.tex": "2",
        "results/table_3.csv": "3",
    })  # fmt: skip
    assert found(tmp_path, "outputs") == {
        ("no-manifest", "results"),
        ("unnamed-output", "results/table_3.csv"),
    }


def test_markers_of_this_package_stand_in_for_a_manifest(tmp_path):
    marker = json.dumps({"kind": "results", "files": {"a.csv": digest("1"), "gone.csv": digest("1")}})
    fill(tmp_path, {"results/growth/.kostnadsvekst.json": marker, "results/growth/a.csv": "2"})
    fill(tmp_path, {"results/growth/b.csv": "3"})
    assert found(tmp_path, "outputs") == {
        ("no-manifest", "results"),
        ("stale-output", "results/growth/a.csv"),
        ("missing-output", "results/growth/gone.csv"),
        ("unlisted-output", "results/growth/b.csv"),
    }


def test_no_results_no_manifest(tmp_path):
    fill(tmp_path, {"make.py": GREETING})
    assert not [*check_outputs(walk_folder(tmp_path), ())]


# Documents ----------

README = (
    "# Costs\n## Data availability\n## Rights\nRequirements\n------------\n**Description of programs**\n"
    "## Instructions\n## List of tables and figures\n## References\n"
)
CITATION = 'cff-version: 1.2.0\nmessage: "x"\ntitle: "x"\nauthors:\n  - name: "x"\n'


@pytest.fixture
def documented(tmp_path):
    return fill(tmp_path, {
        "README.md": README,
        "LICENSE": "MIT",
        "CITATION.cff": CITATION,
        "data/x.csv": "municipality,cost_nok\n0301,1\n",
        "data/CODEBOOK.md": "x.csv: municipality (code), cost_nok (1000 kr)",
    })  # fmt: skip


def test_a_documented_project(documented):
    assert not found(documented, "documents")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("README.md", ("no-readme", "")),
        ("LICENSE", ("no-licence", "")),
        ("CITATION.cff", ("no-citation", "")),
        ("data/CODEBOOK.md", ("no-codebook", "")),
    ],
)
def test_a_document_that_is_missing(documented, name, told):
    (documented / name).unlink()
    assert found(documented, "documents") == {told}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"README.md": README.replace("## Rights\n", "").replace("# Costs", "# Costs of rights" * 0)},
         ("readme-part", "README.md")),
        ({"README.md": README.replace("## References", "References")}, ("readme-part", "README.md")),
        ({"CITATION.cff": CITATION.replace("title", "# title")}, ("citation-part", "CITATION.cff")),
        ({"CITATION.cff": CITATION.replace('  - name: "x"\n', "")}, ("citation-part", "CITATION.cff")),
        ({"data/x.csv": "municipality,cost_nok,users\n"}, ("codebook-part", "data/x.csv")),
        ({"data/x.csv": "cost\n"}, ("codebook-part", "data/x.csv")),
        ({"data/y.csv": "cost_nok\n"}, ("codebook-part", "data/y.csv")),
    ],
)  # fmt: skip
def test_a_part_that_is_missing(documented, files, told):
    assert found(fill(documented, files), "documents") == {told}


def test_a_codebook_that_is_a_table_is_no_data(documented):
    (documented / "data" / "CODEBOOK.md").unlink()
    fill(documented, {"data/codebook.csv": "file,column\nx.csv,municipality\nx.csv,cost_nok\n"})
    assert not found(documented, "documents")


def test_a_norwegian_readme_and_a_replication_page_count(documented):
    fill(documented, {
        "README.md": "# Kostnader\n\nTilgang til data\n================\n## Lisens\n## Krav\n",
        "REPLICATION.md": "## Program\n## Framgangsmåte\n## Tabeller og figurer\n## Kilder\n",
    })  # fmt: skip
    assert not found(documented, "documents")


def test_headings():
    text = "# A\n```\n# no heading\n```\nB\n==\nplain\n<h2 id='x'>C</h2>\nDATA\n**E**\n** not **\n"
    assert headings_of(text) == ["A", "B", "C", "DATA", "E", " not "]


def test_a_first_row_that_is_data_is_not_told(documented):
    fill(documented, {"data/x.csv": "Kari Nordmann,91234567\n"})
    (finding,) = [*examine(documented, groups=["documents"]).findings] or [None]
    assert finding is None  # nothing in it is a name of a column


# Exceptions ----------


def test_what_a_project_keeps_with_a_reason(tmp_path):
    fill(tmp_path, {"a b.csv": "1", "old/c d.csv": "2"})
    exception = '[[exceptions]]\ncheck = "awkward-name"\npaths = "old/*"\nreason = "sent by others"\n'
    fill(tmp_path, {"doctor.toml": exception})
    examined = examine(tmp_path, groups=["names", "exceptions"])
    assert [finding.path for finding in examined.findings] == ["a b.csv"]
    assert [(finding.path, reason) for finding, reason in examined.excepted] == [
        ("old/c d.csv", "sent by others")
    ]


def test_an_exception_that_nothing_needs(tmp_path):
    fill(tmp_path, {"doctor.toml": '[[exceptions]]\ncheck = "link"\nreason = "x"\n'})
    assert {f.check for f in examine(tmp_path, groups=["names", "exceptions"]).findings} == {
        "unused-exception"
    }
    # Where names were not looked at, nobody knows.
    assert not examine(tmp_path, groups=["contents", "exceptions"]).findings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[exceptions]]\ncheck = "links"\nreason = "x"\n', "did you mean 'link'"),
        ('[[exceptions]]\ncheck = "link"\n', "reason, item 1 .line 1.: is missing"),
        ('[[exceptions]]\ncheck = "link"\nreason = "x"\npath = "y"\n', "did you mean 'paths'"),
        ("exceptions = [\n", "not a TOML file"),
    ],
)
def test_exceptions_that_cannot_be_read(tmp_path, text, words):
    fill(tmp_path, {"doctor.toml": text})
    with pytest.raises(SpecificationError, match=words):
        examine(tmp_path)


# This repository ----------


def test_this_repository_has_no_fault():
    groups = [group for group in GROUPS if group != "machine"]
    examined = examine(ROOT, groups=groups)
    faults = [f for f in examined.findings if CHECKS[f.check].severity == "fault"]
    assert not faults
    assert not [f for f in examined.findings if f.check == "codebook-part"]  # data/README.md
    assert examined.n_files > 1_000


def test_names_of_this_repository_are_those_that_are_checked():
    assert {*check_names(walk_folder(ROOT))} == set()
