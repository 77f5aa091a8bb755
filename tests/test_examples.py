"""The worked example of the documentation runs, and says what the page says it does."""

import importlib.util

import pytest

import kostnadsvekst as kv
from conftest import ROOT
from invented_panels import make_municipal_panel

EXAMPLE = ROOT / "docs" / "examples" / "own_claim.py"
PAGE = ROOT / "docs" / "extending.md"


def load_example():
    spec = importlib.util.spec_from_file_location("own_claim", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def panel():
    data = make_municipal_panel(60)
    return data.assign(population_10k=data["population"] / 10_000)


def test_own_claim_runs(panel):
    table, wild, influential, curve = load_example().main(panel)
    old = 1.0 * (panel["age_80_plus"] >= panel["age_80_plus"].median())
    by_hand = kv.estimate(
        kv.Specification.from_formula(
            "net_expenditure ~ C(year) + ..needs + old*free_income | municipality", weights="population"
        ),
        panel.assign(old=old),
    )
    term = "old:free_income"
    expected = by_hand.coefficients.loc[term, "estimate"]
    assert wild.coefficients.loc[term, "estimate"] == pytest.approx(expected, rel=1e-9)
    assert len(influential) == 3
    assert len(curve.specifications) == 8 * 2 * 3
    assert (curve.frame["status"] == "ok").all()
    text = table.to("md", "nb")
    assert "SYNTETISKE DATA" in text
    assert "Ingen stjerner der p-verdien ikke er beregnet" in text
    assert "old" not in panel.columns


def test_the_page_shows_the_script():
    """Every code line of sections 3 to 5 of the page stands in the script."""
    script = "".join(EXAMPLE.read_text(encoding="utf-8").split())
    page = PAGE.read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in page.split("```python\n")[1:]]
    lines = [line.split("#")[0] for block in blocks for line in block.splitlines()]
    shown = [
        line for line in lines if line.startswith(("published", "specs", "curve", "table =", "    controls"))
    ]
    assert len(shown) >= 5
    for line in shown:
        assert "".join(line.split()) in script, line


def test_the_example_is_short():
    code = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.strip()]
    body = code[code.index("def main(panel=None):") + 1 : code.index('if __name__ == "__main__":')]
    assert len([line for line in body if not line.strip().startswith(("#", '"""'))]) <= 20


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_the_readme_s_lines_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, object] = {}
    exec(code, names)  # the lines that a newcomer types first
    assert names["est"].n_obs == 1825
