"""Bytes to tidy frames, and nothing else: the only place that touches raw files or the network."""
