"""The agents of one actor as a learner sees them: it remembers, lets newborns inherit and learns, as the loop does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import cohorts_of, learns
from teem.config.settings import Config
from teem.learning.build import build_cohorts, membership_of
from teem.learning.cohort import Cohort
from teem.learning.group import Group
from teem.learning.learner import Learner, decisions_of
from teem.learning.policies import Policies
from teem.learning.sharing import THE_ROW, Networks
from teem.measure.arrays import Stretch, arrays_of, stretches
from teem.measure.spans import Spans
from teem.record import archive
from teem.runtime.processes.facts import Facts, Mirror
from teem.runtime.processes.links import Boxes
from teem.runtime.processes.stream import Bidding, Reading
from teem.runtime.transport.mailbox import FAULTS, LOSS, NOTES, OWNER, UPDATES, Mailbox
from teem.runtime.transport.ring import Frame
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Births, World


class Pupils:
    """What one learner does for one actor's agents, those whose slot is its `share` of `of`.

    Nothing here knows of processes: it is driven by frames, and publishes into mailboxes.
    """

    def __init__(
        self,
        config: Config,
        threads: Threads,
        boxes: Sequence[Boxes | None],
        share: int = 0,
        of: int = 1,
        group: Group | None = None,
        spans: Spans | None = None,
        commons: dict[int, Networks] | None = None,
    ) -> None:
        """With `commons`, what all agents of a cohort share they share with those of the other actors' worlds."""
        self.updates = 0  # made so far
        self.published = 0  # networks so far
        self.config, self._threads = config, threads
        self._spans = spans or Spans()
        self._boxes = boxes  # of each cohort; None: it has no networks
        self._share, self._of = share, of
        self._group = group  # with whom networks that all share are learnt; None: alone
        self._commons = {} if commons is None else commons  # by cohort, of who met its agents first
        self._mirror: Mirror | None = None
        self._rows = 0  # beyond which nobody has lived so far
        self._stretches: list[Stretch] = []  # of the arrays of its policies

    @property
    def known(self) -> bool:
        """Whether it has been told who lives."""
        return self._mirror is not None

    @property
    def world(self) -> World:
        """The world of those who live, as far as it is known."""
        return self._expect_mirror().as_world()

    def mine(self, slots: NDArray[np.int32]) -> NDArray[np.int32]:
        """Those whom this learner learns for."""
        return slots[self._reading.mine(slots)]

    @property
    def megabytes(self) -> float:
        """What the system has lent of the arrays so far; it grows as they are filled, and is no leak."""
        rows = int(self.world.population.living.max(initial=-1)) + 1
        self._rows = max(self._rows, rows)
        return sum(one.lent(self._rows) for one in self._stretches) / 1e6

    # ---- beginning

    def meet(self, frame: Frame) -> None:
        """Begin with those who live now: as founders, as a checkpoint says, or with the weights they act with."""
        constants, columns = frame.constants, frame.columns
        mirror = self._mirror = Mirror.of(msgspec.convert(constants["facts"], Facts))
        mirror.population.settle(columns["living"], columns["id"])
        mirror.step_count = constants["step"]
        config, capacity = self.config, mirror.facts.capacity
        cohorts = build_cohorts(config, mirror.as_world(), self._threads)
        self._share_commons(cohorts)
        cohort_of = np.zeros(capacity, np.int8)
        cohort_of[columns["living"]] = columns["cohort"]
        world, fame = mirror.as_world(), config.population.fame
        self.policies = Policies(world, cohorts, self._threads, fame, cohort_of, membership_of(config))
        self._reading = Reading(mirror, self._share, self._of)
        self._bidden: Bidding | None = None  # what its policies do, as they were told last
        self._rows = 0
        self._stretches = stretches(arrays_of(self.policies, "policies"), capacity)
        self._published_updates = np.full(capacity, -1, np.int64)
        self._published_id = np.full(capacity, -1, np.int64)
        self._published_common: dict[Mailbox, int] = {}  # steps of the optimiser that the published weights had
        if constants["source"]:
            state, _ = archive.read(Path(constants["source"]), constants["step"])
            self._go_on(state, columns["living"].copy())

    def _share_commons(self, cohorts: Sequence[Cohort]) -> None:
        """Have cohorts whose agents share a network share it with those of other learners, or of other worlds."""
        for index, (settings, cohort) in enumerate(zip(cohorts_of(self.config.learning), cohorts, strict=True)):
            if settings.sharing == "shared" and learns(settings):
                assert isinstance(cohort, Learner)
                if self._group:
                    cohort.networks.group = self._group
                if index in self._commons:
                    cohort.networks.join(self._commons[index])
                self._commons.setdefault(index, cohort.networks)

    def _go_on(self, state: State, living: NDArray[np.int32]) -> None:
        if "policies" in state:  # a checkpoint: everything is there
            self.policies.load_state(state["policies"])
            return
        policies = self.policies
        for index, (key, cohort) in enumerate(zip(policies.keys, policies.cohorts, strict=True)):
            held, rows = state["acted_with"][key], living[policies.cohort_of[living] == index]
            if isinstance(cohort, Learner):
                networks = cohort.networks
                networks.own.adopt(rows, held["weights"])
                networks.written(rows)
                if not networks.joined:  # else what is here is at least as new
                    networks.common.adopt(THE_ROW, held["common"])
                    networks.written_common()
                cohort.begin(rows, fresh=False)  # what they remembered is lost
            cohort.gauges.load_state(held["gauges"], rows)
        policies.legacies.load_state(state["legacies"])

    # ---- one step

    def follow(self, frame: Frame) -> tuple[int, list[int]]:
        """Learn from a step, exactly as the loop does; how many updates were made, and of how many batches a cohort."""
        mirror, policies, spans = self._expect_mirror(), self.policies, self._spans
        self._expect_cohorts(frame)
        self._obey(Bidding.of(frame.constants))
        with spans("read"):
            observation, outcome = self._reading.read(frame, [decisions_of(cohort) for cohort in policies.cohorts])
        before = mirror.population.id.copy() if len(outcome.honours) else mirror.population.id
        if "births.id" in frame.columns:
            mirror.population.turn_over(outcome.deaths.slot, outcome.births.slot, frame.columns["births.id"])
        mirror.step_count = outcome.step + 1
        with spans("remember"):
            policies.remember(observation, outcome)
        with spans("inherit"):
            for entry, slot in outcome.honours:
                self._fetch(np.array([slot], np.int32), before)
                policies.honour(int(entry), int(slot))
            self._inherit(outcome.births)
        with spans("learn"):
            taken = self._batches()
            made = policies.learn()
        self.updates += made
        return made, [now - before for now, before in zip(self._batches(), taken, strict=True)]

    def _obey(self, bidding: Bidding) -> None:
        if bidding != self._bidden:
            self._bidden = bidding
            self.policies.learn_part(bidding.share)
            self.policies.retime(bidding.turns)

    def _expect_cohorts(self, frame: Frame) -> None:
        """ValueError where somebody acted as one of another cohort than it belongs to here."""
        if "cohort" not in frame.columns:
            return
        acted, there = frame.columns["acted"], frame.columns["cohort"]
        here = self.policies.cohort_of[acted]
        strayed = np.flatnonzero(here != there)
        if len(strayed):
            first = int(strayed[0])
            names = [one.name for one in cohorts_of(self.config.learning)]
            raise ValueError(
                f"agent {frame.columns['id'][first]} acted as one of the cohort {names[there[first]]}, "
                f"but belongs to {names[here[first]]} here"
            )

    def _batches(self) -> list[int]:
        return [cohort.batches if isinstance(cohort, Learner) else 0 for cohort in self.policies.cohorts]

    def _inherit(self, births: Births) -> None:
        if not len(births.slot):
            return
        self.policies.enrol(births)  # all of them, whoever learns for them
        mine = self._reading.mine(births.slot)
        parents = births.parent_slot[mine & (births.parent_slot >= 0)]
        self._fetch(parents, self._expect_mirror().population.id)
        self.policies.inherit(Births(births.slot[mine], births.parent_slot[mine], births.fame[mine]))

    def _fetch(self, slots: NDArray[np.int32], ids: NDArray[np.int64]) -> None:
        """Take the weights of those who learn elsewhere, as they were published last."""
        foreign = slots[~self._reading.mine(slots)]
        if len(foreign):
            for cohort, boxes, members in self._networks(foreign):
                cohort.networks.written(boxes.own.take(members, ids[members], cohort.networks.own.padded[0]))

    def _networks(self, slots: NDArray[np.int32]) -> Iterator[tuple[Learner, Boxes, NDArray[np.int32]]]:
        """The cohorts that have networks, with their mailboxes and those of the slots that belong to them."""
        policies = self.policies
        for index, (cohort, boxes) in enumerate(zip(policies.cohorts, self._boxes, strict=True)):
            if boxes:
                assert isinstance(cohort, Learner)
                yield cohort, boxes, slots[policies.cohort_of[slots] == index]

    # ---- what goes out

    def publish(self) -> int:
        """Publish the networks that changed; how many."""
        mine = self.mine(self._expect_mirror().population.living)
        with self._spans("publish"):
            made = sum(self._publish(cohort, boxes, members) for cohort, boxes, members in self._networks(mine))
        self.published += made
        return made

    def _publish(self, cohort: Learner, boxes: Boxes, members: NDArray[np.int32]) -> int:
        gauges, networks = cohort.gauges, cohort.networks
        if boxes.common and self._share == 0:  # a mailbox has one writer
            self._publish_common(cohort, boxes.common)
        ids, updates = self._expect_mirror().population.id[members], gauges.updates[members]
        changed = (self._published_updates[members] != updates) | (self._published_id[members] != ids)
        rows = members[changed]
        if not len(rows):
            return 0
        networks.read(rows)
        notes = np.empty((len(rows), NOTES), np.int64)
        notes[:, OWNER], notes[:, UPDATES], notes[:, FAULTS] = ids[changed], updates[changed], gauges.faults[rows]
        notes[:, LOSS] = gauges.loss[rows].astype(np.float64).view(np.int64)
        boxes.own.publish(rows, networks.own.padded[0], notes)
        self._published_updates[rows], self._published_id[rows] = updates[changed], ids[changed]
        return len(rows)

    def _publish_common(self, cohort: Learner, box: Mailbox) -> None:
        updates = int(cohort.networks.common.updates[0])
        if updates != self._published_common.get(box):
            cohort.networks.read_common()
            box.publish(THE_ROW, cohort.networks.common.padded[0], np.zeros((1, NOTES), np.int64))
            self._published_common[box] = updates

    def save(self, folder: Path) -> None:
        """Hand over everything that a later step depends on."""
        archive.write(folder, self._expect_mirror().step_count, archive.pack(self.policies.state()), {})

    def _expect_mirror(self) -> Mirror:
        if self._mirror is None:
            raise ValueError("a step came before anybody said who lives")
        return self._mirror
