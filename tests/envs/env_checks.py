"""What must hold of every environment, step by step, against a world of its own that is played plainly beside it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from teem.config.settings import Config
from teem.measure.spans import Spans
from teem.threads import Threads
from teem.worlds.base import World
from teem.worlds.catalogue import make_world


class Plain:
    """A world played from decision to decision by the book, one agent at a time: dictionaries by id."""

    def __init__(self, config: Config, seed: int, *, refill: bool = False) -> None:
        self.config = msgspec.structs.replace(config, seed=seed)
        self.world: World = make_world(self.config, Threads(1), Spans())
        self.refill = refill and self.world.guests is not None
        self.waiting: list[tuple[int, NDArray[np.float32]]] = []  # kind and genome of the dead who come again
        self.letters = 0
        self.view: dict[int, NDArray[np.float32]] = {}  # what each of the living perceived when it looked last
        self.decides: dict[int, NDArray[np.bool_]] = {}  # what those may do who decide now
        self.look()

    def look(self) -> None:
        observation, ids = self.world.observe(), self.world.population.id
        self.decides = {int(ids[slot]): observation.mask[slot].copy() for slot in observation.living}
        for slot in observation.living:
            self.view[int(ids[slot])] = observation.values[slot].copy()

    def slots(self) -> dict[int, int]:
        """Where each of the living is."""
        people = self.world.population
        return {int(people.id[slot]): int(slot) for slot in people.living}

    def heuristic(self, others: str) -> dict[int, Any]:
        """What each of those does who decide now, where all act by rule of thumb; nothing where they rest."""
        world, slots = self.world, self.slots()
        if others == "resting":
            return {}
        shape = (world.population.capacity, *([len(world.branches)] if world.branches else []))
        action = np.full(shape, world.rest, np.float32 if world.continuous else np.int32)
        world.heuristic(world.observe(), action)
        return {who: action[slots[who]].copy() for who in self.decides}

    def step(self, actions: dict[int, Any]) -> dict[str, dict[int, Any]]:
        """What each of those who lived got: reward, terminated, truncated, and the last view where it ended."""
        world, before = self.world, self.slots()
        told: dict[str, dict[int, Any]] = {
            "reward": dict.fromkeys(before, 0.0), "terminated": dict.fromkeys(before, False),
            "truncated": dict.fromkeys(before, False), "died": dict.fromkeys(before, False), "final": {},
        }  # fmt: skip
        for _ in range(2 * world.turns.every + 1):
            wanted = np.full((world.population.capacity, max(1, len(world.branches))), world.rest, np.float64)
            for who, slot in self.slots().items():
                wanted[slot] = actions.get(who, world.rest)
            kind = np.float32 if world.continuous else np.int32
            outcome = world.step((wanted if world.branches else wanted[:, 0]).astype(kind))
            for slot, who in zip(outcome.acted.tolist(), outcome.id.tolist(), strict=True):
                told["reward"][who] = float(outcome.reward[slot])
                told["terminated"][who] = bool(outcome.terminated[slot])
                told["truncated"][who] = bool(outcome.truncated[slot])
                if outcome.truncated[slot]:
                    told["final"][who] = self.view[who] if outcome.final is None else outcome.final[slot].copy()
                elif outcome.terminated[slot]:
                    told["final"][who] = self.view[who]
            for who in outcome.deaths.id.tolist():
                if who in before:
                    told["terminated"][who] = told["died"][who] = True
                    told["final"].setdefault(who, self.view.get(who, 0 * world.observe().values[0]))
            if self.refill:
                self.send_back(outcome.deaths.slot.tolist())
            self.look()
            if self.decides or self.extinct():
                break
        if self.over():
            for who in self.slots().keys() & before.keys():
                if not told["terminated"][who] and not told["truncated"][who]:
                    told["truncated"][who], told["final"][who] = True, self.view[who]
        return told

    def over(self) -> bool:
        done = bool(self.config.steps) and self.world.step_count >= self.config.steps
        return done or self.extinct()

    def extinct(self) -> bool:
        coming = self.refill and (len(self.waiting) > 0 or len(self.world.guests) > 0)
        return not self.slots() and self.config.population.extinction == "stop" and not coming

    def send_back(self, dead: list[int]) -> None:
        """One by one, as long as there is room for guests."""
        people, guests = self.world.population, self.world.guests
        self.waiting += [(int(people.kind[slot]), people.genome[slot].copy()) for slot in dead]
        while self.waiting and len(guests) < len(guests.turn):
            kind, genome = self.waiting.pop(0)
            guests.receive(0, self.letters, np.array([kind]), genome[None])
            self.letters += 1


def number(name: str) -> int:
    """The id in an agent's name."""
    return int(name.removeprefix("agent_"))


def any_of(space: Any, draws: np.random.Generator) -> Any:
    """Any action at all of a space, legal or not."""
    if hasattr(space, "nvec"):
        return draws.integers(0, space.nvec)
    return draws.integers(space.n) if hasattr(space, "n") else draws.uniform(-1, 1, space.shape).astype(np.float32)


