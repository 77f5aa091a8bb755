"""The package's version, read by the build and printed in every footer."""

__version__ = "0.5.0"
