"""A checkpoint is whole or not there, comes back exactly, and gives way to an older one when damaged."""

import json
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file

from teem.errors import TeemError
from teem.measure.spans import Spans
from teem.record import archive, checkpoint
from teem.record.archive import DTYPES
from teem.record.checkpoint import Checkpointer, discard_after, latest, steps_of

STATE = {
    "world": {"energy": np.arange(6, dtype=np.float32).reshape(2, 3), "step": 3},
    "replay": {"observation": np.arange(4, dtype=np.uint16), "empty": np.zeros((0, 5), np.int64)},
    "name": "ä",
    "none": None,
    "nothing": {},
}


def same(one, other):
    """Equal in type, shape and bits, at every depth."""
    if isinstance(one, dict):
        return isinstance(other, dict) and list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, np.ndarray):
        if not isinstance(other, np.ndarray) or one.dtype != other.dtype or one.shape != other.shape:
            return False
        return one.tobytes() == other.tobytes()
    return type(one) is type(other) and repr(one) == repr(other)


def save(folder, *steps, keep=3, state=STATE):
    checkpointer = Checkpointer(folder, keep, Spans())
    for step in steps:
        checkpointer.save(step, {**state, "step": step}, {"seed": 7})
    checkpointer.close()
    return checkpointer


arrays = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in DTYPES]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
states = st.recursive(
    st.dictionaries(st.text(max_size=5), arrays | scalars, max_size=4),
    lambda inner: st.dictionaries(st.text(max_size=5), inner | arrays | scalars, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(states)
def test_every_state_comes_back_exactly(state):
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.write(Path(folder), 5, archive.pack(state), {"seed": 7})
        found = latest(Path(folder))
    assert same(found.state, state)
    assert (found.step, found.meta, found.faults) == (5, {"seed": 7}, ())


def test_arrays_that_are_not_contiguous_come_back(tmp_path):
    state = {"a": np.arange(24).reshape(4, 6)[::2, ::3].T}
    save(tmp_path, 1, state=state)
    assert np.array_equal(latest(tmp_path).state["a"], state["a"])


def test_arrays_are_read_when_they_are_looked_at_even_if_their_checkpoint_has_gone(tmp_path):
    save(tmp_path, 1)
    found = latest(tmp_path).state
    energy = found["world"]["energy"]
    with pytest.raises(ValueError, match="read-only"):
        energy[0, 0] = 9
    save(tmp_path, 2, 3, 4)
    assert steps_of(tmp_path) == [2, 3, 4]
    assert np.array_equal(energy, STATE["world"]["energy"])


def test_a_state_larger_than_a_piece_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_PIECE", 7)
    save(tmp_path, 1)
    assert same(latest(tmp_path).state, STATE | {"step": 1})


def test_the_arrays_file_is_a_safetensors_file(tmp_path):
    save(tmp_path, 1)
    arrays_ = load_file(tmp_path / "step-000000001" / archive.ARRAYS)
    assert np.array_equal(arrays_["world/energy"], STATE["world"]["energy"])
    assert arrays_["replay/observation"].dtype == np.uint16


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        (object(), "object"),
        ([1], "list"),
        (np.array(["a"]), "<U1"),
        (np.array([1j]), "complex128"),
        (b"x", "bytes"),
    ],
)
def test_what_cannot_be_saved_is_named_at_once(tmp_path, leaf, said):
    checkpointer = Checkpointer(tmp_path, 3, Spans())
    with pytest.raises(TypeError, match=f"world/deep.*{said}"):
        checkpointer.save(1, {"world": {"deep": leaf}}, {})
    checkpointer.close()
    assert steps_of(tmp_path) == []


def test_the_last_ones_are_kept(tmp_path):
    checkpointer = save(tmp_path, 10, 20, 30, 40, keep=2)
    assert steps_of(tmp_path) == [30, 40]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["step-000000030", "step-000000040"]
    assert (checkpointer.saved, checkpointer.last_step) == (4, 40)
    assert latest(tmp_path).state["step"] == 40


@pytest.mark.parametrize("name", [archive.ARRAYS, archive.STATE, archive.MANIFEST])
def test_any_flipped_byte_of_any_file_falls_back_to_the_older_one(tmp_path, name):
    save(tmp_path, 10, 20)
    path = tmp_path / "step-000000020" / name
    whole = path.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 150)):
        for mask in (0x01, 0x20):
            broken = bytearray(whole)
            broken[position] ^= mask
            path.write_bytes(broken)
            found = latest(tmp_path)
            assert found.step == 10, (position, mask)
            assert "step-000000020" in found.faults[0]
    path.write_bytes(whole)
    assert latest(tmp_path).step == 20


