"""Every line of Python on the pages of the documentation runs, in the order of the page."""

import shutil

import pandas as pd
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from fake_country import country, write_user_files
from invented_panels import make_municipal_panel
from municipal_workbooks import write_book

DOCS = ROOT / "docs"
# Pages whose blocks need more than the page, and the test that runs them.
RUN_ELSEWHERE = {"extending.md": "test_examples.py", "contributing.md": "recipes of files to be written"}
PAGES = [
    path.name
    for path in sorted(DOCS.glob("*.md"))
    if "```python\n" in path.read_text(encoding="utf-8") and path.name not in RUN_ELSEWHERE
]


def code(name):
    page = (DOCS / name).read_text(encoding="utf-8")
    return [block.split("```")[0] for block in page.split("```python\n")[1:]]


DELIVERY = """lopenr;fodt;kjonn;knr;tjeneste;fra;til;timer
7;1932;K;0301;HT;03.01.2017;15.02.2018;3,5
8;1941;M;1804;HT;10.10.2017;;
"""


def block_of(name, language):
    return (DOCS / name).read_text(encoding="utf-8").split(f"```{language}\n")[1].split("```")[0]


# A made-up projection of a made-up municipality, as the StatBank writes them.
PROJECTION = "region,statistikkvariabel,år,alder,value,Framskriving,Tabell\n" + "".join(
    f"Oppdiktet,Hovedalternativet (MMMM),{year},{age},{persons + 10 * (year - 2024)},2024,14288\n"
    for year in (2024, 2030, 2040)
    for age, persons in (("0-66 år", 58_000), ("67-79 år", 7222), ("80-89 år", 2295), ("90 år og over", 651))
)


@pytest.fixture
def desk(tmp_path, monkeypatch, request):
    """A folder with the files that the pages read."""
    make_municipal_panel(40).rename(columns={"population": "folketall"}).to_stata(tmp_path / "mine.dta")
    hospitals = pd.DataFrame({"hospital": list("aabbccdd"), "year": [2018, 2019] * 4})
    hospitals.assign(beds=[3, 4, 5, 5, 7, 9, 2, 3], cost=[9, 15, 26, 27, 50, 80, 4, 8], patients=10).to_csv(
        tmp_path / "any.csv", index=False, sep=";"
    )
    (tmp_path / "results").mkdir()
    shutil.copy(ROOT / "results" / "audit.csv", tmp_path / "results")
    if "replication.md" in request.node.name:
        shutil.copytree(ROOT / "results", tmp_path / "results", dirs_exist_ok=True)
    (tmp_path / "nedlastet.csv").write_text(PROJECTION, "utf-8")
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    mapping = write_user_files(tmp_path, country())
    choices = '[panel]\npopulation = "start-of-year"\nborders = "as-is"\n'
    mapping.write_text(choices + mapping.read_text("utf-8"), "utf-8")
    (tmp_path / "kpr.toml").write_text(block_of("register.md", "toml"), "utf-8")
    for year in (2017, 2018):
        (tmp_path / f"kpr_{year}.csv").write_text(DELIVERY, "utf-8")
    kv.acute_beds.load_panel().to_parquet(tmp_path / "months.parquet")
    kostra = [["Økonomi"], [], ["Netto driftsresultat (%)"], ["År \\ Region", "A"], ["2024", 0.2]]
    write_book(tmp_path / "kostra.xlsx", {"Økonomi": kostra})
    monkeypatch.chdir(tmp_path)


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
@pytest.mark.parametrize("name", PAGES)
def test_every_line_runs(name, desk):
    names: dict[str, object] = {}
    for block in code(name):
        exec(block, names)
