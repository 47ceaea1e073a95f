"""Points in doubly linked chains: what a structure that is updated in place keeps its members in.

`head[chain]` is the first place of a chain, `after` and `before` its neighbours, -1 where there is none.
"""

from __future__ import annotations

from numba import njit

from teem.space.distance import distance2


@njit(nogil=True, cache=True, inline="always")
def link(i, chain, head, after, before):  # type: ignore[no-untyped-def]
    """Put place i at the front of a chain."""
    first = head[chain]
    after[i] = first
    before[i] = -1
    if first >= 0:
        before[first] = i
    head[chain] = i


@njit(nogil=True, cache=True, inline="always")
def unlink(i, chain, head, after, before):  # type: ignore[no-untyped-def]
    """Take place i out of its chain."""
    if before[i] >= 0:
        after[before[i]] = after[i]
    else:
        head[chain] = after[i]
    if after[i] >= 0:
        before[after[i]] = before[i]


@njit(nogil=True, cache=True, inline="always")
def collect_chain(first, home, x, y, px, py, member, after, period, radius2, found, count):  # type: ignore[no-untyped-def]
    """Append the members of `home` within the radius, of the chain from `first`; return the new count."""
    i = first
    while i >= 0:
        if member[i] == home and distance2(x, y, px[i], py[i], period) <= radius2:
            found[count] = i
            count += 1
        i = after[i]
    return count
