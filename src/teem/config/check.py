"""Settings that contradict each other, each with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from teem.config.check_apart import apart_faults
from teem.config.check_cohorts import cohort_faults, faults_of_each
from teem.config.check_evaluation import evaluation_faults
from teem.config.check_governor import governor_faults
from teem.config.check_growth import growth_faults
from teem.config.check_measure import measure_faults
from teem.config.check_treasure import treasure_faults
from teem.config.cohorts import NETWORKS, VALUED
from teem.config.crawlers import BIOMES, CrawlersSettings
from teem.config.farm import CHANNELS, FarmSettings, own_channels
from teem.config.fault import Fault, name_faults
from teem.config.settings import Config, LearningSettings
from teem.config.treasure import TreasureSettings

WIDEST = 1024
MOST_UPDATES = 15  # of an agent in a step


def contradictions(config: Config) -> Iterator[Fault]:
    """Yield every contradiction between settings that are each in range."""
    yield from _population(config)
    yield from cohort_faults(config)
    yield from faults_of_each(config, _policy)
    yield from apart_faults(config)
    yield from measure_faults(config)
    yield from governor_faults(config)
    yield from evaluation_faults(config)
    if isinstance(config.world, TreasureSettings):
        yield from treasure_faults(config.world, config.population.founders)
        return
    yield from _energies(config.world)
    if isinstance(config.world, FarmSettings):
        yield from _farm(config.world)
    else:
        yield from _crawlers(config.world)


def _policy(config: Config) -> Iterator[Fault]:
    """What is wrong with how agents decide and learn, where all do so alike."""
    yield from _learning(config.learning)
    yield from _attention(config)
    if config.learning.algorithm in VALUED:
        yield from _replay(config.learning)
    yield from _replay_ratio(config.learning)
    yield from _control(config)


def _population(config: Config) -> Iterator[Fault]:
    founders, capacity = config.population.founders, config.population.capacity
    if 0 < capacity < founders:
        yield Fault(
            f"population.capacity is {capacity} but population.founders is {founders}: "
            f"raise capacity to at least {founders}, or give 0 for as many as founders",
            "population.capacity",
            ("population.founders",),
        )
    yield from growth_faults(config)


def _learning(learning: LearningSettings) -> Iterator[Fault]:
    widths = {"hidden": learning.hidden}
    widths |= {f"attention.{name}": getattr(learning.attention, name) for name in ("context", "trunk")}
    for name, layers in widths.items():
        for index, width in enumerate(layers):
            if not 1 <= width <= WIDEST:
                path = f"learning.{name}"
                yield Fault(f"{path}[{index}] is {width}: give a width from 1 to {WIDEST}", path)
    if learning.network not in ("mlp", "attention") and not _names_a_class(learning.network):
        yield Fault(
            f'learning.network is "{learning.network}": '
            'give mlp, attention, or a torch.nn.Module of your own as "package.module:Class"',
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
    if learning.algorithm == "ppo" and learning.ppo.minibatches % learning.accumulate:
        yield Fault(
            f"learning.accumulate is {learning.accumulate} but learning.ppo.minibatches is {learning.ppo.minibatches}: "
            f"a step of Adam takes {learning.accumulate} of them, so give minibatches a multiple, or accumulate 1",
            "learning.accumulate",
            ("learning.ppo.minibatches",),
        )
    if learning.algorithm == "ppo" and learning.ppo.minibatches > learning.ppo.horizon:
        yield Fault(
            f"learning.ppo.minibatches is {learning.ppo.minibatches} but learning.ppo.horizon is "
            f"{learning.ppo.horizon}: each part needs a decision, so lower minibatches or raise horizon",
            "learning.ppo.minibatches",
            ("learning.ppo.horizon",),
        )


def _attention(config: Config) -> Iterator[Fault]:
    """What attention networks need."""
    learning = config.learning
    tokens = isinstance(config.world, CrawlersSettings)
    if learning.network == "attention" and learning.algorithm in NETWORKS and not tokens:
        name = "farm" if isinstance(config.world, FarmSettings) else "treasure"
        yield Fault(
            f"learning.network is attention but world.name is {name}, where nothing is perceived as tokens: give mlp",
            "learning.network",
        )


def _control(config: Config) -> Iterator[Fault]:
    """What an action is, against who has to choose it."""
    algorithm, world = config.learning.algorithm, config.world
    if algorithm in NETWORKS and algorithm != "dqn" and config.learning.network == "attention":
        yield Fault(
            f"learning.network is attention but learning.algorithm is {algorithm}: attention networks give one value "
            "an action, so give learning.network mlp, or learning.algorithm dqn",
            "learning.network",
            ("learning.algorithm",),
        )
    if not isinstance(world, CrawlersSettings):
        return
    if algorithm == "ppo" and world.control == "speed":
        yield Fault(
            "learning.algorithm is ppo but world.control is speed: ppo measures torques out, "
            "so give world.control torque, or learning.algorithm dqn",
            "learning.algorithm",
            ("world.control",),
        )
    if algorithm in VALUED and world.control == "torque":
        yield Fault(
            f"world.control is torque but learning.algorithm is {algorithm}: {algorithm} chooses among speeds, "
            "so give learning.algorithm ppo, or world.control speed",
            "world.control",
            ("learning.algorithm",),
        )


def _kernel(learning: LearningSettings) -> Iterator[Fault]:
    """What the fused kernels can't do."""
    networks = ("mlp", "attention") if learning.algorithm == "dqn" else ("mlp",)
    wanted = {"algorithm": VALUED, "network": networks, "sharing": ("own",), "device": ("auto", "cpu")}
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
    if learning.transitions > replay.warmup:
        name, size, others = _update_of(learning)
        yield Fault(
            f"{name} is {size} but learning.replay.warmup is {replay.warmup}: "
            f"the first updates would draw the same few decisions, so raise warmup or lower {name.split('.')[-1]}",
            others[-1],
            ("learning.replay.warmup", *others[:-1]),
        )
    if learning.n_step >= replay.warmup:
        yield Fault(
            f"learning.n_step is {learning.n_step} but learning.replay.warmup is {replay.warmup}: "
            "no return would be complete at the first update, so raise warmup or lower n_step",
            "learning.n_step",
            ("learning.replay.warmup",),
        )


