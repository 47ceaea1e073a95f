"""The farm's settings. Lengths are in cells, energies in joules, rates a step."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

CHANNELS = (
    "self_health", "allies", "enemies", "resources", "obstacles", "terrain_cost", "visibility",
    "known_empty", "damage_heat", "trails", "ally_signal", "goal", "landmarks",
)  # fmt: skip


own_channels: set[str] = set()  # names that were registered beside those, see `teem.register_channel`


class KindSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of agent: what its founders are like, and what it is rewarded for."""

    name: Annotated[str, Meta(min_length=1, max_length=32, description="the kind's name")]
    share: Annotated[float, Meta(gt=0, description="its part of the founders, relative to the other kinds'")] = 1.0
    sharing: Annotated[float, Meta(ge=0, le=1, description="founders' sharing trait")] = 0.5
    strength: Annotated[float, Meta(ge=0, le=1, description="founders' strength trait")] = 0.5
    speed: Annotated[float, Meta(ge=0, le=1, description="founders' speed trait")] = 0.5
    metabolism: Annotated[float, Meta(ge=0, le=1, description="founders' metabolism trait")] = 0.5
    sight: Annotated[float, Meta(ge=0, le=1, description="founders' sight trait")] = 1.0
    spread: Annotated[float, Meta(ge=0, le=1, description="standard deviation of founders' traits")] = 0.1
    reward_share: Annotated[float, Meta(description="reward for a joule given to an ally")] = 0.0
    reward_harm: Annotated[float, Meta(description="reward for a unit of damage dealt")] = 0.0
    solitary: Annotated[bool, Meta(description="everyone is its enemy, its own kind too")] = False


SYSTEM = KindSettings(name="system", sharing=0.8, strength=0.4, reward_share=0.5)
INDEPENDENT = KindSettings(name="independent", sharing=0.2, strength=0.6, reward_harm=0.1)
CONTROL = KindSettings(name="control")


class RewardSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a step is worth to an agent."""

    gather: Annotated[float, Meta(description="a joule gathered")] = 1.0
    damage: Annotated[float, Meta(description="a unit of health lost")] = -1.0
    offspring: Annotated[float, Meta(description="a child born")] = 1.0
    death: Annotated[float, Meta(description="dying, but of age")] = -2.0


class FarmSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="name", tag="farm"):
    """Gatherers and fighters on a plane of regrowing resources."""

    size: Annotated[int, Meta(ge=0, le=65536, description="side of the square; 0: 8 cells x sqrt(founders)")] = 0
    edge: Annotated[
        Literal["torus", "bounded"], Meta(description="what is beyond the edge: the other side, or a wall")
    ] = "torus"
    storage: Annotated[
        Literal["memory", "mapped"],
        Meta(description="keep the map in memory, or in a file larger than memory"),
    ] = "memory"

    layout: Annotated[Literal["random", "grid", "clustered", "gradient"], Meta(description="where resources grow")] = (
        "clustered"
    )
    density: Annotated[float, Meta(gt=0, le=1, description="part of the cells where something grows")] = 0.25
    cell_capacity: Annotated[float, Meta(gt=0, description="most joules a cell holds")] = 2.0
    growth: Annotated[float, Meta(ge=0, le=1, description="logistic growth rate")] = 0.015
    roots: Annotated[float, Meta(ge=0, lt=1, description="part of the capacity that can't be gathered")] = 0.1
    regrow_every: Annotated[int, Meta(ge=1, le=256, description="steps between two growths of a row of the map")] = 16
    obstacles: Annotated[float, Meta(ge=0, le=0.5, description="part of the cells that are rock")] = 0.03
    roughness: Annotated[
        float, Meta(ge=0, le=10, description="extra cost of moving over the roughest ground, relative")
    ] = 1.0
    landmarks: Annotated[float, Meta(ge=0, le=0.1, description="part of the cells with a landmark")] = 0.005

    sight: Annotated[int, Meta(ge=2, le=32, description="radius of everything an agent perceives, in cells")] = 4
    reach: Annotated[float, Meta(gt=0, le=8, description="how near an agent must be to share with or attack it")] = 1.5
    view: Annotated[
        Literal["compact", "full"], Meta(description="foveated zones with own state, or the whole crop")
    ] = "compact"
    channels: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="what is perceived, of: " + ", ".join(CHANNELS) + ", or registered ones"),
    ] = ("resources", "allies", "enemies", "obstacles", "ally_signal")
    deposit: Annotated[Literal["nearest", "bilinear"], Meta(description="how a point falls onto cells")] = "nearest"
    occlusion: Annotated[bool, Meta(description="rock hides what is behind it")] = False

    energy: Annotated[float, Meta(gt=0, description="joules a founder starts with")] = 12.0
    energy_max: Annotated[float, Meta(gt=0, description="most joules an agent holds")] = 40.0
    upkeep: Annotated[float, Meta(ge=0, description="joules living takes a step")] = 0.05
    move_cost: Annotated[float, Meta(ge=0, description="joules a cell of way takes on even ground")] = 0.03
    move_distance: Annotated[float, Meta(gt=0, le=8, description="farthest move a step, in cells")] = 1.5
    gather_rate: Annotated[float, Meta(gt=0, description="most joules gathered a step")] = 1.0
    share_amount: Annotated[float, Meta(gt=0, description="most joules given a step")] = 1.0
    attack_damage: Annotated[float, Meta(ge=0, description="most health an attack takes")] = 0.3
    attack_cost: Annotated[float, Meta(ge=0, description="joules an attack takes")] = 0.1
    loot: Annotated[float, Meta(ge=0, le=1, description="part of the victim's energy an attack takes with it")] = 0.1
    defence: Annotated[float, Meta(ge=0, le=1, description="part of the damage that defending keeps off")] = 0.7
    starvation: Annotated[float, Meta(gt=0, le=1, description="health lost a step without energy")] = 0.1
    healing: Annotated[float, Meta(ge=0, le=1, description="health regained a step with energy")] = 0.01
    age_max: Annotated[int, Meta(ge=1, description="steps an agent lives at most")] = 2500
    maturity: Annotated[int, Meta(ge=0, description="steps before an agent breeds")] = 100
    breed_energy: Annotated[float, Meta(gt=0, description="joules an agent needs to breed")] = 15.0
    birth_energy: Annotated[float, Meta(gt=0, description="joules a child is given by its parent")] = 8.0
    crossover: Annotated[
        float, Meta(ge=0, le=1, description="part of births with a second parent, the nearest ally")
    ] = 0.0
    mutation: Annotated[float, Meta(ge=0, le=1, description="standard deviation of a child's traits")] = 0.05
    decay: Annotated[float, Meta(ge=0, lt=1, description="what a step leaves of heat, trails, signals and memory")] = (
        0.9
    )

    reward: RewardSettings = RewardSettings()
    kinds: Annotated[tuple[KindSettings, ...], Meta(min_length=1, max_length=16, description="the kinds of agents")] = (
        SYSTEM,
        INDEPENDENT,
        CONTROL,
    )
