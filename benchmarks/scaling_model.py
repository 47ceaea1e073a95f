"""What 10 to 10,000 nodes would do to the head and its link: a simulation of the islands' round of slices.

    python benchmarks/scaling_model.py [--head-us 3800] [--slice-s 0.7] [--migrant-bytes 35300] ...

Each island plays a slice, tells the head, waits for its turn there, and plays the next: a closed queue with one
server (the driver's thread) and one link (letters go through it, in and out). Slices last `slice-s` on average and
vary by `spread`, log-normally. Nothing here was measured on a cluster: the inputs were, on one machine, and the rest
follows from them. Ray's own services (its table of actors, its health checks) are not in it.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass

import numpy as np

ROUNDS = 30  # slices of each island that are simulated; what is counted is the second third of their time
SATURATED = 0.9


@dataclass(frozen=True)
class Inputs:
    head_us: float  # of the driver's thread for a slice it hears of
    slice_s: float
    spread: float  # standard deviation of a slice's logarithm
    every: int  # slices between two letters of an island
    migrants: int  # in a letter
    migrant_bytes: float
    standing_bytes: float  # of an answer and a call without migrants
    islands: int  # a node
    gbit: float  # of the head's link, each way


@dataclass(frozen=True)
class Outputs:
    head: float  # share of the time that the driver's thread is busy
    link: float  # share of the link's capacity, each way
    megabytes: float  # a second over the head's link, each way
    node_kilobytes: float  # a second over a node's link, each way
    idle: float  # share of the islands' time spent waiting for the head


def simulate(nodes: int, given: Inputs, seed: int = 7) -> Outputs:
    """Play the queue; an answer with letters takes the link first, then the thread."""
    rng = np.random.default_rng(seed)
    islands = nodes * given.islands
    letter = given.migrants * given.migrant_bytes
    scale = given.slice_s / np.exp(given.spread**2 / 2)  # so that the mean is slice_s
    queue = [(float(at), island, 0) for island, at in enumerate(rng.uniform(0, given.slice_s, islands))]
    heapq.heapify(queue)
    horizon = ROUNDS * max(given.slice_s, islands * given.head_us * 1e-6)  # a round takes no less
    begun, ended = horizon / 3, horizon * 2 / 3
    head_free = link_free = busy = waited = played = moved = 0.0
    while queue:
        told, island, number = heapq.heappop(queue)
        size = given.standing_bytes + (letter if (number + island) % given.every == 0 else 0.0)
        link_free = max(link_free, told) + 8 * size / (given.gbit * 1e9)
        head_free = max(head_free, link_free) + given.head_us * 1e-6
        slice_s = float(rng.lognormal(np.log(scale), given.spread))
        if begun <= head_free < ended:
            busy, moved = busy + given.head_us * 1e-6, moved + size
            waited, played = waited + head_free - told, played + slice_s
        if number + 1 < ROUNDS:
            heapq.heappush(queue, (head_free + slice_s, island, number + 1))
    span = ended - begun
    rate = moved / span
    return Outputs(
        busy / span, 8 * rate / (given.gbit * 1e9), rate / 1e6, rate / nodes / 1e3, waited / (waited + played)
    )


def least_nodes(given: Inputs) -> dict[str, float]:
    """From how many nodes on each is busy all the time, if the other were not: no simulation, a division."""
    a_second = given.islands / given.slice_s
    size = given.standing_bytes + given.migrants * given.migrant_bytes / given.every
    return {
        "head": 1 / (a_second * given.head_us * 1e-6),
        "link": given.gbit * 1e9 / (8 * size * a_second),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--head-us", type=float, default=3800.0, help="driver's time for a slice, microseconds")
    parser.add_argument("--slice-s", type=float, default=0.7, help="seconds that a slice lasts")
    parser.add_argument("--spread", type=float, default=0.3)
    parser.add_argument("--every", type=int, default=5, help="slices between two letters of an island")
    parser.add_argument("--migrants", type=int, default=4)
    parser.add_argument("--migrant-bytes", type=float, default=35_300.0)
    parser.add_argument("--standing-bytes", type=float, default=2000.0)
    parser.add_argument("--islands", type=int, default=2, help="a node")
    parser.add_argument("--gbit", type=float, default=10.0, help="of the head's link, each way")
    given = Inputs(**vars(parser.parse_args()))
    print("| nodes | head busy | head's link busy | head's link, MB/s each way | a node's link, kB/s | islands wait |")
    print("| --- | --- | --- | --- | --- | --- |")
    for nodes in (10, 30, 100, 300, 1000, 3000, 10_000):
        made = simulate(nodes, given)
        mark = " (saturated)" if made.head > SATURATED else ""
        print(
            f"| {nodes:,} | {made.head:.1%}{mark} | {made.link:.2%} | {made.megabytes:.1f} | "
            f"{made.node_kilobytes:.1f} | {made.idle:.1%} |"
        )
    limits = least_nodes(given)
    print(f"\nbusy all the time: the head from {limits['head']:,.0f} nodes on, its link from {limits['link']:,.0f}")


if __name__ == "__main__":
    main()
