"""What is computed from panels and estimates, between the models and the report."""
