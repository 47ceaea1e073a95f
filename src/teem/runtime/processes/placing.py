"""Which GPU each learner has: in turn at first, then by the load that was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def place(rates: Sequence[float], staying: Mapping[int, int], gpus: int) -> list[int]:
    """The GPU of each learner; those `staying` keep theirs, by learner.

    `rates` are batches a second that each has learnt from, 0 where none is known. The others are placed from the
    busiest on, each where the least load is so far (Graham 1969, https://doi.org/10.1137/0117039), among equals
    where the fewest learners are: so in turn as long as nothing is known.
    """
    load, count = [0.0] * gpus, [0] * gpus
    places = [staying.get(learner, -1) for learner in range(len(rates))]
    for learner, gpu in staying.items():
        load[gpu] += rates[learner]
        count[gpu] += 1
    for learner in sorted(set(range(len(rates))) - set(staying), key=lambda learner: -rates[learner]):
        gpu = min(range(gpus), key=lambda gpu: (load[gpu], count[gpu], gpu))
        places[learner] = gpu
        load[gpu] += rates[learner]
        count[gpu] += 1
    return places
