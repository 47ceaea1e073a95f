"""The crawlers' settings. Lengths are in metres, masses in kilograms, energies in joules, rates a step of `dt`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

BIOMES = ("plains", "forest", "rocky", "desert", "wetlands", "volcanic")


class BodySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a genome can build."""

    limbs: Annotated[int, Meta(ge=1, le=8, description="most limbs of a creature")] = 8
    segments: Annotated[int, Meta(ge=1, le=3, description="most segments of a limb")] = 3
    wheels: Annotated[int, Meta(ge=0, le=4, description="most wheels of a creature")] = 4
    torque: Annotated[float, Meta(gt=0, le=2000, description="torque of the strongest motor, in N m")] = 100.0
    speed: Annotated[float, Meta(gt=0, le=50, description="speed of the fastest motor, in rad/s")] = 8.0
    friction: Annotated[
        float, Meta(ge=0, le=4, description="friction coefficient of every part on ground of friction 1")
    ] = 0.8


class TerrainSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The ground, endless to the right."""

    style: Annotated[
        Literal["flat", "rolling", "rough", "steps", "hills", "canyon"], Meta(description="the shape of the ground")
    ] = "rough"
    roughness: Annotated[float, Meta(ge=0, le=2, description="how high the style's shapes are, relative")] = 1.0
    obstacles: Annotated[float, Meta(ge=0, le=4, description="how many obstacles a biome has, relative")] = 1.0
    biomes: Annotated[
        tuple[str, ...], Meta(min_length=1, description="kinds of country there are, of: " + ", ".join(BIOMES))
    ] = BIOMES
    tiles: Annotated[
        int, Meta(ge=3, le=10_000, description="tiles of 100 m kept at most; the oldest is walled off for a new one")
    ] = 128


class FoodSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What grows on the ground."""

    density: Annotated[float, Meta(ge=0, le=4, description="how much food a biome has, relative")] = 1.0
    energy: Annotated[float, Meta(gt=0, description="joules of a whole item")] = 1500.0
    regrowth: Annotated[int, Meta(ge=1, description="steps from the last bite until an item is whole again")] = 3600
    reach: Annotated[float, Meta(gt=0, le=4, description="how near the chassis' middle must be to eat, in metres")] = (
        1.2
    )
    bite: Annotated[float, Meta(gt=0, description="most joules eaten a step")] = 100.0


class RaySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a creature sees: rays that fan out from the chassis' middle and turn with it."""

    count: Annotated[int, Meta(ge=1, le=32, description="rays of a creature")] = 5
    reach: Annotated[float, Meta(gt=0, le=50, description="length of a ray, in metres")] = 8.0
    lowest: Annotated[float, Meta(ge=-180, le=180, description="angle of the first ray; 0: forward, -90: down")] = -75.0
    highest: Annotated[float, Meta(ge=-180, le=180, description="angle of the last ray; the others lie between")] = 10.0


class CrawlerRewardSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a decision is worth to a crawler."""

    progress: Annotated[float, Meta(description="a metre made to the right")] = 5.0
    work: Annotated[float, Meta(description="a joule of the motors' work")] = -0.0005
    posture: Annotated[float, Meta(description="a decision with the chassis level; minus as much upside down")] = 0.02


class CrawlersSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="name", tag="crawlers"):
    """Articulated creatures of any build on endless ground, who learn to crawl."""

    dt: Annotated[float, Meta(gt=0, le=0.05, description="seconds of a step")] = 1 / 60
    substeps: Annotated[int, Meta(ge=1, le=32, description="parts a step is solved in")] = 4
    decision: Annotated[int, Meta(ge=1, le=240, description="steps between two decisions; the action holds")] = 6
    turns: Annotated[
        int,
        Meta(
            ge=0,
            le=240,
            description="groups that decide in turn, a divisor of `decision`; 0: up to one a step, "
            "as long as more than 10 founders are in each",
        ),
    ] = 0
    control: Annotated[
        Literal["speed", "torque"],
        Meta(description="what an action says of a joint: one of `bins` speeds, or a part of its torque"),
    ] = "speed"
    bins: Annotated[int, Meta(ge=3, le=15, description="speeds of a joint to choose from, an odd number of them")] = 5
    spread: Annotated[float, Meta(gt=0, le=1000, description="metres from one founder to the next")] = 3.0
    collisions: Annotated[bool, Meta(description="whether creatures push each other; else they pass through")] = False
    stranded: Annotated[
        int, Meta(ge=0, description="steps without a new metre until a creature is set down somewhere else; 0: never")
    ] = 600

    energy: Annotated[float, Meta(gt=0, description="joules a founder starts with")] = 10_000.0
    energy_max: Annotated[float, Meta(gt=0, description="most joules a creature holds")] = 20_000.0
    upkeep: Annotated[float, Meta(ge=0, description="joules living takes a step")] = 0.2
    starvation: Annotated[float, Meta(gt=0, le=1, description="health lost a step without energy")] = 0.002
    motor_cost: Annotated[float, Meta(ge=0, description="joules taken for a joule of the motors' work")] = 0.02
    immobile: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="part of energy_max below which a creature's motors are off and it decides nothing; 0: none",
        ),
    ] = 0.15
    age_max: Annotated[int, Meta(ge=1, description="steps a creature lives at most; half of it at least")] = 432_000
    maturity: Annotated[int, Meta(ge=0, description="steps before a creature breeds")] = 3600
    breed_energy: Annotated[float, Meta(gt=0, description="joules a creature needs to breed")] = 15_000.0
    birth_energy: Annotated[float, Meta(gt=0, description="joules a child is given by its parent")] = 8000.0
    crossover: Annotated[float, Meta(ge=0, le=1, description="part of births with a second parent, the nearest")] = 0.0
    mutation: Annotated[float, Meta(ge=0, le=1, description="standard deviation of a child's traits")] = 0.05

    body: BodySettings = BodySettings()
    terrain: TerrainSettings = TerrainSettings()
    food: FoodSettings = FoodSettings()
    rays: RaySettings = RaySettings()
    reward: CrawlerRewardSettings = CrawlerRewardSettings()
