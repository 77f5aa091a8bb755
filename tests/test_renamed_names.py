"""Names that users rely on: those of 0.1 still work, and what moved is written down."""

import re
from importlib import import_module

import pytest

import kostnadsvekst as kv
from conftest import ROOT

# Public names of 0.1, written out: they may be added to, never taken away.
OF_0_1 = {
    "kv": """Estimate NEEDS SPECIFICATIONS Specification __version__ acute_beds build_panel check_panel
        compare_weights draw_curve draw_influence errors estimate estimate_ar1 grid growth influence klass
        load_cells load_panel mundlak_test register reset_test specification_curve staggered statbank subsets
        table wald_test wooldridge_test""",
    "register": """IngestReport check_differences components_check counting_rules decompose_growth growth
        growth_below_age ingest protect protect_cube require_safe simulate_episodes trend weekly_cube
        yearly_users""",
    "staggered": """AGGREGATIONS BASE_PERIODS CONTROLS KINDS METHODS AdoptionPanel Aggregate EventStudy
        NegativeWeights Randomisation TwoStageStudy WaldTest bacon bacon_shares event_study negative_weights
        placebo pre_trend_test randomisation_inference read_adoption_panel sensitivity two_way_estimate""",
    "acute_beds": """AGES CONTACTS COVARIANCES DEMAND DEPARTMENTS ESTIMATORS MAIN_OUTCOME MECHANISMS NEVER
        OUTCOMES REPORT_OUTCOMES SUPPLY TIME_EFFECTS TREATMENT URGENCIES MonthlyGrid base_cells check_panel
        collapse_to_quarters cumulative_adoption estimate_effects load_panel outcome_counts outcome_parts
        to_grid""",
    "growth": "RESIDUAL TOTAL account by_group compound_rate shift_share split_growth summarise",
    "klass": """BASE_URL CHANGE_COLUMNS KOSTRA_GROUPS KOSTRA_GROUP_TABLES MUNICIPALITIES SHARES_NOT_KNOWN
        UNKNOWN_CODE fetch_changes fetch_codes fetch_kostra_groups list_splits municipality_mapping
        read_changes read_codes read_kostra_groups""",
    "statbank": """BASE_URL BY_LABEL FALLBACK_URL MAX_CELLS MAX_URL Dimension Selection fetch
        planned_request resolve_selection split_selection""",
    "errors": """CalibrationError DataMissingError DataWarning DisclosureError InvalidDataError
        KostnadsvekstError SourceError SpecificationError""",
}
TABLE = (ROOT / "docs" / "renamed_names.md").read_text("utf-8")
MOVED = re.findall(r"^\| `([\w.]+)` \| `([\w.]+)` \|$", TABLE, re.MULTILINE)


def resolve(name):
    """A module, or a name in one; without help from what was imported before."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return getattr(import_module(module), last)


@pytest.mark.parametrize("module", OF_0_1)
def test_public_names_of_0_1_still_work(module):
    home = kv if module == "kv" else getattr(kv, module)
    gone = [name for name in OF_0_1[module].split() if not hasattr(home, name)]
    hidden = [name for name in OF_0_1[module].split() if name not in home.__all__]
    assert not gone
    assert not hidden


def test_every_row_of_the_table_is_read():
    rows = [line for line in TABLE.splitlines() if line.startswith("| `")]
    assert len(MOVED) == len(rows) > 20
    assert len({old for old, _ in MOVED}) == len(rows)


@pytest.mark.parametrize(("old", "new"), MOVED)
def test_a_renamed_name_is_where_the_table_says(old, new):
    found = resolve(new)
    try:
        before = resolve(old)
    except (ModuleNotFoundError, AttributeError):
        return
    assert before is found, f"{old} means something else now"
