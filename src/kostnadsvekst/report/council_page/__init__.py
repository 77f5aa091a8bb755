"""The council's page: what a municipality's book tells, from the answer down to the accounts behind it."""

from kostnadsvekst.report.council_page.content import CouncilPage, Section
from kostnadsvekst.report.council_page.printed import render_council_report
from kostnadsvekst.report.council_page.rendering import render_council_page

__all__ = ["CouncilPage", "Section", "render_council_page", "render_council_report"]
