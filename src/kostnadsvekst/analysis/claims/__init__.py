"""Claims of the report's running text, each computed by the measure that its row names."""
