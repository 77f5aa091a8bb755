"""The report page: every printed number in one file for the browser, judged and traced."""

from kostnadsvekst.report.page.content import (
    ClaimCard,
    FindingCard,
    Judged,
    Page,
    Picture,
    PrintedCell,
    PrintedRow,
    PrintedTable,
    Series,
)
from kostnadsvekst.report.page.rendering import render_page

__all__ = [
    "ClaimCard",
    "FindingCard",
    "Judged",
    "Page",
    "Picture",
    "PrintedCell",
    "PrintedRow",
    "PrintedTable",
    "Series",
    "render_page",
]
