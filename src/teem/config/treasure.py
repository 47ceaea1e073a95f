"""The treasure world's settings. Lengths are in cells, values and costs in units of reward."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

AGENT = "agent"
"""What agents are called among what is seen; no entity can have this name."""

own_rules: dict[str, tuple[str, ...]] = {}
"""Rules that were registered, and the entities each is about: see `teem.register_rule`."""


class EntitySettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of thing that a cell can hold; the first of the list is the bare ground."""

    name: Annotated[str, Meta(min_length=1, max_length=32, description="the entity's name")]
    glyph: Annotated[str, Meta(min_length=1, max_length=1, description="the letter it is drawn as")] = "?"
    colour: Annotated[str, Meta(min_length=7, max_length=7, description='its colour, "#rrggbb"')] = "#808080"
    share: Annotated[float, Meta(ge=0, le=1, description="part of the cells that hold it when an episode begins")] = 0.0
    passable: Annotated[bool, Meta(description="whether agents can enter its cell")] = True
    value: Annotated[float, Meta(description="reward of whoever enters its cell")] = 0.0
    taken: Annotated[bool, Meta(description="whether it is gone when somebody enters its cell")] = False
    leaves: Annotated[str, Meta(max_length=32, description="the entity it leaves when taken; none: bare ground")] = ""
    respawns: Annotated[
        bool, Meta(description="whether one that was taken comes again in another bare cell at once")
    ] = False
    growth: Annotated[float, Meta(ge=0, le=1, description="chance a step that one grows in a bare cell")] = 0.0
    ends: Annotated[bool, Meta(description="whether the episode of its world ends when somebody enters its cell")] = (
        False
    )


GROUND = EntitySettings(name="ground", glyph=".", colour="#20262c")
WALL = EntitySettings(name="wall", glyph="#", colour="#6e7681", share=0.06, passable=False)
SAND = EntitySettings(name="sand", glyph="~", colour="#c2a26b", share=0.06, value=-0.1)
GEM = EntitySettings(name="gem", glyph="o", colour="#2ecc71", share=0.05, value=1.0, taken=True, respawns=True)
RUBY = EntitySettings(name="ruby", glyph="*", colour="#ff5470", share=0.015, value=4.0, taken=True, respawns=True)


class TreasureRewardSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a step is worth beside the value of what is entered."""

    walk: Annotated[float, Meta(description="a step into another cell")] = 0.0
    bump: Annotated[
        float, Meta(description="a step into a wall, the edge or another agent, which leads nowhere")
    ] = -0.1


class TreasureSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="name", tag="treasure"):
    """Worlds of cells where agents walk, collect treasure and are in each other's way, an episode after another."""

    worlds: Annotated[int, Meta(ge=1, le=4096, description="worlds side by side; agents are spread evenly")] = 1
    height: Annotated[int, Meta(ge=2, le=1024, description="rows of a world")] = 21
    width: Annotated[int, Meta(ge=2, le=1024, description="columns of a world")] = 21
    episode: Annotated[int, Meta(ge=1, description="steps until a world is laid out anew")] = 100
    order: Annotated[
        Literal["random", "fixed"], Meta(description="who of a world goes first: drawn anew in each step, or by id")
    ] = "random"

    sight: Annotated[int, Meta(ge=1, le=32, description="cells an agent sees to each side of its own")] = 4
    view: Annotated[
        Literal["onehot", "rgb"], Meta(description="a cell as a number for each entity and for agents, or as a colour")
    ] = "onehot"
    frames: Annotated[int, Meta(ge=1, le=16, description="views perceived at once: the last ones, the newest last")] = 1
    colour: Annotated[str, Meta(min_length=7, max_length=7, description='colour of agents, "#rrggbb"')] = "#58a6ff"
    edge: Annotated[str, Meta(min_length=1, max_length=32, description="the entity seen beyond the edge")] = "wall"

    rules: Annotated[
        tuple[str, ...], Meta(description="registered rules of your own, applied in this order in every step")
    ] = ()
    reward: TreasureRewardSettings = TreasureRewardSettings()
    entities: Annotated[
        tuple[EntitySettings, ...],
        Meta(min_length=2, max_length=64, description="what cells can hold, bare ground first"),
    ] = (GROUND, WALL, SAND, GEM, RUBY)
