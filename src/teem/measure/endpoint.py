"""The page of metrics for Prometheus, on this machine alone; off unless it is asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from teem.errors import UsageError
from teem.measure.metrics import Metric, Values

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")  # as whom it may be asked: another name is a page elsewhere that was led here
ASKING_S = 5.0  # that somebody may take to ask, or to listen
PREFIX = "teem_"

Families = Iterable[Any]  # of prometheus_client


class Told:
    """What one process tells of itself, to be put on the page; `part` names it where there are several."""

    def __init__(
        self, values: Values, spans: Mapping[str, Mapping[str, float]], alarms: Sequence[Mapping[str, Any]], part: str
    ) -> None:
        self.values, self.spans, self.alarms, self.part = values, spans, alarms, part


def families(described: Sequence[Metric], told: Sequence[Told]) -> Iterator[Any]:
    """Everything as Prometheus takes it, a family a metric, a label `part` where there are several processes."""
    for metric in described:
        family = _family(metric.name, metric.kind, metric.meaning)
        for one in told:
            value = one.values.get(metric.name)
            for label, number in value.items() if isinstance(value, Mapping) else [("", value)]:
                if number is not None:
                    labels = {metric.label: label} if metric.label else {}
                    _add(family, _total(metric), labels, one, number)
        if family.samples:
            yield family
    yield from _span_families(told)
    alarm = _family("alarm", "gauge", "1 while something will run out before long")
    for one in told:
        for found in one.alarms:
            _add(alarm, "alarm", {"of": found["name"]}, one, 1)
    yield alarm


def _span_families(told: Sequence[Told]) -> Iterator[Any]:
    quantiles = _family("span_recent_seconds", "gauge", "what a span took, over the last steps")
    totals = _family("span_seconds", "counter", "what a span has taken in all")
    for one in told:
        for name, figures in one.spans.items():
            for key, quantile in (("p50_ms", "0.5"), ("p95_ms", "0.95"), ("p99_ms", "0.99")):
                _add(quantiles, "span_recent_seconds", {"span": name, "quantile": quantile}, one, figures[key] / 1000)
            _add(totals, "span_seconds_total", {"span": name}, one, figures["total_s"])
    yield quantiles
    yield totals


def _family(name: str, kind: str, meaning: str) -> Any:
    from prometheus_client import Metric as Family

    return Family(PREFIX + name, meaning, kind)


def _total(metric: Metric) -> str:
    return metric.name + ("_total" if metric.kind == "counter" else "")


def _add(family: Any, name: str, labels: dict[str, str], told: Told, number: float) -> None:
    family.add_sample(PREFIX + name, labels | ({"part": told.part} if told.part else {}), float(number))


class Endpoint:
    """Serves `collect()` at http://127.0.0.1:port/metrics until it is closed; one who asks at a time."""

    def __init__(self, port: int, collect: Callable[[], Families]) -> None:
        """Raises UsageError when the port can't be had; port 0 takes any that is free."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(collect))

        def answer(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
            host = environ.get("HTTP_HOST", "").rpartition(":")[0] or environ.get("HTTP_HOST", "")
            if host not in NAMES:
                return _refuse(start, "403 Forbidden")
            if environ["PATH_INFO"] != "/metrics" or environ["REQUEST_METHOD"] != "GET":
                return _refuse(start, "404 Not Found")
            text = generate_latest(registry)
            start("200 OK", [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
            return [text]

        try:
            self._server = make_server(HOST, port, answer, _Server, _Quiet)
        except OSError as error:
            raise UsageError(
                f"metrics.port is {port}, which can't be listened on ({error.strerror}): give another, or 0 for none"
            ) from error
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics page", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(ASKING_S)


def _refuse(start: Callable[..., Any], status: str) -> list[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [b""]


class _Collector:
    """As prometheus_client wants to be given families."""

    def __init__(self, collect: Callable[[], Families]) -> None:
        self._collect = collect

    def collect(self) -> Families:
        return self._collect()


class _Server(WSGIServer):
    """Asks no name server for its own name."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the page of a run before has left it
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = HOST, self.server_address[1]
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    """Waits for nobody for long, and writes no log."""

    timeout = ASKING_S

    def log_message(self, format: str, *args: Any) -> None:
        pass
