"""The actor's policies: they act with the newest weights that were published, and send what came of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.cohorts import VALUED, cohorts_of, learns, shares_one
from teem.config.settings import Config, PolicySettings
from teem.errors import TeemError
from teem.learning.build import build_cohorts, membership_of
from teem.learning.cohort import Cohort, load_rows
from teem.learning.learner import Learner, decisions_of
from teem.learning.policies import Policies
from teem.learning.sharing import THE_ROW
from teem.record import archive, checkpoint
from teem.runtime.processes.facts import Facts
from teem.runtime.processes.lag import Lags
from teem.runtime.processes.links import Boxes, Links
from teem.runtime.processes.merging import merged
from teem.runtime.processes.patience import WAKE_S, Patience
from teem.runtime.processes.ratios import replay_ratios
from teem.runtime.processes.stream import ROLL, SAVE, Bidding, at_once, put_step
from teem.runtime.transport.mailbox import FAULTS, LOSS, UPDATES
from teem.state import State
from teem.threads import Threads
from teem.worlds.base import Action, Births, Observation, Outcome, World
from teem.worlds.turns import Turns

Rows = NDArray[np.int32]
Policy = TypeVar("Policy", bound=PolicySettings)


def acting_config(config: Config) -> Config:
    """The same networks, which never learn and remember next to nothing."""
    learning = _acting(config.learning)
    cohorts = tuple(_acting(cohort) for cohort in learning.cohorts)
    return msgspec.structs.replace(config, learning=msgspec.structs.replace(learning, cohorts=cohorts))


def _acting(settings: Policy) -> Policy:
    replay = msgspec.structs.replace(settings.replay, length=16, warmup=1)
    return msgspec.structs.replace(settings, enabled=False, replay=replay)


class ActingPolicies(Policies):
    """Policies that are learnt elsewhere: same calls, same order, so the same loop drives them."""

    repeatable = False  # weights come when they come

    def __init__(self, config: Config, world: World, threads: Threads, links: Links, actor: int, folder: Path) -> None:
        cohorts = build_cohorts(acting_config(config), world, threads)
        super().__init__(world, cohorts, threads, config.population.fame, membership=membership_of(config))
        self.lags = Lags(config.runtime.policy_lag_max)
        self.decisions = np.zeros(len(cohorts), np.int64)  # that were sent, of each cohort
        self.waited_at_once = at_once(config)
        self._bidding = Bidding(Fraction(1), world.turns)
        self._settings = cohorts_of(config.learning)
        self._rounded = all(one.algorithm in VALUED or not learns(one) for one in self._settings)
        self._links, self._actor, self._folder = links, actor, folder
        self._control, self._ring = links.control, links.rings[actor]
        self._one_network = shares_one(config.learning)
        self._patience = config.runtime.patience
        self._met = [-1] * self._control.learners  # the generation of each learner that knows who lives here
        self._source = ""  # the checkpoint that the learners begin with; "": with founders
        self._began = False
        self._saves = self._control.total("saved", actor)
        self._told = self._control.total("updates", actor)  # updates that were reported
        self._found_faults = np.zeros(world.population.capacity, np.int64)  # by learners, as told last

    def begin(self) -> None:
        """Wait until every learner knows who lives here; without it, the first steps would."""
        self._meet()
        self._until(lambda: all(self._has_met(learner) for learner in range(self._control.learners)))
        self.waited_s = 0.0

    def _has_met(self, learner: int) -> bool:
        return self._control.count("met", self._actor, learner) == self._met[learner]

    # ---- one step

    def act(self, observation: Observation, *, greedy: bool = False) -> Action:
        """As any policies do, once the learners are near enough, with what they have published."""
        self._wait_for_learners()
        self.lags.note(self.lag)
        self._take()
        return super().act(observation, greedy=greedy)

    def remember(self, observation: Observation, outcome: Outcome) -> None:
        """Count the decision, and send it."""
        super().remember(observation, outcome)
        newborn = self._world.population.id[outcome.births.slot]
        decisions = [decisions_of(cohort) for cohort in self.cohorts]
        step = (observation, outcome, newborn, decisions, self.cohort_of, self._bidding)
        self._until(lambda: put_step(self._ring, *step, rounded=self._rounded))
        self._control.send(self._actor)
        self.decisions += np.bincount(self.cohort_of[outcome.acted], minlength=len(self.cohorts))
        self._ring_all()

    def inherit(self, births: Births) -> None:
        """As any policies do; what the learners gave the newborn comes with their weights."""
        super().inherit(births)
        self._found_faults[births.slot] = 0

    def learn(self) -> int:
        """How many updates the learners have made since this was asked."""
        total = self._control.total("updates", self._actor)
        made, self._told = total - self._told, total
        return made

    def learn_part(self, share: Fraction) -> None:
        """Have the learners make only this share of the updates that come due, from the next step on."""
        self._bidding = self._bidding._replace(share=share)

    def retime(self, turns: Turns) -> None:
        """As any policies do, and the learners from the next step on."""
        super().retime(turns)
        self._bidding = self._bidding._replace(turns=turns)

    def told_late(self) -> int:
        """How many were made since `learn` was called last."""
        return self.learn()

    @property
    def lag(self) -> int:
        """Steps that were sent and that not every learner has learnt from."""
        return self._control.sent(self._actor) - self._control.learnt(self._actor)

    @property
    def under_way(self) -> int:
        """Bytes of experience that not every learner has taken."""
        return self._ring.held

    def _wait_for_learners(self) -> None:
        """Until all know who lives here, and none is too far behind."""
        self._meet()
        if self.lag > self.lags.cap:
            self._until(lambda: self.lag <= self.lags.cap)

    def _until(self, done: Any) -> None:
        """Sleep until `done()`, and greet learners that begin meanwhile; TeemError when nothing happens for long."""
        if done():
            return
        begun, patience = time.monotonic(), Patience(self._patience)
        while not done():
            self._links.actor_bells[self._actor].wait(WAKE_S)
            self._control.get_on(self._actor)
            if patience.is_over():
                raise TeemError(
                    f"no learner has taken anything for {self._patience:g} s: "
                    "raise runtime.patience, or look for its fault in the log"
                )
            self._meet()
        self.waited_s += time.monotonic() - begun

    def _ring_all(self) -> None:
        for bell in self._links.learner_bells:
            bell.ring()

    def _take(self) -> None:
        """Take the newest weights of the living, and what is told with them."""
        for cohort, boxes, members in self._networks():
            networks, gauges = cohort.networks, cohort.gauges
            rows = boxes.own.take(members, self._world.population.id[members], networks.own.padded[0])
            if len(rows):
                networks.written(rows)
                notes = boxes.own.notes(rows)
                gauges.updates[rows] = notes[:, UPDATES]
                gauges.loss[rows] = notes[:, LOSS].view(np.float64)
                gauges.faults[rows] += notes[:, FAULTS] - self._found_faults[rows]
                self._found_faults[rows] = notes[:, FAULTS]
            if boxes.common and len(boxes.common.take(THE_ROW, np.zeros(1, np.int64), networks.common.padded[0])):
                networks.written_common()

    def _networks(self) -> Iterator[tuple[Learner, Boxes, Rows]]:
        """The cohorts that have networks, with their mailboxes and those of the living who belong to them."""
        for (cohort, members), boxes in zip(self._living(), self._links.boxes[self._actor], strict=True):
            if boxes:
                assert isinstance(cohort, Learner)
                yield cohort, boxes, members

    def _living(self) -> Iterator[tuple[Cohort, Rows]]:
        """Every cohort with those of the living who belong to it."""
        living = self._world.population.living
        for index, cohort in enumerate(self.cohorts):
            yield cohort, living if len(self.cohorts) == 1 else living[self.cohort_of[living] == index]

    # ---- learners that begin

    def _meet(self) -> None:
        """Tell each learner that has been started who lives here, and with what.

        Those who hold one network are told in a row: no step may come between, which only some of them would take.
        """
        generations = [self._control.generation(learner) for learner in range(self._control.learners)]
        if self._one_network and len(set(generations)) > 1:
            return  # they are being started
        for learner, generation in enumerate(generations):
            if generation != self._met[learner]:
                self._met[learner] = generation
                self._call_roll(learner, self._source if not self._began else self._hand_over_weights(learner))
        self._began = True

    def _call_roll(self, learner: int, source: str) -> None:
        world, people = self._world, self._world.population
        living = people.living.copy()
        constants = {
            "learner": learner,
            "generation": self._met[learner],
            "step": world.step_count,
            "sent": self._control.sent(self._actor),
            "source": source,
            "facts": msgspec.to_builtins(Facts.of(world)),
        }
        columns: dict[str, NDArray[Any]] = {
            "living": living, "id": people.id[living], "cohort": self.cohort_of[living],
        }  # fmt: skip
        patience = Patience(self._patience)
        while not self._ring.put(ROLL, constants, columns):
            self._links.actor_bells[self._actor].wait(WAKE_S)
            self._control.get_on(self._actor)
            if self._control.generation(learner) != self._met[learner]:
                return  # lost again: whoever comes next is greeted in turn
            if patience.is_over():
                raise TeemError(f"learner {learner} has taken nothing for {self._patience:g} s")
        self._ring_all()

    def _hand_over_weights(self, learner: int) -> str:
        """Keep what this actor has of everybody for a learner that lost its own; where it is kept."""
        self._take()
        acted_with: State = {}
        for key, (cohort, members) in zip(self.keys, self._living(), strict=True):
            held = acted_with[key] = {"gauges": cohort.gauges.state(members)}
            if isinstance(cohort, Learner):
                held["weights"] = cohort.networks.own.weights[members]
                held["common"] = cohort.networks.common.weights.copy()
        state = {"acted_with": acted_with, "legacies": self.legacies.state()}
        folder = self._aside(f"roll-{learner}")
        archive.write(folder, self._world.step_count, archive.pack(state), {})
        for cohort, members in self._living():
            theirs = members[members % self._control.learners == learner]
            self._found_faults[theirs] = cohort.gauges.faults[theirs]  # it counts on from here
        return str(folder)

    def _aside(self, name: str) -> Path:
        """A folder that is swept with half-written checkpoints if it is left over."""
        folder = self._folder / f"step-{self._world.step_count:09d}{checkpoint.PARTIAL}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    # ---- what is known and saved

    def state(self) -> State:
        """Everything that a later step depends on: what the learners hold after this very step, put together."""
        self._saves += 1
        number, step = self._saves, self._world.step_count
        folders = [self._aside(f"learner-{learner}") for learner in range(self._control.learners)]
        asked: list[int] = []

        def all_saved() -> bool:
            self._meet()
            if asked != self._met:  # the first time, and again whenever one of them was lost
                constants = {"number": number, "folders": [str(folder) for folder in folders]}
                if not self._ring.put(SAVE, constants, {}):
                    return False
                asked[:] = self._met
                self._ring_all()
            counts = [self._control.count("saved", self._actor, one) for one in range(self._control.learners)]
            return min(counts) >= number

        self._until(all_saved)
        self._take()
        parts = [archive.read(folder, step)[0] for folder in folders]
        state = merged(parts, self._world.population.living, self.keys)
        self._add_own(state)
        for folder in folders:
            shutil.rmtree(folder)  # what was read from it is mapped, and stays as long as it is used
        return state

    def _add_own(self, state: State) -> None:
        """What is counted here, and the decisions in progress."""
        for key, (cohort, members) in zip(self.keys, self._living(), strict=True):
            held = state["cohorts"][key]
            held["gauges"] = cohort.gauges.state(members)
            for name, column in decisions_of(cohort).items():
                held["decisions"][name] = column[members]

    def load_state(self, state: State) -> None:
        """Go on from a saved state: weights and gauges; the learners take the rest from the checkpoint itself."""
        living = self._world.population.living
        self.cohort_of[living] = state["cohort_of"]
        for key, (cohort, members) in zip(self.keys, self._living(), strict=True):
            held = state["cohorts"][key]
            cohort.gauges.load_state(held["gauges"], members)
            if isinstance(cohort, Learner):
                cohort.networks.load_state(held["networks"], members)
            if columns := decisions_of(cohort):
                load_rows("decisions", columns, held["decisions"], members)
            self._found_faults[members] = held["gauges"]["faults"]
        self.legacies.load_state(state["legacies"])
        self._source = str(checkpoint.folder_of(self._folder, self._world.step_count))

    def report(self) -> dict[str, Any]:
        """How old the policies were that acted, how often they were trained, and what was waited for."""
        return {
            "policy_lag_steps": self.lags.report(),
            **replay_ratios(self._control, self._actor, self._settings, self.decisions),
            "waited_s": self.waited_s,
            "steps_lost": self._control.total("lost", self._actor),
        }
