"""Where parts are placed: never on a node that is gone, whatever the cluster still says."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from teem.config.load import load_config
from teem.config.settings import RaySettings
from teem.errors import UsageError
from teem.runtime.cluster import Cluster
from teem.runtime.session import begin


class Nodes:
    """Ray, as far as it is asked here."""

    def __init__(self, *nodes: tuple[str, int, bool]) -> None:
        self._nodes = nodes
        self.options_given: dict[str, Any] = {}

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"NodeID": name, "NodeManagerAddress": "127.0.0.1", "NodeManagerPort": port, "Alive": alive}
            for name, port, alive in self._nodes
        ]

    def remote(self, part: Any) -> Any:
        return self if isinstance(part, type) else "placed"

    def options(self, **given: Any) -> Any:
        self.options_given = given
        return self


def test_who_begins_again_is_not_put_where_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as here, socket.create_server(("127.0.0.1", 0)) as gone:
        ports = [one.getsockname()[1] for one in (here, gone)]
        gone.close()
        ray = Nodes(("a", ports[0], True), ("b", ports[1], True), ("c", ports[1], False))
        cluster = Cluster.__new__(Cluster)
        cluster._settings, cluster._ray = RaySettings(), ray
        cluster.place(str, "word", again=True)
        assert ray.options_given["label_selector"] == {"ray.io/node-id": "!in(b)"}
        ray._nodes = ray._nodes[1:]
        cluster.place(str, "word", again=True)
        assert ray.options_given["label_selector"] is None  # from here, none can be told from another
        cluster.place(str, "word")
        assert ray.options_given["label_selector"] is None


def test_an_address_where_nobody_answers_is_refused_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"127.0.0.1:{gone.getsockname()[1]}"
    config = load_config("farm", {"runtime.mode": "ray", "ray.address": address})
    with pytest.raises(UsageError, match=f"ray.address is {address}, where no cluster answers"):
        begin(config, "farm", tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="no cluster answers"):  # one that is taken up asks too
        Cluster(config.ray, 1)
