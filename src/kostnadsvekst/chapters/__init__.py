"""One module for each chapter of the report: what it reads, estimates and writes."""
