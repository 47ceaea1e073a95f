"""The genome of a body: what each trait stands for, and what founders have."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from teem.config.crawlers import BodySettings
from teem.population.variation import Genomes
from teem.rng import Stream, uniforms
from teem.worlds.crawlers.plan import LIMBS, SEGMENTS, WHEELS

# What 0 and 1 of a trait stand for. Any choice within these bounds is a body that can crawl: neighbours' masses
# are at most 1 to 42, and each limb's first segment alone reaches below the belly.
CHASSIS_GENES = {
    "length": (1.0, 2.0),  # m
    "height": (0.4, 0.7),  # m
    "density": (2.0, 5.0),  # kg/m²
    "symmetric": (0.0, 2.0),  # 1 or more: every second limb and wheel mirrors the one before it
    "limbs": (1.0, LIMBS + 1.0),  # whole part; a setting lowers the most
    "wheels": (0.0, WHEELS + 1.0),  # likewise
}
LIMB_GENES = {
    "segments": (1.0, SEGMENTS + 1.0),  # likewise
    "place": (-1.0, 1.0),  # of the hip, from the chassis' back to its front
    "depth": (0.0, 1.0),  # of the hip, from the chassis' middle to its belly
    "length0": (0.4, 0.9),  # m, of the straight part
    "length1": (0.4, 0.9),
    "length2": (0.4, 0.9),
    "radius": (0.08, 0.14),  # m, of the first segment
    "density": (2.0, 4.0),  # kg/m²
    "taper": (0.75, 1.0),  # radius and torque of a segment against the one before it
    "rest0": (0.4 - np.pi, -0.4),  # rad, against the chassis: downwards, to the back or to the front
    "rest1": (-1.2, 1.2),  # rad, against the segment before
    "rest2": (-1.2, 1.2),
    "range": (0.5, 1.5),  # rad, either way
    "torque": (0.2, 1.0),  # of the strongest motor
    "speed": (0.25, 1.0),  # of the fastest motor
}
WHEEL_GENES = {
    "place": (-1.0, 1.0),
    "radius": (0.18, 0.4),  # m
    "density": (2.0, 4.0),  # kg/m²
    "torque": (0.2, 1.0),
    "speed": (0.25, 1.0),
}

TRAITS: tuple[str, ...] = (
    *(f"chassis_{gene}" for gene in CHASSIS_GENES),
    *(f"limb{limb}_{gene}" for limb in range(LIMBS) for gene in LIMB_GENES),
    *(f"wheel{wheel}_{gene}" for wheel in range(WHEELS) for gene in WHEEL_GENES),
)

Spans = NDArray[np.float32]  # [traits, 2] what a trait's 0 and 1 stand for


@cache
def spans_of(settings: BodySettings) -> Spans:
    """What the traits stand for under these settings; read-only, since every call with the same ones shares it."""
    limb = LIMB_GENES | {"segments": (1.0, settings.segments + 1.0)}
    chassis = CHASSIS_GENES | {"limbs": (1.0, settings.limbs + 1.0), "wheels": (0.0, settings.wheels + 1.0)}
    spans = np.array([*chassis.values(), *(list(limb.values()) * LIMBS), *(list(WHEEL_GENES.values()) * WHEELS)])
    for gene, most in (("torque", settings.torque), ("speed", settings.speed)):
        spans[[trait.endswith(f"_{gene}") for trait in TRAITS]] *= most
    spans = spans.astype(np.float32)
    spans.flags.writeable = False
    return spans


def founding(ids: NDArray[np.int64], settings: BodySettings, seed: int, step: int = 0) -> Genomes:
    """Genomes of founders with these ids: any body, with numbers of limbs spread evenly over neighbouring ids."""
    genomes = uniforms(seed, Stream.GENOME, step, ids, len(TRAITS))
    limbs = TRAITS.index("chassis_limbs")
    genomes[:, limbs] = (ids % settings.limbs + genomes[:, limbs]) / settings.limbs
    return genomes
