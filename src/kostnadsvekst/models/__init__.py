"""Specifications and the estimators that fit them."""
