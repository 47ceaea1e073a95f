import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what tests share with each other
from clusters import processes_that_say, wait_for

from teem.runtime.cluster import load_ray

SHM = Path("/dev/shm")


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of two nodes with two CPUs each, and the second node; on loopback alone."""
    ray = load_ray("")
    from ray.cluster_utils import Cluster

    before = set(SHM.glob("*"))
    here = tempfile.mkdtemp(prefix="teem-test-")
    monkeypatch.setenv("RAY_TMPDIR", here)
    (Path(here) / "ray").mkdir()
    node = {"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**node})
    try:
        yield SimpleNamespace(cluster=cluster, other=cluster.add_node(**node), address=cluster.address)
    finally:
        ray.shutdown()
        cluster.shutdown()
        wait_for(lambda: not processes_that_say(here))
        shutil.rmtree(here, ignore_errors=True)
    assert set(SHM.glob("*")) <= before
