"""Learners are spread over GPUs in turn, and by load once it is known; the loads here are made up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from teem.config.settings import LearningSettings
from teem.learning.sharing import Networks
from teem.learning.stack import Layout
from teem.learning.torch_networks import TorchNetworks
from teem.runtime.processes.placing import place

RATES = st.lists(st.floats(0, 1e6), min_size=1, max_size=6)


def test_in_turn_as_long_as_nothing_is_known() -> None:
    assert place([0.0] * 5, {}, 2) == [0, 1, 0, 1, 0]
    assert place([0.0] * 3, {}, 4) == [0, 1, 2]


def test_who_begins_anew_gets_what_is_least_busy() -> None:
    assert place([5.0, 100.0, 20.0, 10.0], {0: 0, 1: 0, 2: 1}, 2) == [0, 0, 1, 1]
    assert place([5.0, 100.0, 20.0, 10.0], {1: 0, 2: 1, 3: 1}, 2) == [1, 0, 1, 1]
    assert place([5.0, 100.0, 20.0, 10.0], {0: 0, 1: 0, 2: 1}, 3) == [0, 0, 1, 2]


@given(RATES, st.integers(1, 4), st.data())
def test_nobody_is_moved_and_no_gpu_is_loaded_by_more_than_a_learner_beyond_the_mean(
    rates: list[float], gpus: int, data: st.DataObject
) -> None:
    staying = data.draw(st.dictionaries(st.integers(0, len(rates) - 1), st.integers(0, gpus - 1)))
    places = place(rates, staying, gpus)
    assert all(places[learner] == gpu for learner, gpu in staying.items())
    assert all(0 <= gpu < gpus for gpu in places)
    if not staying:  # Graham's bound
        loads = [sum(rate for rate, gpu in zip(rates, places, strict=True) if gpu == one) for one in range(gpus)]
        assert max(loads) <= sum(rates) / gpus + max(rates) + 1e-6 * sum(rates)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here: pinned copies have not been run")
def test_what_goes_through_pinned_memory_arrives_whole() -> None:
    networks = Networks(Layout.mlp(4, (8,), 3), "own", 2, 7)
    sent = TorchNetworks(networks, lambda *_: None, lambda *_: None, LearningSettings(), "cuda")
    arrays = [np.full((512, 512), number, np.float32) for number in range(64)]
    there = [sent.tensor(array) for array in arrays]  # pinned memory is handed out again meanwhile
    for array, tensor in zip(arrays, there, strict=True):
        assert np.array_equal(tensor.cpu().numpy(), array)
