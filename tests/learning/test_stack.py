"""Stacked networks: where tensors lie, whose draws they are, what birth and saving do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from teem.learning.networks import ActorCriticMLP, DuelingMLP
from teem.learning.stack import Layout, Stack
from teem.normals import draw_normals
from teem.rng import Stream

LAYOUT = Layout.mlp(6, (5, 4), 3)
ROWS = np.array([4, 0, 2])
IDS = np.array([10, 11, 12])


def _founded(rows: np.ndarray = ROWS, ids: np.ndarray = IDS) -> Stack:
    stack = Stack(LAYOUT, 5)
    stack.fresh(rows, ids, seed=1)
    return stack


@pytest.mark.parametrize("kind", [DuelingMLP, ActorCriticMLP])
def test_an_mlp_is_laid_out_as_the_torch_module_names_and_shapes_it(kind: type[torch.nn.Module]) -> None:
    layout = Layout.mlp(6, (5, 4), 3)
    module = kind(6, 2, (5, 4))
    assert [(name, tuple(p.shape)) for name, p in module.named_parameters()] == list(
        zip(layout.names, layout.shapes, strict=True)
    )
    assert layout.size == sum(p.numel() for p in module.parameters())


def test_any_modules_tensors_lie_one_after_the_other_with_torchs_fans() -> None:
    module = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 5), torch.nn.Linear(7, 4))
    layout = Layout.of((name, tuple(p.shape)) for name, p in module.named_parameters())
    assert layout.offsets == (0, 30, 33, 61)
    assert layout.size == 65
    assert layout.fans == (10, 10, 7, 7)


def test_views_are_the_memory_itself() -> None:
    stack = _founded()
    views = stack.views(stack.weights)
    views["layers.1.bias"][4] = 7
    offset = LAYOUT.offsets[LAYOUT.names.index("layers.1.bias")]
    assert (stack.weights[4, offset : offset + 4] == 7).all()
    assert [view.shape[1:] for view in views.values()] == list(LAYOUT.shapes)


def test_rows_begin_at_cache_lines_and_their_padding_stays_zero() -> None:
    stack = _founded()
    for padded, array in zip(stack.padded, (stack.weights, stack.target, stack.moment1, stack.moment2), strict=True):
        assert padded.ctypes.data % 64 == 0
        assert padded.strides[0] % 64 == 0
        assert np.shares_memory(padded, array)
        assert not padded[:, LAYOUT.size :].any()


def test_fresh_weights_are_uniform_within_the_root_of_the_fan_in() -> None:
    layout = Layout.mlp(100, (400,), 2)
    stack = Stack(layout, 1)
    stack.fresh(np.zeros(1, np.int64), np.array([3]), seed=1)
    for name, bound in (("layers.0.weight", 0.1), ("layers.0.bias", 0.1), ("layers.1.weight", 0.05)):
        values = stack.views(stack.weights)[name][0]
        assert np.abs(values).max() <= bound
        assert np.abs(values).max() > 0.9 * bound
        assert abs(values.mean()) < 6 * bound / np.sqrt(3 * values.size)
        assert values.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)


def test_fresh_weights_follow_the_id_and_not_the_row() -> None:
    one, two = _founded(), _founded(rows=np.array([1, 3, 0]))
    assert np.array_equal(one.weights[ROWS], two.weights[[1, 3, 0]])
    assert not np.array_equal(one.weights[4], one.weights[0])
    assert np.array_equal(one.weights, one.target)
    assert not one.weights[[1, 3]].any()


def test_a_child_inherits_its_parents_weights_and_nothing_else() -> None:
    stack = _founded()
    for array in (stack.target, stack.moment1, stack.moment2):
        array[4] = 9
        array[1] = 8
    stack.updates[[4, 1]] = 5
    stack.inherit(np.array([1]), np.array([4]), np.array([13]), seed=1, step=7, noise=0.0)
    assert np.array_equal(stack.weights[1], stack.weights[4])
    assert np.array_equal(stack.target[1], stack.weights[4])
    assert not stack.moment1[1].any()
    assert not stack.moment2[1].any()
    assert stack.updates.tolist() == [0, 0, 0, 0, 5]


def test_mutation_is_normal_noise_relative_to_each_tensor_and_keyed_by_the_child() -> None:
    layout = Layout.mlp(60, (50,), 3)
    stack = Stack(layout, 4)
    stack.fresh(np.array([0]), np.array([1]), seed=1)
    stack.views(stack.weights)["layers.0.weight"][0] *= 100
    for row, child in ((1, 5), (2, 5), (3, 6)):
        stack.inherit(np.array([row]), np.array([0]), np.array([child]), seed=1, step=7, noise=0.1)
    assert np.array_equal(stack.weights[1], stack.weights[2])
    assert not np.array_equal(stack.weights[1], stack.weights[3])
    for name in ("layers.0.weight", "layers.1.weight"):
        view = stack.views(stack.weights)[name]
        noise = (view[1] - view[0]) / np.sqrt((view[0] ** 2).mean())
        assert noise.std() == pytest.approx(0.1, rel=0.3)
        assert abs(noise.mean()) < 0.05


def test_what_mutation_adds_is_what_is_drawn_scaled_tensor_by_tensor() -> None:
    layout = Layout.mlp(5, (7, 6), 3)  # tensors of all remainders by four
    stack, drawn = Stack(layout, 2), np.empty(layout.size, np.float32)
    stack.fresh(np.array([0]), np.array([1]), seed=1)
    stack.inherit(np.array([1]), np.array([0]), np.array([5]), seed=1, step=7, noise=0.1)
    draw_normals(1, int(Stream.MUTATION), 7, 5, drawn)
    views = stack.views(stack.weights)
    for name, normals in layout.views(drawn[None]).items():
        parent, child = views[name].astype(np.float64)
        rms = np.sqrt((parent**2).mean())
        np.testing.assert_allclose(child, parent + 0.1 * rms * normals[0], rtol=1e-5, atol=1e-7)


def test_weights_can_come_from_outside_the_stack() -> None:
    stack = _founded()
    fame = np.ones((1, LAYOUT.size), np.float32)
    stack.inherit_from(np.array([3]), fame, np.array([20]), seed=1, step=2, noise=0.0)
    assert (stack.weights[3] == 1).all()
    assert (stack.target[3] == 1).all()
    assert (fame == 1).all()


def test_a_saved_stack_comes_back_in_any_rows() -> None:
    stack = _founded()
    stack.moment1[4] = 3
    stack.updates[4] = 2
    saved = stack.state(ROWS)
    assert saved["weights"].shape == (3, LAYOUT.size)
    other = Stack(LAYOUT, 7)
    other.load_state(saved, np.array([6, 5, 1]))
    assert np.array_equal(other.weights[[6, 5, 1]], stack.weights[ROWS])
    assert (other.moment1[6] == 3).all()
    assert other.updates.tolist() == [0, 0, 0, 0, 0, 0, 2]


def test_a_stack_of_another_size_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"stack\.weights"):
        Stack(Layout.mlp(2, (2,), 2), 5).load_state(_founded().state(ROWS), ROWS)
