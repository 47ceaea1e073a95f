"""The agents of one actor as a learner sees them: it remembers, lets newborns inherit and learns, as the loop does."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.learning.build import build_cohort
from teem.learning.group import Alone, Group
from teem.learning.learner import Learner
from teem.learning.policies import Policies
from teem.learning.sharing import THE_ROW
from teem.record import archive
from teem.runtime.processes.facts import Facts, Mirror
from teem.runtime.processes.stream import Reading
from teem.runtime.transport.mailbox import FAULTS, LOSS, NOTES, OWNER, UPDATES, Mailbox
from teem.runtime.transport.ring import Frame
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Births, Outcome


class Pupils:
    """What one learner does for one actor's agents, those whose slot is its `share` of `of`.

    Nothing here knows of processes: it is driven by frames, and publishes into mailboxes.
    """

    def __init__(
        self,
        config: Config,
        threads: Threads,
        own: Mailbox,
        common: Mailbox | None,
        share: int = 0,
        of: int = 1,
        group: Group | None = None,
    ) -> None:
        self.updates = 0  # made so far
        self._config, self._threads = config, threads
        self._own, self._common = own, common
        self._share, self._of = share, of
        self._group = group or Alone()
        self._mirror: Mirror | None = None

    @property
    def known(self) -> bool:
        """Whether it has been told who lives."""
        return self._mirror is not None

    # ---- beginning

    def meet(self, frame: Frame) -> None:
        """Begin with those who live now: as founders, as a checkpoint says, or with the weights they act with."""
        constants, columns = frame.constants, frame.columns
        mirror = self._mirror = Mirror.of(msgspec.convert(constants["facts"], Facts))
        mirror.population.settle(columns["living"], columns["id"])
        mirror.step_count = constants["step"]
        config = self._config
        cohort = build_cohort(config, mirror.as_world(), self._threads, config.learning.algorithm)
        assert isinstance(cohort, Learner)
        cohort.networks.group = self._group
        self.cohort = cohort
        self.policies = Policies(mirror.as_world(), [cohort], self._threads, config.population.fame)
        self._reading = Reading(mirror, self._share, self._of)
        self._published_updates = np.full(mirror.facts.capacity, -1, np.int64)
        self._published_id = np.full(mirror.facts.capacity, -1, np.int64)
        self._common_due = True
        if constants["source"]:
            state, _ = archive.read(Path(constants["source"]), constants["step"])
            self._go_on(state, columns["living"].copy())

    def _go_on(self, state: State, living: NDArray[np.int32]) -> None:
        if "policies" in state:  # a checkpoint: everything is there
            self.policies.load_state(state["policies"])
            return
        cohort, networks = self.cohort, self.cohort.networks
        networks.own.adopt(living, state["weights"])
        networks.written(living)
        networks.common.adopt(THE_ROW, state["common"])
        networks.written_common()
        cohort.begin(living, fresh=False)  # what they remembered is lost
        cohort.gauges.load_state(state["gauges"], living)
        self.policies.legacies.load_state(state["legacies"])

    # ---- one step

    def follow(self, frame: Frame) -> tuple[int, int]:
        """Learn from a step, exactly as the loop does; how many updates were made, and from how many batches."""
        mirror, policies = self._expect_mirror(), self.policies
        observation, outcome = self._reading.read(frame, self.cohort.decisions())
        before = mirror.population.id.copy() if len(outcome.honours) else mirror.population.id
        if "births.id" in frame.columns:  # all of them, whoever learns for them
            born, ids = frame.columns["births.slot"], frame.columns["births.id"]
            mirror.population.turn_over(outcome.deaths.slot, born, ids)
        mirror.step_count = outcome.step + 1
        policies.remember(observation, outcome)
        for entry, slot in outcome.honours:
            self._fetch(np.array([slot], np.int32), before)
            policies.honour(int(entry), int(slot))
        self._inherit(outcome)
        taken = self.cohort.batches
        made = policies.learn()
        self.updates += made
        self._common_due |= made > 0
        return made, self.cohort.batches - taken

    def _inherit(self, outcome: Outcome) -> None:
        births = outcome.births
        if len(births.slot):
            parents = births.parent_slot[births.parent_slot >= 0]
            self._fetch(parents, self._expect_mirror().population.id)
            self.policies.inherit(Births(births.slot, births.parent_slot, births.fame))

    def _fetch(self, slots: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """Take the weights of those who learn elsewhere, as they were published last."""
        foreign = slots[~self._reading.mine(slots)]
        if len(foreign):
            taken = self._own.take(foreign, ids[foreign], self.cohort.networks.own.padded[0])
            self.cohort.networks.written(taken)

    # ---- what goes out

    def publish(self) -> int:
        """Publish the networks that changed; how many."""
        mirror, gauges, networks = self._expect_mirror(), self.cohort.gauges, self.cohort.networks
        living = mirror.population.living
        mine = living[self._reading.mine(living)]
        ids, updates = mirror.population.id[mine], gauges.updates[mine]
        changed = (self._published_updates[mine] != updates) | (self._published_id[mine] != ids)
        rows = mine[changed]
        if self._common and self._common_due and self._group.rank == 0:  # a mailbox has one writer
            networks.read_common()
            self._common.publish(THE_ROW, networks.common.padded[0], np.zeros((1, NOTES), np.int64))
            self._common_due = False
        if not len(rows):
            return 0
        networks.read(rows)
        notes = np.empty((len(rows), NOTES), np.int64)
        notes[:, OWNER], notes[:, UPDATES], notes[:, FAULTS] = ids[changed], updates[changed], gauges.faults[rows]
        notes[:, LOSS] = gauges.loss[rows].astype(np.float64).view(np.int64)
        self._own.publish(rows, networks.own.padded[0], notes)
        self._published_updates[rows], self._published_id[rows] = updates[changed], ids[changed]
        return len(rows)

    def save(self, folder: Path) -> None:
        """Hand over everything that a later step depends on."""
        archive.write(folder, self._expect_mirror().step_count, archive.pack(self.policies.state()), {})

    def _expect_mirror(self) -> Mirror:
        if self._mirror is None:
            raise ValueError("a step came before anybody said who lives")
        return self._mirror
