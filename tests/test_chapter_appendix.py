"""The appendix on data that do not identify everything it prints."""

import pandas as pd
import pytest

from kostnadsvekst.chapters import Settings, run_chapters
from kostnadsvekst.sources.embedded import embedded_path


@pytest.fixture(scope="module")
def without_urban(tmp_path_factory):
    """The embedded panel with the share in towns fixed over time, so that its coefficient does not exist."""
    folder = tmp_path_factory.mktemp("appendix")
    panel = pd.read_csv(embedded_path("synthetic/synthetic_panel_2015_2019.csv"))
    panel["urban"] = panel.groupby("municipality")["urban"].transform("first")
    panel.to_csv(folder / "panel.csv", index=False)
    (report,) = run_chapters(["appendix"], Settings(data=folder / "panel.csv", languages=("en",)), folder)
    return report.result


def test_coefficients_that_do_not_exist_are_not_attempted(without_urban):
    audit = without_urban.audit
    rows = audit[(audit["table"] == "A3") & (audit["row"] == "Tettsteder beboende")]
    assert len(rows) == 6, "estimate and standard error in the three models that have the share in towns"
    assert set(rows["verdict"]) == {"not attempted"}
    assert set(rows["reason"]) == {"the data do not identify urban"}
    assert set(rows["evidence"]) == {"none"}
    assert set(rows["ours"]) == {""}


def test_other_cells_are_still_judged(without_urban):
    audit = without_urban.audit
    judged = audit[(audit["table"] == "A3") & (audit["verdict"] != "not attempted")]
    # Three stars fall away with the three estimates.
    assert len(judged) == 190 - 6 - 3
    assert "differs" in set(judged["verdict"])


def test_table_leaves_them_empty(without_urban):
    text = without_urban.files["appendix/table_a3_en.csv"]
    names = [line.split(",")[0].strip('"') for line in text.splitlines()]
    assert "Free income" in names
    assert not any("urban" in name.lower() or "town" in name.lower() for name in names)