def _replay_ratio(learning: LearningSettings) -> Iterator[Fault]:
    if learning.replay_ratio > 0 and learning.algorithm == "ppo":
        yield Fault(
            f"learning.replay_ratio is {learning.replay_ratio} but learning.algorithm is ppo, which trains "
            "learning.ppo.epochs times on each rollout: give learning.replay_ratio 0",
            "learning.replay_ratio",
            ("learning.algorithm",),
        )
    if learning.replay_ratio > MOST_UPDATES * learning.transitions:
        name, size, others = _update_of(learning)
        yield Fault(
            f"learning.replay_ratio is {learning.replay_ratio} but {name} is {size}: that is more "
            f"than {MOST_UPDATES} updates a decision, so raise batch or lower replay_ratio",
            "learning.replay_ratio",
            others,
        )


def _update_of(learning: LearningSettings) -> tuple[str, int, tuple[str, ...]]:
    """What says how many transitions an update learns from, how many, and the settings concerned."""
    if learning.accumulate == 1:
        return "learning.batch", learning.batch, ("learning.batch",)
    return "learning.batch x learning.accumulate", learning.transitions, ("learning.batch", "learning.accumulate")


def _names_a_class(network: str) -> bool:
    module, colon, name = network.partition(":")
    return bool(colon) and name.isidentifier() and all(part.isidentifier() for part in module.split("."))


def _farm(world: FarmSettings) -> Iterator[Fault]:
    yield from name_faults("world.channels", world.channels, (*CHANNELS, *sorted(own_channels)), "channel")
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


def _energies(world: FarmSettings | CrawlersSettings) -> Iterator[Fault]:
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


def _crawlers(world: CrawlersSettings) -> Iterator[Fault]:
    yield from name_faults("world.terrain.biomes", world.terrain.biomes, BIOMES, "biome")
    if world.bins % 2 == 0:
        yield Fault(
            f"world.bins is {world.bins}: give an odd number, such as {world.bins + 1}, so that a joint can rest",
            "world.bins",
        )
    lowest, highest = world.rays.lowest, world.rays.highest
    if lowest > highest or (lowest == highest and world.rays.count > 1):
        yield Fault(
            f"world.rays.lowest is {lowest} but world.rays.highest is {highest}: "
            "rays fan out from the lowest up, so lower lowest or raise highest",
            "world.rays.lowest",
            ("world.rays.highest",),
        )
    if world.turns and world.decision % world.turns:
        yield Fault(
            f"world.turns is {world.turns} but world.decision is {world.decision}: turns are evenly spread over the "
            "steps of a decision, so give a divisor of it, or 0",
            "world.turns",
            ("world.decision",),
        )
    weary = world.immobile * world.energy_max
    for name, who in (("energy", "founders"), ("birth_energy", "the newborn")):
        if getattr(world, name) < weary:
            yield Fault(
                f"world.{name} is {getattr(world, name)} but world.immobile is {world.immobile}, {weary:g} J: {who} "
                f"could not move, so raise {name}, or lower immobile (0: nobody is ever immobile)",
                f"world.{name}",
                ("world.immobile", "world.energy_max"),
            )
    if 0 < world.stranded <= world.decision:
        yield Fault(
            f"world.stranded is {world.stranded} but world.decision is {world.decision}: everybody would be set "
            "down elsewhere after each decision, so raise stranded or give 0",
            "world.stranded",
            ("world.decision",),
        )
