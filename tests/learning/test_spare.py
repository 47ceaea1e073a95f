"""Scratch is made once for each call that runs at one time, and used again."""

from __future__ import annotations

import threading

import numpy as np

from teem.learning.spare import Spare


def test_scratch_is_used_again_and_shared_by_no_two_calls_at_one_time() -> None:
    made: list[np.ndarray] = []

    def make() -> np.ndarray:
        made.append(np.zeros(1))
        return made[-1]

    both, seen = threading.Barrier(2, timeout=20), []
    spare = Spare(make)

    def kernel(begin: int, stop: int, scratch: np.ndarray) -> None:
        both.wait()
        seen.append(scratch)

    lent = spare.lend(kernel)
    for calls in (1, 2):
        threads = [threading.Thread(target=lent, args=(0, 1)) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)
        assert len(made) == len(spare) == 2
        assert {id(each) for each in seen[-2:]} == {id(each) for each in made}
        assert len(seen) == 2 * calls
