"""Worlds that teem with learning agents."""

from teem.version import __version__

__all__ = ["__version__"]
