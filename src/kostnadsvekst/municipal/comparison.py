"""Comparison of municipalities with what is known of it: intervals, shrinkage and ranks."""

from kostnadsvekst.municipal.comparison_intervals import intervals

__all__ = ["intervals"]
