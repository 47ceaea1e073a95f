"""How a child's genome differs from its parents': mutation and crossover, as free functions."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.rng import Stream, normals, uniforms

Genomes = NDArray[np.float32]  # [n, traits] 0 to 1


def mutate(genomes: Genomes, sigma: float, seed: int, step: int, ids: NDArray[np.int64]) -> Genomes:
    """Add normal noise of deviation `sigma` to each trait, kept within 0 and 1; keyed by the children's ids."""
    noise = normals(seed, Stream.GENOME, step, ids, genomes.shape[1])
    return np.clip(genomes + np.float32(sigma) * noise, 0.0, 1.0).astype(np.float32)


def cross(first: Genomes, second: Genomes, chance: float, seed: int, step: int, ids: NDArray[np.int64]) -> Genomes:
    """With `chance`, take each trait from either parent alike (uniform crossover, Syswerda 1989); else the first's."""
    draws = uniforms(seed, Stream.BREEDING, step, ids, first.shape[1] + 2)
    crossed = draws[:, 1:2] < chance
    return np.where(crossed & (draws[:, 2:] < 0.5), second, first)


def diversity(genomes: Genomes) -> float:
    """The standard deviation of each trait over the genomes, averaged over the traits; NaN for nobody."""
    return float(_mean_deviation(genomes)) if genomes.size else float("nan")


@njit(nogil=True, cache=True)
def _mean_deviation(genomes):  # type: ignore[no-untyped-def]
    count, traits = genomes.shape
    total = 0.0
    for trait in range(traits):
        mean, squares = 0.0, 0.0
        for i in range(count):
            mean += genomes[i, trait]
        mean /= count
        for i in range(count):
            squares += (genomes[i, trait] - mean) ** 2
        total += np.sqrt(squares / count)
    return total / traits
