"""The mail: each letter reaches its island once, whoever goes back to a checkpoint, and whatever is sent again."""

from __future__ import annotations

import random

import numpy as np
import pytest

from teem.population.guests import Guests
from teem.runtime.islands.mail import Mail
from teem.runtime.islands.migrants import Migrants

ISLANDS, EVERY = 3, 2


def letter(island: int, step: int) -> Migrants:
    kind = np.array([island * 1000 + step], np.int32)
    genome = kind.astype(np.float32)[:, None]
    return Migrants(
        island, step, kind.astype(np.int64), kind, genome, np.zeros(1, np.int8), np.full(1, -1), np.empty(0, np.float32)
    )


class Plain:
    """An island that only counts steps and keeps what came; a checkpoint is a copy of both."""

    def __init__(self) -> None:
        self.step, self.guests, self.came = 0, Guests(8, 1), []
        self.saved = (0, self.guests.state(), [])

    def play(self, letters: list[Migrants]) -> None:
        for one in letters:
            self.guests.receive(one.island, one.step, one.kind, one.genome)
            self.came += self.guests.kind[self.guests.leave(9)].tolist()
        self.step += 1

    def save(self) -> None:
        self.saved = (self.step, self.guests.state(), list(self.came))

    def go_back(self) -> None:
        self.step, state, came = self.saved
        self.guests.load_state(state)
        self.came = list(came)


def chaos(mail: Mail, seed: int) -> list[Plain]:
    """Islands that play, save and are lost by chance; then all play on until every letter has come."""
    rng, islands = random.Random(seed), [Plain() for _ in range(ISLANDS)]
    for turn in range(300):
        index = rng.randrange(ISLANDS)
        one, chance = islands[index], rng.random() if turn < 250 else 1.0
        if chance < 0.1:
            one.go_back()
            mail.went_back(index, one.step)
            continue
        if chance < 0.3:
            one.save()
            mail.saved(index, one.step)
        one.play(mail.hand_over(index, one.step))
        if one.step % EVERY == 0:
            mail.post(letter(index, one.step))
    for index, one in enumerate(islands):
        one.play(mail.hand_over(index, one.step))
    return islands


@pytest.mark.parametrize("topology", ["ring", "random"])
@pytest.mark.parametrize("seed", range(5))
def test_each_migrant_arrives_once_whoever_is_lost(topology: str, seed: int) -> None:
    mail = Mail(ISLANDS, topology, seed)
    islands = chaos(mail, seed)
    for index, one in enumerate(islands):
        senders = [sender for sender in range(ISLANDS) if sender != index]
        wanted = sorted(
            sender * 1000 + step
            for sender in senders
            for step in range(EVERY, islands[sender].step + 1, EVERY)
            if mail.receiver(sender, step) == index and step < islands[sender].step - 1
        )
        came = [kind for kind in sorted(one.came) if kind in set(wanted)]
        assert came == wanted


def test_a_mail_that_does_not_give_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mail, "went_back", lambda self, island, step: None)
    with pytest.raises(AssertionError):
        for seed in range(5):
            test_each_migrant_arrives_once_whoever_is_lost("ring", seed)


def test_a_room_that_takes_letters_twice_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Guests.receive

    def forgetful(self: Guests, *words: object) -> object:
        self.received.clear()
        return take(self, *words)

    monkeypatch.setattr(Guests, "receive", forgetful)
    with pytest.raises(AssertionError):
        for seed in range(5):
            test_each_migrant_arrives_once_whoever_is_lost("ring", seed)


def test_a_ring_goes_round_and_chance_reaches_everybody_but_oneself() -> None:
    assert [Mail(3, "ring", 7).receiver(island, 10) for island in range(3)] == [1, 2, 0]
    drawn = Mail(4, "random", 7)
    assert {drawn.receiver(1, step) for step in range(100)} == {0, 2, 3}
    assert Mail(1, "random", 7).receiver(0, 5) == 0


def test_what_is_kept_is_bounded() -> None:
    mail = Mail(2, "ring", 7)
    for step in range(600):
        mail.post(letter(0, step))
    assert len(mail.hand_over(1, 0)) == 256
    assert mail.given_up == 600 - 256
