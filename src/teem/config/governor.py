"""The settings of the governor, which holds a run's rate, and of the watchdog, which sees steps that don't end."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class GovernorSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Holds a rate by learning less, then by deciding and by recording more rarely; off unless `rate` or `frame` is."""

    rate: Annotated[float, Meta(ge=0, le=100_000, description="steps a second to hold; 0: none")] = 0.0
    frame: Annotated[
        float,
        Meta(ge=0, le=60_000, description="milliseconds that 95% of steps stay below, instead of rate; 0: none"),
    ] = 0.0
    learning: Annotated[
        float, Meta(ge=0.01, le=1, description="least part of the due updates that is made; 1: all, always")
    ] = 0.1
    decision: Annotated[
        int,
        Meta(ge=1, le=16, description="most times world.decision that a decision lasts, where there is one; 1: as set"),
    ] = 2
    snapshots: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="most times record.every, resources_every, learning_every and checkpoint.every; 1: as set",
        ),
    ] = 8
    replay: Annotated[
        str,
        Meta(description="folder of a run whose changes are made again, to the same bits; empty: none"),
    ] = ""

    @property
    def target_ms(self) -> float:
        """Milliseconds that 95% of the steps are to stay below; 0: none."""
        return self.frame or (1000 / self.rate if self.rate else 0.0)


class WatchdogSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Sees steps that last too long: writes down what they do, sheds load if it may, and only then stops the run."""

    frame: Annotated[
        float,
        Meta(ge=0, le=86_400, description="seconds of a step before every thread's stack is written down; 0: none"),
    ] = 2.0
    shed: Annotated[
        bool,
        Meta(
            description="when it goes on, learn and record as little as [governor] allows, for a while, even where no "
            "governor is on: the run no longer follows from its seed alone then"
        ),
    ] = False
    frames: Annotated[
        int, Meta(ge=1, le=1000, description="long steps within a minute, after load was shed, that stop the run")
    ] = 5
    stop: Annotated[
        float, Meta(ge=0, le=86_400, description="seconds of a single step that stop the run; 0: nothing ever does")
    ] = 60.0
