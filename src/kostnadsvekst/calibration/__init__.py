"""A synthetic panel on which the estimator prints the published tables."""
