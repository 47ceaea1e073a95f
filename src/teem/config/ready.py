"""The ready-made worlds: the TOML files that come with teem, by name."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def ready_folder() -> Path:
    """Where the ready-made worlds lie: inside an installed package, or beside the sources of a checkout."""
    installed = _PACKAGE / "ready"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "worlds"


def ready_worlds() -> dict[str, Path]:
    """The file of each ready-made world, by name."""
    return {path.stem: path for path in sorted(ready_folder().glob("*.toml"), key=lambda path: path.stem)}


def tagline(path: Path) -> str:
    """What a world's file says about itself in its first comment."""
    with path.open(encoding="utf-8") as lines:
        return lines.readline().lstrip("# ").rstrip()