@pytest.mark.parametrize("name", [archive.ARRAYS, archive.STATE, archive.MANIFEST])
def test_a_missing_or_cut_file_falls_back_too(tmp_path, name):
    save(tmp_path, 10, 20)
    path = tmp_path / "step-000000020" / name
    whole = path.read_bytes()
    for part in (whole[:-1], whole[: len(whole) // 2], b"", whole + b"\n"):
        path.write_bytes(part)
        assert latest(tmp_path).step == 10
    path.unlink()
    assert latest(tmp_path).step == 10


def test_a_checkpoint_of_another_step_under_this_name_is_refused(tmp_path):
    save(tmp_path, 10, 20)
    (tmp_path / "step-000000020").rename(tmp_path / "step-000000030")
    found = latest(tmp_path)
    assert (found.step, "speaks of step 20" in found.faults[0]) == (10, True)


def test_when_none_is_whole_each_fault_is_named(tmp_path):
    save(tmp_path, 10, 20)
    for step in (10, 20):
        (tmp_path / f"step-{step:09d}" / archive.STATE).write_text("{}")
    with pytest.raises(TeemError, match=r"(?s)step-000000020.*damaged.*step-000000010.*damaged"):
        latest(tmp_path)


def test_no_checkpoint_at_all_is_said(tmp_path):
    with pytest.raises(TeemError, match="holds no checkpoint"):
        latest(tmp_path / "nowhere")


def test_what_was_half_written_is_ignored_and_swept(tmp_path):
    save(tmp_path, 10)
    for name in ("step-000000020.partial", "step-000000005.partial-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / archive.STATE).write_text("{")
    assert latest(tmp_path).step == 10
    Checkpointer(tmp_path, 3, Spans()).close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-000000010"]


def test_a_step_saved_again_replaces_the_former(tmp_path):
    save(tmp_path, 10)
    save(tmp_path, 10, state={"new": 1})
    assert latest(tmp_path).state == {"new": 1, "step": 10}


def test_going_on_from_an_older_step_forgets_the_later_ones(tmp_path):
    save(tmp_path, 10, 20, 30)
    discard_after(tmp_path, 10)
    assert steps_of(tmp_path) == [10]


def test_a_checkpoint_does_not_count_before_the_record_is_on_the_disk(tmp_path):
    recorded = threading.Event()
    checkpointer = Checkpointer(tmp_path, 3, Spans())
    checkpointer.save(10, STATE, {}, before=lambda: recorded.wait(10))
    assert steps_of(tmp_path) == []
    recorded.set()
    checkpointer.close()
    assert steps_of(tmp_path) == [10]


def test_a_second_save_waits_for_the_first_and_the_wait_is_counted(tmp_path):
    spans = Spans()
    first = threading.Event()
    checkpointer = Checkpointer(tmp_path, 3, spans)
    checkpointer.save(10, STATE, {}, before=lambda: first.wait(10))
    threading.Timer(0.1, first.set).start()
    checkpointer.save(20, STATE, {})
    assert steps_of(tmp_path)[0] == 10
    checkpointer.close()
    assert "checkpoint.wait" in spans.names
    assert steps_of(tmp_path) == [10, 20]


def test_a_failure_is_raised_at_the_next_boundary_and_the_older_ones_stay(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    save(tmp_path, 10)
    checkpointer = Checkpointer(tmp_path, 1, Spans())
    monkeypatch.setattr(archive, "_manifest", full_disk)
    checkpointer.save(20, STATE, {})
    with pytest.raises(TeemError, match=r"step 20 .* failed: .*No space left"):
        while True:
            checkpointer.expect_success()
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-000000010"]
    checkpointer.save(30, STATE, {})
    checkpointer.close()
    assert steps_of(tmp_path) == [30]


def test_a_record_that_failed_keeps_the_checkpoint_from_counting(tmp_path):
    def fail():
        raise TeemError("recording failed")

    checkpointer = Checkpointer(tmp_path, 3, Spans())
    checkpointer.save(10, STATE, {}, before=fail)
    with pytest.raises(TeemError, match="recording failed"):
        checkpointer.close()
    assert list(tmp_path.iterdir()) == []


def test_saving_does_not_copy_and_unpacking_follows_the_nesting():
    packed = archive.pack(STATE)
    assert packed.arrays["world/energy"] is STATE["world"]["energy"]
    assert json.loads(json.dumps(packed.tree))["nothing"] == {}
    assert same(archive.unpack(packed.tree, packed.arrays), STATE)
