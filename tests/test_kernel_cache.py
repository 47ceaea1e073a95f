"""The kernel cache: machine code never outlives the source it came from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from teem import kernel_cache


def test_the_digest_changes_with_kernels_and_with_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernels.py").write_text("@njit\ndef f(x): return x\n")
    (tmp_path / "plain.py").write_text("A = 1\n")
    monkeypatch.setattr(kernel_cache, "__file__", str(tmp_path / "kernel_cache.py"))
    before = kernel_cache.digest()
    (tmp_path / "plain.py").write_text("A = 2\n")
    assert kernel_cache.digest() == before
    (tmp_path / "kernels.py").write_text("@njit\ndef f(x): return x + 1\n")
    assert kernel_cache.digest() != before


def test_the_folder_is_chosen_before_numba_is_imported_and_the_users_choice_is_kept(tmp_path: Path) -> None:
    show = "import teem, numba, os; print(numba.config.CACHE_DIR)"
    free = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    for environment, expected in (
        (
            {**free, "XDG_CACHE_HOME": str(tmp_path)},
            str(tmp_path / "teem" / "kernels" / kernel_cache.digest()),
        ),
        ({**free, "NUMBA_CACHE_DIR": "/somewhere"}, "/somewhere"),
    ):
        run = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
        assert run.stdout.strip() == expected


def test_only_the_newest_other_versions_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    for age in range(9):
        folder = kernel_cache.home() / f"old-{age}"
        folder.mkdir(parents=True)
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    kernel_cache.choose()
    assert sorted(folder.name for folder in kernel_cache.home().glob("old-*")) == [f"old-{age}" for age in range(4)]
