"""Settings that contradict a capacity that grows."""

from __future__ import annotations

from collections.abc import Iterator

from teem.config.fault import Fault
from teem.config.settings import Config
from teem.config.treasure import TreasureSettings

_PATH = "population.capacity_min"


def growth_faults(config: Config) -> Iterator[Fault]:
    """What is wrong with the capacity that a run begins with."""
    population, capacity = config.population, config.capacity
    least = population.capacity_min
    if not least:
        if population.capacity_step:
            yield Fault(
                f"population.capacity_step is {population.capacity_step} but {_PATH} is 0, so nothing grows: "
                f"give {_PATH} at least {population.founders}, or capacity_step 0",
                "population.capacity_step",
                (_PATH,),
            )
        return
    told = f"{_PATH} is {least}"
    if least > capacity:
        yield Fault(
            f"{told} but population.capacity is {capacity}: raise capacity, or lower capacity_min",
            _PATH,
            ("population.capacity",),
        )
    if least < population.founders:
        yield Fault(
            f"{told} but population.founders is {population.founders}: give at least as many, or 0 for no steps",
            _PATH,
            ("population.founders",),
        )
    if config.runtime.mode == "async" or (config.runtime.mode == "ray" and config.ray.role == "actors"):
        yield Fault(
            f"{told} but runtime.mode is {config.runtime.mode}, where weights and experience pass through memory that "
            "is taken whole: give capacity_min 0, or runtime.mode lockstep",
            _PATH,
            ("runtime.mode",),
        )
    if isinstance(config.world, TreasureSettings):
        yield Fault(f"{told} but world.name is treasure, where nobody is born: give capacity_min 0", _PATH)
