"""The package's version, read by the build and printed in every footer."""

__version__ = "0.6.0"
# Of this version, as CITATION.cff has it.
RELEASED = "2026-11-26"
