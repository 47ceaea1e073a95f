"""Tiny runs to examine and to evaluate; each is made once, and copied by those who damage it."""

import shutil
from pathlib import Path

import pytest
from tiny_runs import TINY, TINY_CRAWLERS, TINY_TREASURE, TORQUES, changed, run_in


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A run that nobody may change."""
    return run_in(tmp_path_factory.mktemp("runs") / "tiny", TINY)


@pytest.fixture
def copied_run(tiny_run, tmp_path):
    """A run of one's own."""
    return Path(shutil.copytree(tiny_run, tmp_path / "copied"))


@pytest.fixture(scope="session")
def tiny_crawlers(tmp_path_factory):
    """A run of crawlers that nobody may change."""
    return run_in(tmp_path_factory.mktemp("runs") / "crawlers", TINY_CRAWLERS)


@pytest.fixture(scope="session")
def tiny_torques(tmp_path_factory):
    """A run of crawlers that learn torques, which nobody may change."""
    return run_in(tmp_path_factory.mktemp("runs") / "torques", changed(TINY_CRAWLERS, **TORQUES))


@pytest.fixture(scope="session")
def tiny_treasure(tmp_path_factory):
    """A run of a treasure world that nobody may change."""
    return run_in(tmp_path_factory.mktemp("runs") / "treasure", TINY_TREASURE)
