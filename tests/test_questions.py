"""The five pages on what the estimates answer say what the answer leaves open."""

import pytest

from conftest import ROOT

PAGES = (
    "why_coefficients_move",
    "growth_accounted_for",
    "many_outcomes",
    "what_could_be_found",
    "what_is_left_out",
)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_says_what_the_answer_does_not_say(name):
    page = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert "**What the answer does not say.**" in page
    assert "synthetic" in page
