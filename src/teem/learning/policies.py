"""Every cohort, who belongs to which, and how newborns come to their networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from teem.learning.acting import acting_of
from teem.learning.cohort import Cohort, Gauges
from teem.learning.learner import Learner
from teem.learning.legacy import Legacies
from teem.learning.membership import Membership
from teem.learning.selector import find_unsound
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Action, Births, Observation, Outcome, World
from teem.worlds.turns import Turns

Rows = NDArray[np.int32]
Ids = NDArray[np.int64]


class Policies:
    """Every cohort, and who belongs to which; a newborn belongs to its parent's.

    A step calls `act`, then, after the world's step, `remember`, `inherit` and `learn`, in this order.
    """

    repeatable = True  # the same seed and the same changes give the same bits
    cohort_of: NDArray[np.int8]  # [capacity] index into `cohorts`; means nothing where nobody lives

    def __init__(
        self,
        world: World,
        cohorts: Sequence[Cohort],
        threads: Threads,
        fame: int = 1,
        cohort_of: NDArray[np.int8] | None = None,
        membership: Membership | None = None,
    ) -> None:
        self.waited_s = 0.0  # by steps, for learning that is done elsewhere
        self.waited_at_once = 1  # steps whose learning is waited for together, at most
        self.cohorts = list(cohorts)
        self._world = world
        self._threads = threads
        capacity = world.population.capacity
        self.cohort_of = np.zeros(capacity, np.int8) if cohort_of is None else cohort_of.copy()
        self._membership = membership  # None: who comes after nobody joins the first cohort
        if membership and cohort_of is None:
            founders = world.population.living
            self.cohort_of[founders] = membership.of_founders(world.population.id[founders])
        self.legacies = Legacies(2 * fame)  # the famous, then as many guests
        self._famous = fame
        self._action = acting_of(world).nothing(capacity)
        self._decided = np.empty(0, np.int32)  # whose last decision is remembered, and who live on
        self._unsound = np.zeros(capacity, np.bool_)
        for cohort, rows, ids in self._members(world.population.living):
            cohort.found(rows, ids)

    def _members(self, rows: Rows) -> Iterator[tuple[Cohort, Rows, Ids]]:
        """Each cohort with those of the rows that belong to it, in their order, and their ids."""
        ids = self._world.population.id
        if len(self.cohorts) == 1:
            yield self.cohorts[0], rows, ids[rows]
            return
        for index, cohort in enumerate(self.cohorts):
            members = rows[self.cohort_of[rows] == index]
            if len(members):
                yield cohort, members, ids[members]

    def parts(self, rows: Rows) -> Iterator[tuple[Cohort, NDArray[np.int64]]]:
        """Each cohort with the places in `rows` of those that belong to it, if any do."""
        for index, cohort in enumerate(self.cohorts):
            places = np.flatnonzero(self.cohort_of[rows] == index)
            if len(places):
                yield cohort, places

    def act(self, observation: Observation, *, greedy: bool = False) -> Action:
        """What each of those who decide does, `[capacity]` or `[capacity, branches]`; the next call reuses the array.

        An observation that is not finite is replaced by zeros, its agent rests, and its faults are counted.
        """
        if not len(observation.living):
            return self._action
        unsound = self._find_unsound(observation)
        for cohort, rows, ids in self._members(observation.living):
            cohort.act(observation, rows, ids, self._world.step_count, self._action, greedy=greedy)
        if len(unsound):
            self._action[unsound] = self._world.rest
            for cohort, rows, _ in self._members(unsound):
                cohort.gauges.faults[rows] += 1
        return self._action

    def _find_unsound(self, observation: Observation) -> Rows:
        """The rows whose observation was not finite, and is zeros now."""
        values = observation.values.reshape(len(observation.values), -1)
        living = observation.living
        self._threads.share(find_unsound, len(living), values.view(np.int32), living, self._unsound)
        rows = living[self._unsound[: len(living)]]
        if len(rows):
            observation.values[rows] = 0.0
        return rows

    def remember(self, observation: Observation, outcome: Outcome) -> None:
        """Each cohort keeps what came of its decisions, ends of episodes and deaths included."""
        self._decided = outcome.acted[self._world.population.id[outcome.acted] == outcome.id]
        if len(self.cohorts) == 1:
            if len(outcome.acted):
                self.cohorts[0].remember(observation, outcome, outcome.acted, outcome.id)
            return
        for index, cohort in enumerate(self.cohorts):
            mine = self.cohort_of[outcome.acted] == index
            if mine.any():
                cohort.remember(observation, outcome, outcome.acted[mine], outcome.id[mine])

    def inherit(self, births: Births) -> None:
        """Give the newborn their networks: after the living parent, after the famous dead, or fresh ones."""
        if not len(births.slot):
            return
        self.enrol(births)
        step, ids = self._world.step_count, self._world.population.id
        with_parent = births.parent_slot >= 0
        children, parents = births.slot[with_parent], births.parent_slot[with_parent]
        for index, cohort in enumerate(self.cohorts):
            mine = self.cohort_of[children] == index
            if mine.any():
                cohort.inherit(children[mine], parents[mine], ids[children[mine]], step)
        for slot, entry in zip(births.slot[~with_parent], births.fame[~with_parent], strict=True):
            self._reseed(slot, int(entry), step)

    def enrol(self, births: Births) -> None:
        """Write the cohort of each newborn: its parent's, that of the famous it comes after, or one drawn."""
        with_parent = births.parent_slot >= 0
        self.cohort_of[births.slot[with_parent]] = self.cohort_of[births.parent_slot[with_parent]]
        for slot, entry in zip(births.slot[~with_parent], births.fame[~with_parent], strict=True):
            row, famed = np.array([slot], np.int32), self.legacies.entry(int(entry))
            if famed:
                self.cohort_of[row] = famed.cohort
            else:
                ids = self._world.population.id[row]
                self.cohort_of[row] = self._membership.of_newcomers(ids) if self._membership else 0

    def _reseed(self, slot: np.int32, entry: int, step: int) -> None:
        """A newborn without a living parent: after somebody famous, a guest as it came, or a founder."""
        row = np.array([slot], np.int32)
        ids = self._world.population.id[row]
        famed = self.legacies.entry(entry)
        cohort = self.cohorts[self.cohort_of[slot]]
        if famed and famed.weights is not None:
            cohort.inherit_weights(row, famed.weights[None], ids, step, exact=entry >= self._famous)
        else:
            cohort.found(row, ids)

    def honour(self, entry: int, row: int) -> None:
        """Keep the weights of the row in an entry of the hall of fame; it may have died in this step."""
        index = int(self.cohort_of[row])
        self.legacies.keep(entry, index, self.cohorts[index].weights_of(row))

    def receive(self, place: int, cohort: int, weights: NDArray[np.float32] | None) -> None:
        """Keep the weights that a guest brings until it settles."""
        self.legacies.keep(self._famous + place, cohort, weights)

    def learn(self) -> int:
        """Update those who decided last and whose turn it is; how many updates were made.

        A cohort of which nobody did is asked too: others may learn its network with it, or its dead count yet.
        """
        step, ids, decided, made = self._world.step_count, self._world.population.id, self._decided, 0
        for index, cohort in enumerate(self.cohorts):
            if cohort.learns:
                rows = decided if len(self.cohorts) == 1 else decided[self.cohort_of[decided] == index]
                made += cohort.learn(rows, ids[rows], step)
        return made

    def learn_part(self, share: Fraction) -> None:
        """From now on make only this share of the updates that come due, those of the least trained."""
        for cohort in self.cohorts:
            if isinstance(cohort, Learner):
                cohort.share = share

    def retime(self, turns: Turns) -> None:
        """Learn in other turns, since agents decide in them from the decisions on that end next."""
        for cohort in self.cohorts:
            if isinstance(cohort, Learner):
                cohort.retime(turns)

    def told_late(self) -> int:
        """Updates that were made since `learn` was called last; none, where it makes them itself."""
        return 0

    @property
    def gauges(self) -> Gauges:
        """What is known of each agent's learning, one row a slot; copies if there are several cohorts."""
        if len(self.cohorts) == 1:
            return self.cohorts[0].gauges
        together = Gauges.of(len(self.cohort_of))
        for index, cohort in enumerate(self.cohorts):
            rows = np.flatnonzero(self.cohort_of == index).astype(np.int32)
            together.load_state(cohort.gauges.state(rows), rows)
        return together

    @property
    def keys(self) -> list[str]:
        """What each cohort is called in a saved state."""
        return [f"{index}-{cohort.name}" for index, cohort in enumerate(self.cohorts)]

    def state(self) -> State:
        """Everything that a later step depends on."""
        living = self._world.population.living
        cohorts = {
            key: cohort.state(living[self.cohort_of[living] == index])
            for index, (key, cohort) in enumerate(zip(self.keys, self.cohorts, strict=True))
        }
        return {"cohort_of": self.cohort_of[living], "cohorts": cohorts, "legacies": self.legacies.state()}

    def load_state(self, state: State) -> None:
        """Continue from a saved state, bit for bit; the world has been loaded before."""
        living = self._world.population.living
        self.retime(self._world.turns)
        if len(state["cohort_of"]) != len(living):
            raise ValueError(f"policies: saved for {len(state['cohort_of'])} agents, {len(living)} are alive here")
        self.cohort_of[living] = state["cohort_of"]
        for index, (key, cohort) in enumerate(zip(self.keys, self.cohorts, strict=True)):
            cohort.load_state(state["cohorts"][key], living[self.cohort_of[living] == index])
        self.legacies.load_state(state["legacies"])
