"""The archipelago with its islands in this process, a call at a time: who hangs, who finds no node, what is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small import config_of

from teem.errors import TeemError
from teem.record import checkpoint
from teem.record.folder import RunFolder
from teem.runtime.islands import archipelago
from teem.runtime.islands.archipelago import Archipelago, island_folder
from teem.runtime.islands.island import Island
from teem.runtime.session import exit_code

Answers = Callable[[int, str], bool]


class Here:
    """A cluster that is this process: what is asked is done at once, the latest is answered first, or it never is."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.placed: list[tuple[int, bool]] = []
        self.done: dict[int, Any] = {}
        self.asked = 0

    def place(self, part: type, index: int, folder: str, *, again: bool) -> Any:
        island = Island(index, folder)
        self.placed.append((index, again))

        def call(name: str) -> Any:
            def remote(*words: Any) -> int:
                self.asked += 1
                if self.answers(index, name):
                    self.done[self.asked] = getattr(island, name)(*words)
                return self.asked

            return SimpleNamespace(remote=remote)

        return SimpleNamespace(island=island, **{name: call(name) for name in ("begin", "play", "finish")})

    def ready(self, waits: dict[int, int], seconds: float) -> list[int]:
        return [wait for wait in sorted(waits, key=lambda wait: (-waits[wait], wait)) if wait in self.done][:1]

    def answer(self, wait: int) -> Any:
        return self.done.pop(wait)

    def end(self, actor: Any) -> None:
        """As if it were killed: its folder is free."""
        if actor and (run := actor.island._run):
            run.pools.close()
            actor.island._run = None
            try:
                os.close(run.folder.lock)
            except OSError:
                return  # it has ended by itself

    def close(self) -> None:
        pass


class Interrupt:
    """Asked for after so many looks."""

    def __init__(self, after: int) -> None:
        self.left = after

    @property
    def asked(self) -> bool:
        self.left -= 1
        return self.left < 0


def played(
    path: Path, monkeypatch: pytest.MonkeyPatch, answers: Answers, looks: int = 1000, **changes: Any
) -> tuple[Any, Here]:
    here = Here(answers)
    monkeypatch.setattr(archipelago, "Cluster", lambda *words: here)
    monkeypatch.setattr(archipelago, "PAUSE_S", 0.0)
    config = config_of(runtime__mode="ray", record__enabled=False, runtime__patience=0.3, **changes)
    folder = RunFolder.create(path / "run", "farm")
    try:
        return Archipelago.create(config, folder).play(Interrupt(looks)), here  # type: ignore[arg-type]
    finally:
        folder.close()


def test_an_island_that_hangs_is_begun_anew_from_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays: list[int] = []

    def answers(index: int, name: str) -> bool:
        plays.extend([index] if name == "play" else [])
        return not (index == 1 and name == "play" and plays.count(1) == 4)

    report, here = played(tmp_path, monkeypatch, answers, steps=60)
    assert here.placed == [(0, False), (1, False), (1, True)]
    assert (report["steps"], report["reason"], exit_code(report)) == (60, "steps", 4)
    assert report["ray"]["lost"] == ["island 1: no answer in time"]
    assert plays.count(1) == 4 + 4  # from step 20 on


def test_where_no_node_is_free_the_run_ends_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archipelago, "START_S", 0.3)
    with pytest.raises(TeemError, match=r"island 1 has not begun within 0.3 s: give the cluster a node with 1 CPUs"):
        played(tmp_path, monkeypatch, lambda index, name: index == 0, steps=20)


def test_what_is_sent_to_an_island_that_has_ended_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Island 1 plays to its end before island 0 begins: it gets nothing, and what it sent is there in time."""
    report, _ = played(tmp_path, monkeypatch, lambda index, name: True, steps=60)
    ray = report["ray"]
    assert min(ray["migrants_received"], ray["migrants_undelivered"]) > 0
    assert ray["migrants_sent"] == ray["migrants_received"] + ray["migrants_undelivered"]


def test_what_is_under_way_when_the_run_is_stopped_is_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Island 1 has sent at step 20, which island 0 has not heard of when both are told to stop."""
    report, _ = played(tmp_path, monkeypatch, lambda index, name: True, looks=3, steps=60)
    ray = report["ray"]
    assert report["reason"] == "interrupted"
    assert (ray["migrants_sent"], ray["migrants_received"], ray["migrants_undelivered"]) == (4, 4, 0)
    assert [one["migration"]["waiting"] for one in ray["each"]] == [4, 0]
    newest = checkpoint.latest(island_folder(tmp_path / "run", 0) / "checkpoints")
    assert (newest.state["world"]["guests"]["turn"] >= 0).sum() == 4


def test_letters_that_are_forgotten_at_the_end_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish = Island.finish
    monkeypatch.setattr(Island, "finish", lambda self, reason, letters: finish(self, reason))
    with pytest.raises(AssertionError):
        test_what_is_under_way_when_the_run_is_stopped_is_in_the_checkpoint(tmp_path, monkeypatch)