def check_parallel(env: Any, config: Config, seed: int, steps: int) -> int:
    """Raise AssertionError, naming what is violated, unless a ParallelEnv says of everybody what its world does.

    Returns how many lives there were.
    """
    draws, plain = np.random.default_rng(seed), Plain(config, seed)
    views, infos = env.reset(seed=seed)
    ever, gone = set(env.agents), set()
    assert set(map(number, env.agents)) == plain.slots().keys(), "founders: not all, or others too"
    _check_views(views, plain, env.agents)
    for _ in range(steps):
        if not env.agents:
            break
        before = list(env.agents)
        _check_masks(infos, plain, before)
        actions = {name: any_of(env.action_space(name), draws) for name in before}
        views, rewards, terminated, truncated, infos = env.step(actions)
        told = plain.step({number(name): action for name, action in actions.items()})
        newborn = [name for name in env.agents if name not in before]
        for part in (views, rewards, terminated, truncated, infos):
            assert set(part) == {*before, *newborn}, "agents: not the same in all that comes back"
        assert not ever & set(newborn), "a name was given twice"
        assert not gone & set(views), "something was told of who had left"
        if not plain.over():
            born = {who for who in plain.slots() if who not in {number(name) for name in ever}}
            assert {number(name) for name in newborn} == born, "births: not each once"
        for name in newborn:
            assert (rewards[name], terminated[name], truncated[name]) == (0.0, False, False), "a newborn has acted"
        _check_told(env, plain, told, before, (views, rewards, terminated, truncated))
        ever |= set(newborn)
        gone |= set(before) - set(env.agents)
    return len(ever)


def _check_views(views: dict[str, Any], plain: Plain, names: list[str]) -> None:
    for name in names:
        expected = plain.view.get(number(name))
        assert np.array_equal(views[name], 0 * views[name] if expected is None else expected), "views: not the world's"


def _check_masks(infos: dict[str, Any], plain: Plain, names: list[str]) -> None:
    world = plain.world
    for name in names:
        marks = plain.decides.get(number(name))
        if marks is None:
            assert "action_mask" not in infos[name] and not infos[name]["decides"], "decides: it doesn't"
        elif world.continuous:
            assert np.array_equal(infos[name]["branches"], marks), "branches: not the world's"
        elif world.branches:
            for mask, has in zip(infos[name]["action_mask"], marks, strict=True):
                only_rest = np.arange(len(world.actions)) == world.rest
                assert np.array_equal(mask, np.ones(len(mask)) if has else only_rest), "action_mask: not the world's"
        else:
            assert np.array_equal(infos[name]["action_mask"], marks), "action_mask: not the world's"


def _check_told(env: Any, plain: Plain, told: dict[str, Any], before: list[str], parts: tuple[Any, ...]) -> None:
    views, rewards, terminated, truncated = parts
    for name in before:
        who = number(name)
        assert rewards[name] == told["reward"][who], "rewards: not the world's"
        ended = told["terminated"][who] or told["truncated"][who]
        leaves = ended if plain.world.episodes or plain.over() else told["died"][who]
        assert (name not in env.agents) == leaves, "agents: somebody stays who left, or the other way round"
        assert terminated[name] == (leaves and told["terminated"][who]), "terminated: not the world's"
        assert truncated[name] == (leaves and told["truncated"][who]), "truncated: not the world's"
        if leaves:
            assert np.array_equal(views[name], told["final"][who]), "views: not what was perceived last"
    _check_views(views, plain, env.agents)


def check_rows(env: Any, config: Config, seed: int, steps: int, *, refill: bool = False) -> None:
    """Raise AssertionError, naming what is violated, unless a VectorEnv's rows are what its worlds say of their slots.

    Worlds that end are followed by others, whose seeds are asked of the environment.
    """
    draws, plain = np.random.default_rng(seed), Plain(config, seed, refill=refill)
    views, infos = env.reset(seed=seed)
    _check_row_views(views, infos, plain)
    for _ in range(steps):
        in_row = infos["id"]
        actions = np.stack([any_of(env.single_action_space, draws) for _ in range(env.num_envs)])
        views, reward, terminated, truncated, infos = env.step(actions)
        told = plain.step({int(who): actions[row] for row, who in enumerate(in_row) if who >= 0})
        over = plain.over()
        for row, who in enumerate(in_row.tolist()):
            nobody = who < 0
            assert reward[row] == (0 if nobody else told["reward"][who]), "rewards: not the world's"
            assert terminated[row] == (not nobody and told["terminated"][who]), "terminations: not the world's"
            assert truncated[row] == (not nobody and told["truncated"][who]), "truncations: not the world's"
            if terminated[row] or truncated[row]:
                assert infos["final_info"]["id"][row] == who, "final_info: somebody else"
                assert np.array_equal(infos["final_obs"][row], told["final"][who]), (
                    "final_obs: not what was perceived last"
                )
        changed = (infos["id"] != in_row) & (in_row >= 0)
        assert over or (terminated | truncated)[changed].all(), "a row went over to somebody else without an end"
        if over:
            plain = Plain(config, env._play.seed, refill=refill)
        _check_row_views(views, infos, plain)


def _check_row_views(views: NDArray[np.float32], infos: dict[str, Any], plain: Plain) -> None:
    expected, ids = np.zeros_like(views), np.full(len(views), -1)
    for who, slot in plain.slots().items():
        expected[slot], ids[slot] = plain.view.get(who, 0), who
    assert np.array_equal(infos["id"], ids), "id: not who is there"
    assert np.array_equal(infos["acts"], ids >= 0), "acts: not who decides"
    assert np.array_equal(views, expected), "observations: not the world's"
