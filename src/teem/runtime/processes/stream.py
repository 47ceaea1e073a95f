"""A step as it is sent from an actor to the learners, and as they read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.learning.ring import round_rows
from teem.runtime.processes.facts import Mirror
from teem.runtime.transport.ring import Frame, Ring
from teem.worlds.base import Births, Deaths, Observation, Outcome
from teem.worlds.turns import Turns

STEP, ROLL, SAVE = "step", "roll", "save"

Arrays = dict[str, NDArray[Any]]

_NO_SLOTS, _NO_IDS, _NO_HONOURS = np.empty(0, np.int32), np.empty(0, np.int64), np.empty((0, 2), np.int32)


def at_once(config: Config) -> int:
    """How many steps a learner takes at most before it publishes: an actor at its cap waits for as many."""
    return max(1, config.runtime.policy_lag_max // 2)


class Bidding(NamedTuple):
    """What learners are bidden to do from a step on, as a governor turns it."""

    share: Fraction  # of the updates that come due, how many are made
    turns: Turns  # in which agents decide

    def as_constants(self) -> dict[str, Any]:
        """As it travels with a step."""
        return {"share": [self.share.numerator, self.share.denominator], "turns": list(self.turns)}

    @staticmethod
    def of(constants: Mapping[str, Any]) -> Bidding:
        """As it came with a step."""
        return Bidding(Fraction(*constants["share"]), Turns(*constants["turns"]))


def put_step(
    ring: Ring,
    observation: Observation,
    outcome: Outcome,
    newborn: NDArray[np.int64],
    decisions: Sequence[Mapping[str, NDArray[Any]]],
    cohort_of: NDArray[np.int8],
    bidding: Bidding,
    *,
    rounded: bool = False,
) -> bool:
    """Send what came of a step, a row each of those who acted; False while there is no room.

    `newborn` are the ids of the births, `decisions` for each cohort columns by slot of what else was known when they
    decided; only those of its members are sent. Observations may be `rounded` to bfloat16, as replays keep them.
    """
    rows = outcome.acted
    seen = observation.values.reshape(len(observation.values), -1)
    by_slot: Arrays = {
        "mask": observation.mask,
        "action": outcome.action,
        "reward": outcome.reward,
        "terminated": outcome.terminated,
        "truncated": outcome.truncated,
    }
    parts = {name: (column, rows) for name, column in by_slot.items()}
    if not rounded:
        parts["observation"] = seen, rows
    whole: Arrays = {"acted": rows, "id": outcome.id}
    if len(decisions) > 1:
        whole["cohort"] = cohort_of[rows]
    for index, columns in enumerate(decisions):
        members = rows[whole["cohort"] == index] if "cohort" in whole else rows
        parts |= {_decided(index, name): (column, members) for name, column in columns.items()}
    final = getattr(outcome, "final", None)
    if final is not None:
        parts["final"] = final.reshape(len(final), -1), rows[outcome.truncated[rows]]
    if len(newborn) or len(outcome.deaths.slot):
        whole |= {
            "births.slot": outcome.births.slot,
            "births.parent": outcome.births.parent_slot,
            "births.fame": outcome.births.fame,
            "births.id": newborn,
            "deaths.slot": outcome.deaths.slot,
            "honours": outcome.honours,
        }
    shapes = {name: (column.dtype, column.shape) for name, column in whole.items()}
    shapes |= {name: (column.dtype, (len(some), *column.shape[1:])) for name, (column, some) in parts.items()}
    if rounded:
        shapes["observation"] = np.dtype(np.uint16), (len(rows), seen.shape[1])
    views = ring.begin(STEP, {"step": outcome.step, **bidding.as_constants()}, shapes)
    if views is None:
        return False
    for name, column in whole.items():
        views[name][...] = column
    for name, (column, some) in parts.items():
        np.take(column, some, axis=0, out=views[name], mode="clip")
    if rounded:
        round_rows(seen, rows, views["observation"])
    ring.commit()
    return True


def _decided(cohort: int, name: str) -> str:
    """What a column of a cohort's decisions is called in a frame."""
    return f"decision.{cohort}.{name}"


class Reading:
    """Steps as the learner's policies take them: arrays by slot, of those whose slot is `share` of `of`."""

    def __init__(self, mirror: Mirror, share: int, of: int) -> None:
        self._mirror = mirror
        self._share, self._of = share, of
        self._columns: Arrays = {}

    def mine(self, slots: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of the slots this learner learns for: an agent stays in its slot, so one learner is its only one."""
        return np.asarray(slots % self._of == self._share)

    def read(self, frame: Frame, decisions: Sequence[Mapping[str, NDArray[Any]]]) -> tuple[Observation, Outcome]:
        """The observation and the outcome that the actor had, restricted to this learner's, but with all births.

        What was seen may have come as bits of bfloat16. Its `decisions` go into the columns of each cohort.
        """
        columns = frame.columns
        self._expect_shapes(columns)
        kept: Any = slice(None) if self._of == 1 else self.mine(columns["acted"])
        rows, ids = columns["acted"][kept].copy(), columns["id"][kept].copy()
        self._read_decisions(columns, decisions)
        values, mask = (self._spread(name, columns[name][kept], rows) for name in ("observation", "mask"))
        by_slot: dict[str, Any] = {
            name: self._spread(name, columns[name][kept], rows)
            for name in ("action", "reward", "terminated", "truncated")
        }
        more: dict[str, Any] = {}
        if "final" in columns:
            cut = columns["acted"][columns["truncated"]]
            more["final"] = self._spread("final", columns["final"], cut)
        outcome = Outcome(
            step=frame.constants["step"],
            acted=rows,
            id=ids,
            target=np.empty(0, np.int64),
            births=self._births(columns),
            deaths=Deaths(columns["deaths.slot"].copy() if "deaths.slot" in columns else _NO_SLOTS, _NO_IDS, _NO_SLOTS),
            honours=columns["honours"].copy() if "honours" in columns else _NO_HONOURS,
            **by_slot,
            **more,
        )
        return Observation(rows, values, mask), outcome

    def _expect_shapes(self, columns: Arrays) -> None:
        """ValueError for rows of another width than the world has: one number would fill a whole row."""
        facts = self._mirror.facts
        for name, known in (("observation", facts.inputs), ("mask", facts.marks)):
            if columns[name].shape[1:] != (known,):
                came = list(columns[name].shape[1:])
                raise ValueError(f"{name} came as {came} an agent, but its world was said to have [{known}]")

    def _read_decisions(self, columns: Arrays, decisions: Sequence[Mapping[str, NDArray[Any]]]) -> None:
        acted = columns["acted"]
        for index, held in enumerate(decisions):
            members = acted[columns["cohort"] == index] if "cohort" in columns else acted
            mine: Any = slice(None) if self._of == 1 else self.mine(members)
            for name, column in held.items():
                column[members[mine]] = columns[_decided(index, name)][mine]

    def _births(self, columns: Arrays) -> Births:
        if "births.slot" not in columns:
            return Births(_NO_SLOTS, _NO_SLOTS, _NO_SLOTS)
        return Births(*(columns[f"births.{name}"].copy() for name in ("slot", "parent", "fame")))

    def _spread(self, name: str, column: NDArray[Any], rows: NDArray[np.int32]) -> NDArray[Any]:
        """A column by slot, in memory that is kept."""
        shape = (self._mirror.facts.capacity, *column.shape[1:])
        if name not in self._columns:
            self._columns[name] = np.zeros(shape, column.dtype)
        self._columns[name][rows] = column
        return self._columns[name]
