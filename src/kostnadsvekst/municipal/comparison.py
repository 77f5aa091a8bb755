"""Comparison of municipalities: intervals, who is like one's own, what a gap is made of, what may be said."""

from kostnadsvekst.municipal.comparison_findings import findings
from kostnadsvekst.municipal.comparison_gap import gap, gap_by_service
from kostnadsvekst.municipal.comparison_intervals import intervals
from kostnadsvekst.municipal.comparison_similar import group_members, similar

__all__ = ["findings", "gap", "gap_by_service", "group_members", "intervals", "similar"]
