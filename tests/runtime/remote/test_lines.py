"""Lines whose calls fail, are made twice or find no room, and ends of them that are lost: what is learnt stays true."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apart import Apart
from test_identity import expect_same, lockstep
from together import config_of

from teem.config.settings import Config
from teem.errors import TeemError
from teem.runtime.remote.desk import Desk
from teem.runtime.remote.parcels import LIFE, LifeOverError


class Chaos(Apart):
    """Every call may be made twice, its answer may be lost, and there may be no room; one goes on trying."""

    def linked(self) -> None:
        super().linked()
        self.draws = random.Random(7)

    def carry(self, learner: int) -> None:
        line, desk, draws = self.lines[learner], self.desks[learner], self.draws
        own = desk._links.rings[0]
        put = own.put_content
        own.put_content = lambda content: draws.random() < 0.7 and put(content)  # type: ignore[method-assign]
        while (parcel := line.pack()) is not None:
            taken = [desk.deliver(0, self.life, parcel) for _ in range(draws.randint(1, 2))]
            if draws.random() < 0.7:
                line.delivered(taken[-1])
        while True:
            news = desk.news(0, self.life, line.heard, 0.0)
            if draws.random() < 0.3:
                continue  # it is lost
            if news is None:
                break
            line.take_in(news)
        self.links.actor_bells[0].ring()
        own.put_content = put  # type: ignore[method-assign]


def compared(tmp_path: Path, config: Config, make: type[Apart], steps: int, most: int = 0) -> None:
    """Lockstep, and the same apart; `most` networks a message."""
    whole = lockstep(config, tmp_path / "whole", steps)
    parts = make(config, tmp_path / "parts")
    for desk in parts.desks:
        size = next(boxes.own.size for boxes in desk._links.boxes[0] if boxes)
        desk._most_bytes = most * (4 * size + 64) or desk._most_bytes
    for _ in range(steps):
        parts.step()
    try:
        expect_same(whole.world.state(), parts.run.world.state())
    finally:
        whole.finish("steps")
        whole.folder.close()
        parts.end()


@pytest.mark.parametrize("most", [0, 3])
def test_whatever_befalls_calls_what_is_acted_by_and_learnt_is_the_same(tmp_path: Path, most: int) -> None:
    compared(tmp_path, config_of(runtime__mode="async", runtime__learners=2), Chaos, 40, most)


def test_news_that_are_not_told_again_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "_forget", lambda self, actor: None)
    with pytest.raises((AssertionError, TeemError)):  # other weights, or counts that are waited for
        compared(tmp_path, config_of(runtime__mode="async", runtime__patience=2.0), Chaos, 40)


def test_counts_that_arrive_before_all_weights_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: Apart, learner: int) -> None:
        """Takes the first of several messages for all."""
        line, desk = self.lines[learner], self.desks[learner]
        while (parcel := line.pack()) is not None:
            line.delivered(desk.deliver(0, self.life, parcel))
        if (news := desk.news(0, self.life, line.heard, 0.0)) is not None:
            line.take_in(replace(news, whole=True))

    monkeypatch.setattr(Apart, "carry", hasty)
    with pytest.raises(AssertionError):
        compared(tmp_path, config_of(runtime__mode="async"), Apart, 40, 3)


def test_an_actor_that_is_lost_goes_on_from_its_checkpoint_with_the_same_learners(tmp_path: Path) -> None:
    config = config_of(runtime__mode="async")
    whole = lockstep(config, tmp_path / "whole", 50)
    first = Apart(config, tmp_path / "parts")
    for _ in range(27):
        first.step()
    first.end()
    second = Successor(first, config, tmp_path / "parts")
    with pytest.raises(LifeOverError):
        second.desks[0].news(0, 1, 0, 0.0)
    for _ in range(23):
        second.step()
    expect_same(whole.world.state(), second.run.world.state())
    assert second.run.policies.lags.counts[17:].sum() == 0  # type: ignore[attr-defined]
    whole.finish("steps")
    whole.folder.close()
    second.end()


class Successor(Apart):
    """The next life of an actor, whose learners have never heard that the first one ended."""

    def __init__(self, before: Apart, config: Config, out: Path) -> None:
        self._learners_before, self._desks_before = before.learners, before.desks
        super().__init__(config, out, resume=True, life=before.life + 1)

    def teaching(self, config: Config, learner: int) -> Any:
        self.desks.append(self._desks_before[learner])
        return self._learners_before[learner]


def test_steps_of_a_learner_that_was_lost_are_counted_and_its_follower_begins_with_what_was_acted_with(
    tmp_path: Path,
) -> None:
    config = config_of(runtime__mode="async")
    apart = Apart(config, tmp_path / "run")
    for _ in range(30):
        apart.step()
    updates = apart.links.control.total("updates", 0)
    apart.run.advance()
    apart.carry(0)  # this one is lost with the learner, which has taken it in
    apart.run.advance()  # and this one has not arrived
    apart.replace(config, 0)
    apart.learn()
    with apart.serving():
        apart.run.advance()
    apart.learn()
    control = apart.links.control
    assert control.total("lost", 0) == 2
    assert control.sent(0) == control.learnt(0) == LIFE + 33
    assert control.total("updates", 0) >= updates > 0
    apart.expect_begun_anew()
    for _ in range(20):
        apart.step()
    assert control.total("updates", 0) > updates
    apart.end()


def test_an_actor_that_learners_do_not_serve_stops_at_its_policy_lag(tmp_path: Path) -> None:
    config = config_of(runtime__mode="async", runtime__policy_lag_max=3, runtime__patience=0.2)
    apart = Apart(config, tmp_path / "run")
    steps = apart.run.step
    with pytest.raises(TeemError, match="no learner has taken anything"):
        while apart.run.step < steps + 10:
            apart.run.advance()
    assert apart.run.step == steps + 4  # the next one would have been four ahead
    apart.run.policies._patience = 60.0  # type: ignore[attr-defined]
    apart.end()
