"""The documentation says what is there: links, paths, drawing, rules, markers, groups of tests."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from xml.etree import ElementTree

import pytest

from conftest import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGE = ROOT / "src" / "kostnadsvekst"
TOP = ("src", "docs", "tests", "data", "scripts", "benchmarks", "results")
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | {"municipal"}
# In code style from the root or, when it begins with a room, from the package's folder; and in commands.
IN_CODE_STYLE = r"`([\w./-]+/[\w./-]*)`"
IN_COMMANDS = rf"(?<![\w./-])(?:{'|'.join(TOP)})/[\w./-]*\.(?:py|toml|csv|md|json)\b"
# Files that a recipe makes up for its example.
EXAMPLES = {
    "analysis/claims/capacity.py",
    "chapters/capacity.py",
    "data/x.csv",
    "models/random_effects.py",
    "sources/NAME.py",
    "tests/test_chapter_capacity.py",
    "tests/test_random_effects.py",
}
# Files that are described before they are there; a line goes when its file has come.
COMING = {
    "chapters/municipal.py",
    "municipal/",
    "municipal/inputs.py",
    "municipal/unit_costs.py",
    "results/municipal/",
}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawing():
    return load(ROOT / "docs" / "draw_architecture.py")


def without_code(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_relative_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    for target in targets:
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        path = (page.parent / file).resolve() if file else page
        if not path.exists():
            assert path.relative_to(ROOT).as_posix() in COMING, f"{page.name}: there is no {target}"
        elif anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings], target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_paths_exist(page):
    text = page.read_text(encoding="utf-8")
    paths = {*re.findall(IN_CODE_STYLE, without_code(text)), *re.findall(IN_COMMANDS, text)}
    for path in paths - EXAMPLES - COMING:
        if path.split("/")[0] in {*TOP, *ROOMS}:
            assert (ROOT / path).exists() or (PACKAGE / path).exists(), f"{page.name}: there is no {path}"


def test_drawing_and_table_of_rooms_are_those_of_the_code(drawing):
    assert drawing.find_stale() == [], "run python docs/draw_architecture.py"


def test_drawing_shows_every_import_between_rooms_and_no_other(drawing):
    rooms = {room.name: room for room in drawing.read_rooms()}
    # Seen in the sources: a panel needs no estimator, estimators need a panel.
    assert "models" not in rooms["panel"].imports
    assert "panel" in rooms["models"].imports
    assert rooms["register"].upward == {"synthetic"}
    svg = ElementTree.fromstring(drawing.draw(list(rooms.values())))
    name = "{http://www.w3.org/2000/svg}"
    dots = len(svg.findall(f"{name}circle")) - 1  # one is in the legend
    assert dots == sum(len(room.imports - room.upward) for room in rooms.values())
    titles = [t.text for t in svg.iter(f"{name}text") if t.get("class") == "name"]
    assert titles == list(rooms)


def test_a_new_import_makes_the_drawing_stale(tmp_path, monkeypatch, drawing):
    shutil.copytree(PACKAGE, tmp_path / "src" / "kostnadsvekst")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    copy = tmp_path / "src" / "kostnadsvekst"
    for attribute, value in {
        "ROOT": tmp_path,
        "PACKAGE": copy,
        "DRAWING": tmp_path / "docs" / "architecture.svg",
        "PAGE": tmp_path / "docs" / "architecture.md",
    }.items():
        monkeypatch.setattr(drawing, attribute, value)
    assert drawing.find_stale() == []
    with (copy / "language.py").open("a", encoding="utf-8") as module:
        module.write("\n\ndef late():\n    from kostnadsvekst import version\n")
    assert drawing.find_stale() == ["docs/architecture.svg", "docs/architecture.md"]


def test_check_says_what_is_stale_by_its_exit_code():
    script = [sys.executable, str(ROOT / "docs" / "draw_architecture.py"), "--check"]
    run = subprocess.run(script, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_rules_of_the_house_are_those_of_its_tests():
    code = (ROOT / "tests" / "test_house.py").read_text(encoding="utf-8")
    tests = re.findall(r"^def (test_\w+)", code, flags=re.MULTILINE)
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\| `(test_\w+)` \|", page)) == set(tests)


def test_every_marker_is_explained_and_left_out():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    options = project["tool"]["pytest"]["ini_options"]
    markers = [line.partition(":")[0] for line in options["markers"]]
    assert markers == ["slow", "spark", "solver", "browser", "peers"]
    for page in ("README.md", "docs/contributing.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        for marker in markers:
            assert f"| `{marker}` |" in text, f"{page} does not tell of {marker}"
    assert " and ".join(f"not {marker}" for marker in markers) in options["addopts"]


def test_every_file_of_tests_has_a_group():
    groups = load(ROOT / "benchmarks" / "test_groups.py")
    table = groups.read_groups()
    found = {path.name: groups.group_of(path.name, table) for path in (ROOT / "tests").glob("test_*.py")}
    assert found["test_register_weekly.py"] == "register and disclosure"
    assert found["test_ar1.py"] == "estimators"
    assert found["test_chapter_ohd.py"] == "chapters"
    assert found["test_docs.py"] == "browser and documents"
    assert found["test_house.py"] == "the rest"
    assert sum(group.budget for group in table) == 460


def test_seconds_by_group_are_shares_of_the_run(tmp_path, monkeypatch, capsys):
    # By hand: 30 and 10 own seconds in a run of 20, so two workers; the shares are 15 and 5.
    report = tmp_path / "seconds.xml"
    report.write_text(
        '<testsuites><testsuite name="pytest" time="20">'
        '<testcase classname="tests.test_ar1" name="a" time="10"/>'
        '<testcase classname="tests.test_ar1.TestB" name="b" time="20"/>'
        '<testcase classname="tests.test_house" name="c" time="10"/>'
        "</testsuite></testsuites>",
        encoding="utf-8",
    )
    groups = load(ROOT / "benchmarks" / "test_groups.py")
    monkeypatch.setattr(sys, "argv", ["test_groups.py", str(report)])
    groups.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["estimators", "30", "15", "120"]
    assert lines[7].split() == ["the", "rest", "10", "5", "60"]
    assert lines[8].split() == ["all", "40", "20", "460"]


def test_the_script_of_continuous_integration_finds_its_commands_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    install = (
        r"python -m pip install --require-hashes -r requirements/{}\.txt && "
        r"python -m pip install --no-deps --no-build-isolation -e \. && "
    )
    assert len(re.findall("^" + install.format("test") + r"python -m pytest$", text, re.MULTILINE)) == 1
    checks = install.format("dev") + "ruff check && ruff format --check && mypy$"
    assert len(re.findall("^" + checks, text, re.MULTILINE)) == 1


@pytest.mark.parametrize("name", ["hostile_data", "features"])
def test_every_test_that_a_page_names_is_there(name):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", page)
    assert len(named) > 40
    missing = [
        (file, test)
        for file, test in named
        if f"def {test or 'test_'}" not in (ROOT / "tests" / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def pinned(path):
    """Requirements of a file of versions, and the digests of each."""
    text = path.read_text(encoding="utf-8").replace(" \\\n    --hash=", " --hash=")
    entries = [line.split(" --hash=") for line in text.splitlines()]
    return {name: digests for name, *digests in entries}


def test_every_library_has_a_version_and_digests():
    everything = pinned(ROOT / "constraints.txt")
    assert all(re.match(r"[a-z0-9-]+==\S+", name) for name in everything)
    assert all(
        found and all(re.fullmatch("sha256:[0-9a-f]{64}", d) for d in found) for found in everything.values()
    )


@pytest.mark.parametrize("part", ["run", "test", "dev"])
def test_the_files_of_the_commands_are_parts_of_the_whole(part):
    everything = pinned(ROOT / "constraints.txt")
    some = pinned(ROOT / "requirements" / f"{part}.txt")
    assert some.items() <= everything.items()


def test_all_that_the_package_asks_for_has_a_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = {"run": project["project"]["dependencies"] + project["build-system"]["requires"]}
    asked |= {"test": asked["run"] + project["project"]["optional-dependencies"]["test"]}
    for part, requirements in asked.items():
        names = {re.match("[a-z0-9-]+", r.lower())[0] for r in requirements}
        held = {name.split("==")[0] for name in pinned(ROOT / "requirements" / f"{part}.txt")}
        assert names - held == set()
