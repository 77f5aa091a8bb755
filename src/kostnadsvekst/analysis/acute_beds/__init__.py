"""Does the effect of municipal acute beds survive? The study, its coverage, and the synthetic effect path."""
