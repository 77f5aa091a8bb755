"""Engines for outcomes on a balanced grid of units and periods, all outcomes sharing one projection."""
