"""The pages of formulas and instruments: every line of the tables and every block of code runs."""

import re
import warnings

import numpy as np
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.errors import DataWarning, SpecificationError

FORMULAS = (ROOT / "docs" / "formulas.md").read_text(encoding="utf-8")
INSTRUMENTS = (ROOT / "docs" / "instruments.md").read_text(encoding="utf-8")
pytestmark = pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")


def code_in(cell):
    found = re.match(r"\s*(`+)\s?(.*?)\s?\1", cell)
    return found[2].replace(r"\|", "|") if found else ""


def rows(page, heading):
    """Cells of the lines of the table below a heading."""
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


TERMS = [(code_in(first), code_in(last)) for first, _, last in rows(FORMULAS, "Terms")]
BARS = [code_in(cells[0]) for cells in rows(FORMULAS, "Behind the bar")]


@pytest.fixture(scope="module")
def panel():
    """Sixty of the municipalities: enough for every line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        data = kv.load_panel()
    return data[data["municipality"].isin(data["municipality"].unique()[:60])]


def test_the_tables_are_read():
    assert len(TERMS) >= 24
    assert all(all(pair) for pair in TERMS)
    assert len(BARS) == 6


@pytest.mark.parametrize(("term", "other"), TERMS)
def test_every_term_runs_and_equals_the_other_way(panel, term, other):
    found, again = (kv.estimate(f"net_expenditure ~ {t} | municipality", panel) for t in (term, other))
    scale = found.fit.residuals.std() + 1e-9
    np.testing.assert_allclose(found.fit.residuals, again.fit.residuals, atol=1e-6 * scale)


@pytest.mark.parametrize("formula", BARS)
def test_every_formula_with_bars_runs(panel, formula):
    found = kv.estimate(formula, panel, entity="municipality")
    assert np.isfinite(found.coefficients.to_numpy()).all()


@pytest.mark.parametrize("page", [FORMULAS, INSTRUMENTS], ids=["formulas", "instruments"])
def test_every_block_runs(page, capsys):
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, names)  # what a reader copies


def test_every_test_of_instruments_is_on_the_page():
    from kostnadsvekst.models.instrumental import InstrumentDiagnostics

    listed = {name for cells in rows(INSTRUMENTS, "Tests") for name in re.findall(r"`(\w+)`", cells[0])}
    assert listed == {*InstrumentDiagnostics.__dataclass_fields__} - {"provenance"}


@pytest.mark.parametrize(
    "term", ["free_income - 1", "0 + free_income", "free_income**2", "log(free_income + 1)",
             "free_income/urban", "np.log(free_income)", "exp(free_income)", "factor(year)",
             "C(year, Sum)", "te(free_income, urban)", "sw(free_income, urban)", "i(year, keep=2015)"]
)  # fmt: skip
def test_what_the_page_says_is_not_done_is_refused(panel, term):
    with pytest.raises(SpecificationError, match="at position"):
        kv.estimate(f"net_expenditure ~ {term} | municipality", panel)
