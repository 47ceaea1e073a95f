"""Where parts are placed: never on a node that is gone, whatever the cluster still says."""

from __future__ import annotations

import socket
from typing import Any

from teem.config.settings import RaySettings
from teem.runtime.cluster import Cluster


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
