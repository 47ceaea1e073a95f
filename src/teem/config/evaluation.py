"""The settings of evaluations that are made while a run goes on."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class EvaluationSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What agents have learnt, tried in worlds new to them, in a process beside the run; off unless `every` is."""

    every: Annotated[int, Meta(ge=0, description="steps between two evaluations; 0: none")] = 0
    cohort: Annotated[
        str, Meta(description='the cohort that is tried, where there are several; "": the first that learns')
    ] = ""
    worlds: Annotated[int, Meta(ge=1, le=100, description="worlds of an evaluation, the same each time")] = 3
    steps: Annotated[int, Meta(ge=0, description="steps played in each; 0: as many as teem evaluate plays")] = 0
    timeout: Annotated[
        float, Meta(gt=0, le=86_400, description="seconds that one may take before it is ended, and counted as none")
    ] = 600.0
    enough: Annotated[float, Meta(ge=0, description="result that ends the run, as shown; 0: none does")] = 0.0
    patience: Annotated[
        int, Meta(ge=0, description="evaluations without a better result that end the run; 0: none do")
    ] = 0
    pictures: Annotated[
        bool, Meta(description="draw learning curves, curves.png in the run's folder, where matplotlib is installed")
    ] = True
