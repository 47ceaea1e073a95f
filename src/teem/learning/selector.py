"""Which action is taken: the best, a random one, or one drawn by its probability; illegal ones never.

Every kernel walks `rows[start:stop]` and writes `action[row]`, so it can be shared among threads. Draws are
keyed by the agent's id. An agent without a legal action gets the last one, pass.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from teem.rng import Stream, bits, to_unit

_EXPLORE = int(Stream.EXPLORE)
_EXPONENT = np.int32(0x7F800000)  # a float32 with all of these bits set is infinite or not a number
_TINY = np.float32(1e-30)


@njit(nogil=True, cache=True)
def choose(start, stop, values, mask, epsilon, ids, rows, step, seed, action):  # type: ignore[no-untyped-def]
    """The legal action of the highest value, or, with probability `epsilon[row]`, any legal one.

    values f32 [capacity, A], mask bool [capacity, A], epsilon f32 [capacity], ids int64 [n] beside
    rows int32 [n], action int32 [capacity]. Of equal values the lowest action is taken; a value that is not
    a number never is.
    """
    count = values.shape[1]
    for i in range(start, stop):
        row = rows[i]
        legal = 0
        best = count - 1
        best_value = np.float32(-np.inf)
        for a in range(count):
            if mask[row, a]:
                if legal == 0 or values[row, a] > best_value:
                    best = a
                    best_value = values[row, a] if values[row, a] == values[row, a] else np.float32(-np.inf)
                legal += 1
        word = bits(seed, _EXPLORE, step, ids[i], 0)
        if legal > 0 and _tries(word[0], epsilon[row]):
            best = _nth_legal(mask[row], int(to_unit(word[1]) * np.float32(legal)))
        action[row] = best


@njit(nogil=True, cache=True)
def find_tries(epsilon, ids, rows, step, seed, tries):  # type: ignore[no-untyped-def]
    """Write to bool `tries[i]` whether rows[i] tries something at random in `choose`, whatever its values are."""
    for i in range(rows.shape[0]):
        tries[i] = _tries(bits(seed, _EXPLORE, step, ids[i], 0)[0], epsilon[rows[i]])


@njit(nogil=True, cache=True, inline="always")
def _tries(word, epsilon):  # type: ignore[no-untyped-def]
    return to_unit(word) < epsilon


@njit(nogil=True, cache=True)
def count_decisions(rows, decisions, epsilon, slope, end):  # type: ignore[no-untyped-def]
    """Each row has made another decision, int64 [capacity]; its epsilon, f32 [capacity], falls down to `end`."""
    for row in rows:
        decisions[row] += 1
        epsilon[row] = min(epsilon[row], max(epsilon[row] - slope, end))


@njit(nogil=True, cache=True, inline="always")
def _nth_legal(mask, nth):  # type: ignore[no-untyped-def]
    """The `nth` legal action, or the last legal one if there are fewer."""
    found = 0
    for a in range(mask.shape[0]):
        if mask[a]:
            found = a
            if nth == 0:
                break
            nth -= 1
    return found


def choose_plain(
    values: NDArray[np.float32],
    mask: NDArray[np.bool_],
    epsilon: NDArray[np.float32],
    draws: NDArray[np.float32],
) -> NDArray[np.int32]:
    """What `choose` does, for values [n, A] and two draws in [0, 1) an agent: the specification."""
    chosen = []
    for value, allowed, e, (coin, pick) in zip(values, mask, epsilon, draws, strict=True):
        legal = np.flatnonzero(allowed)
        if not len(legal):
            chosen.append(len(allowed) - 1)
        elif coin < e:
            chosen.append(int(legal[min(int(pick * np.float32(len(legal))), len(legal) - 1)]))
        else:
            chosen.append(int(legal[np.argmax(np.where(np.isnan(value[legal]), -np.inf, value[legal]))]))
    return np.array(chosen, np.int32)


@njit(nogil=True, cache=True)
def sample(start, stop, logits, mask, ids, rows, step, seed, action):  # type: ignore[no-untyped-def]
    """Draw a legal action with its softmax probability: the inverse of the cumulative sum, one draw an agent.

    Shapes as in `choose`. A logit that is not finite counts as illegal.
    """
    count = logits.shape[1]
    for i in range(start, stop):
        row = rows[i]
        highest = np.float32(-np.inf)
        for a in range(count):
            if mask[row, a] and np.isfinite(logits[row, a]):
                highest = max(highest, logits[row, a])
        total = np.float32(0.0)
        for a in range(count):
            if mask[row, a] and np.isfinite(logits[row, a]):
                total += np.exp(logits[row, a] - highest)
        left = to_unit(bits(seed, _EXPLORE, step, ids[i], 0)[0]) * total
        drawn = count - 1
        for a in range(count):
            if mask[row, a] and np.isfinite(logits[row, a]):
                drawn = a
                left -= np.exp(logits[row, a] - highest)
                if left < np.float32(0.0):
                    break
        action[row] = drawn


def probabilities_plain(logits: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The probability of each action that `sample` draws by: the specification."""
    allowed = mask & np.isfinite(logits)
    shifted = np.where(allowed, logits, -np.inf).astype(np.float64)
    highest = np.where(allowed.any(1), shifted.max(1), 0.0)
    raised = np.exp(shifted - highest[:, None])
    raised[~allowed.any(1), -1] = 1.0
    return np.asarray(raised / raised.sum(1, keepdims=True))


@njit(nogil=True, cache=True)
def log_probability(start, stop, logits, mask, action, rows, out):  # type: ignore[no-untyped-def]
    """Write the log of `action[row]`'s softmax probability to `out[row]`; the action counts as legal."""
    for i in range(start, stop):
        row = rows[i]
        highest = logits[row, action[row]]
        for a in range(logits.shape[1]):
            if mask[row, a]:
                highest = max(highest, logits[row, a])
        total = np.float32(0.0)
        for a in range(logits.shape[1]):
            if mask[row, a] or a == action[row]:
                total += np.exp(logits[row, a] - highest)
        out[row] = logits[row, action[row]] - highest - np.log(max(total, _TINY))


@njit(nogil=True, cache=True)
def find_unsound(start, stop, words, rows, unsound):  # type: ignore[no-untyped-def]
    """Write to `unsound[i]` whether one of row `rows[i]`'s `words` [capacity, D], float32 as int32, is not finite."""
    for i in range(start, stop):
        row = rows[i]
        largest = np.int32(0)
        for j in range(words.shape[1]):
            largest = max(largest, words[row, j] & _EXPONENT)  # whole numbers, so that it vectorises
        unsound[i] = largest == _EXPONENT
