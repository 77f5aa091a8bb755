"""The municipal panel: its schema, and how it is checked and built."""
