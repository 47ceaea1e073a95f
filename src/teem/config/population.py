"""The population's settings: who starts, and how many there may be."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class PopulationSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who starts, how many there may be, and what happens when none is left."""

    founders: Annotated[int, Meta(ge=1, le=1_000_000, description="agents at step 0")] = 300
    capacity: Annotated[
        int, Meta(ge=0, le=1_000_000, description="most agents alive at once; 0: as many as founders")
    ] = 0
    capacity_min: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="agents that memory is taken for at the start; more is taken in steps, as they become more; "
            "0: no steps",
        ),
    ] = 0
    capacity_step: Annotated[
        int,
        Meta(ge=0, le=1_000_000, description="agents more that memory is taken for in a step; 0: a quarter more"),
    ] = 0
    extinction: Annotated[
        Literal["stop", "reseed"],
        Meta(description="when nobody is left: stop the run, or reseed founders from the hall of fame"),
    ] = "reseed"
    fame: Annotated[int, Meta(ge=1, le=1024, description="genomes and networks kept in the hall of fame")] = 16
