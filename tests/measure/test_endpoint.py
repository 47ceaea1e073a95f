"""The page of metrics: what Prometheus reads, and who else may."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from teem.errors import UsageError
from teem.measure.endpoint import HOST, Endpoint, Told, families
from teem.measure.metrics import counter, gauge

DESCRIBED = (
    counter("rows", "rows written", "rows"),
    gauge("alive", "agents alive", "alive", label="cohort"),
    gauge("loss", "not known yet", "loss"),
)
SPANS = {"world.move": {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "total_s": 4.0}}


@pytest.fixture
def page() -> Iterator[Endpoint]:
    told = [
        Told({"rows": 7, "alive": {"base": 3, 'b"ar': 4}, "loss": None}, SPANS, [], "0"),
        Told({"rows": 8, "alive": {}, "loss": None}, {}, [{"name": "memory"}], "1"),
    ]
    endpoint = Endpoint(0, lambda: families(DESCRIBED, told))
    yield endpoint
    endpoint.close()


def ask(page: Endpoint, path: str = "/metrics", host: str = "", method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection(HOST, page.port, timeout=20)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_prometheus_reads_what_is_told(page: Endpoint) -> None:
    status, text = ask(page)
    assert status == 200
    read = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert read == {
        ("teem_rows_total", (("part", "0"),)): 7,
        ("teem_rows_total", (("part", "1"),)): 8,
        ("teem_alive", (("cohort", "base"), ("part", "0"))): 3,
        ("teem_alive", (("cohort", 'b"ar'), ("part", "0"))): 4,
        ("teem_span_recent_seconds", (("part", "0"), ("quantile", "0.5"), ("span", "world.move"))): 0.001,
        ("teem_span_recent_seconds", (("part", "0"), ("quantile", "0.95"), ("span", "world.move"))): 0.002,
        ("teem_span_recent_seconds", (("part", "0"), ("quantile", "0.99"), ("span", "world.move"))): 0.003,
        ("teem_span_seconds_total", (("part", "0"), ("span", "world.move"))): 4,
        ("teem_alarm", (("of", "memory"), ("part", "1"))): 1,
    }


def test_it_answers_this_machine_alone_and_nothing_else_than_metrics(page: Endpoint) -> None:
    assert ask(page, host=f"localhost:{page.port}")[0] == 200
    assert ask(page, host="metrics.example.org")[0] == 403  # a name that was made to lead here
    assert ask(page, host=f"metrics.example.org:{page.port}")[0] == 403
    assert ask(page, "/")[0] == ask(page, "/../metrics")[0] == 404
    assert ask(page, method="POST")[0] == 404
    assert page._server.server_address[0] == HOST


def test_a_port_that_is_taken_is_told_with_its_setting(page: Endpoint) -> None:
    with pytest.raises(UsageError, match=rf"metrics.port is {page.port}, .*: give another, or 0 for none"):
        Endpoint(page.port, lambda: ())
