"""Settings that contradict each other, each with its remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import ceil

from teem.config.farm import CHANNELS, FarmSettings, own_channels
from teem.config.settings import Config, LearningSettings

WIDEST = 1024
NETWORKS = ("dqn", "ppo")  # the algorithms that have a network


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with which settings."""

    text: str
    path: str
    others: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every setting it is about."""
        return (self.path, *self.others)

    def explained(self, meaning: str) -> Fault:
        """The same fault, with the setting's meaning after it."""
        return replace(self, text=f"{self.text} ({meaning})")


def nearest(name: str, known: Collection[str]) -> str:
    """A remedy for a misspelt name: the nearest known one, or all of them."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known) or 'none'}"


def contradictions(config: Config) -> Iterator[Fault]:
    """Yield every contradiction between settings that are each in range."""
    yield from _population(config)
    yield from _learning(config.learning)
    if config.learning.algorithm == "dqn":
        yield from _replay(config.learning)
    if isinstance(config.world, FarmSettings):
        yield from _farm(config.world)


def _population(config: Config) -> Iterator[Fault]:
    founders, capacity = config.population.founders, config.population.capacity
    if 0 < capacity < founders:
        yield Fault(
            f"population.capacity is {capacity} but population.founders is {founders}: "
            f"raise capacity to at least {founders}, or give 0 for as many as founders",
            "population.capacity",
            ("population.founders",),
        )


def _learning(learning: LearningSettings) -> Iterator[Fault]:
    for index, width in enumerate(learning.hidden):
        if not 1 <= width <= WIDEST:
            yield Fault(f"learning.hidden[{index}] is {width}: give a width from 1 to {WIDEST}", "learning.hidden")
    if learning.network != "mlp" and not _names_a_class(learning.network):
        yield Fault(
            f'learning.network is "{learning.network}": '
            'give mlp, or a torch.nn.Module of your own as "package.module:Class"',
            "learning.network",
        )
    if learning.backend == "kernel":
        yield from _kernel(learning)
    if learning.backend == "compiled" and learning.sharing != "own":
        yield Fault(
            f"learning.backend is compiled but learning.sharing is {learning.sharing}: "
            "compiled networks are own ones, so give learning.backend torch",
            "learning.backend",
            ("learning.sharing",),
        )
    if learning.epsilon.end > learning.epsilon.start:
        yield Fault(
            f"learning.epsilon.end is {learning.epsilon.end} but learning.epsilon.start is "
            f"{learning.epsilon.start}: epsilon falls, so lower end or raise start",
            "learning.epsilon.end",
            ("learning.epsilon.start",),
        )
    if learning.algorithm == "ppo" and learning.ppo.minibatches > learning.ppo.horizon:
        yield Fault(
            f"learning.ppo.minibatches is {learning.ppo.minibatches} but learning.ppo.horizon is "
            f"{learning.ppo.horizon}: each part needs a decision, so lower minibatches or raise horizon",
            "learning.ppo.minibatches",
            ("learning.ppo.horizon",),
        )


def _kernel(learning: LearningSettings) -> Iterator[Fault]:
    """What the fused kernels can't do."""
    wanted = {"algorithm": ("dqn",), "network": ("mlp",), "sharing": ("own",), "device": ("auto", "cpu")}
    for name, allowed in wanted.items():
        value = getattr(learning, name)
        if value not in allowed and not (name == "algorithm" and value not in NETWORKS):
            yield Fault(
                f"learning.backend is kernel but learning.{name} is {value}: "
                f"kernels need {allowed[0]}, so give learning.backend auto",
                "learning.backend",
                (f"learning.{name}",),
            )


def _replay(learning: LearningSettings) -> Iterator[Fault]:
    replay = learning.replay
    if replay.warmup > replay.length:
        yield Fault(
            f"learning.replay.warmup is {replay.warmup} but learning.replay.length is {replay.length}: "
            "nothing would ever be learnt, so lower warmup or raise length",
            "learning.replay.warmup",
            ("learning.replay.length",),
        )
    if learning.batch > replay.warmup:
        yield Fault(
            f"learning.batch is {learning.batch} but learning.replay.warmup is {replay.warmup}: "
            "the first updates would draw the same few decisions, so raise warmup or lower batch",
            "learning.batch",
            ("learning.replay.warmup",),
        )
    if learning.n_step >= replay.warmup:
        yield Fault(
            f"learning.n_step is {learning.n_step} but learning.replay.warmup is {replay.warmup}: "
            "no return would be complete at the first update, so raise warmup or lower n_step",
            "learning.n_step",
            ("learning.replay.warmup",),
        )


def _names_a_class(network: str) -> bool:
    module, colon, name = network.partition(":")
    return bool(colon) and name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def _farm(world: FarmSettings) -> Iterator[Fault]:
    yield from _channels(world)
    names = [kind.name for kind in world.kinds]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault(f'world.kinds has {names.count(name)} kinds named "{name}": give each its own name', "world.kinds")
    least = max(2 * world.sight + 3, ceil(world.move_distance))  # to see and to walk around the world once at most
    if 0 < world.size < least:
        yield Fault(
            f"world.size is {world.size} but world.sight is {world.sight}: with its edges an agent sees "
            f"{least} cells across, so raise size to that, lower sight, or give size 0",
            "world.size",
            ("world.sight",),
        )
    for low, high, why in (
        ("energy", "energy_max", "founders can't hold it"),
        ("breed_energy", "energy_max", "nobody could ever breed"),
        ("birth_energy", "breed_energy", "a parent would starve of a birth"),
    ):
        small, large = getattr(world, low), getattr(world, high)
        if small > large or (low == "birth_energy" and small == large):
            yield Fault(
                f"world.{low} is {small} but world.{high} is {large}: {why}, so lower {low} or raise {high}",
                f"world.{low}",
                (f"world.{high}",),
            )


def _channels(world: FarmSettings) -> Iterator[Fault]:
    known = (*CHANNELS, *sorted(own_channels))
    for index, name in enumerate(world.channels):
        path = f"world.channels[{index}]"
        if name not in known:
            remedy = nearest(name, known)
            yield Fault(f'{path} is "{name}", an unknown channel: {remedy}', "world.channels")
        elif name in world.channels[:index]:
            yield Fault(f'{path} is "{name}", which is there already: give each channel once', "world.channels")
