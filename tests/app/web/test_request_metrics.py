"""Traffic: counted by what is declared, never by what clients make up."""

from prometheus_client import generate_latest

from app.web.request_metrics import RequestMetrics


def test_requests_are_counted_and_timed() -> None:
    traffic = RequestMetrics()
    traffic.count_answer("GET", "/api/v1/runs", 200, 0.03)
    traffic.count_answer("GET", "/api/v1/runs", 200, 0.3)
    text = generate_latest(traffic.registry).decode()
    assert 'eigenscope_requests_total{method="GET",route="/api/v1/runs",status="200"} 2.0' in text
    assert 'eigenscope_request_seconds_bucket{le="0.05",method="GET",route="/api/v1/runs"} 1.0' in text


def test_methods_that_nobody_declares_are_one() -> None:
    traffic = RequestMetrics()
    for method in ("BREW", "WHEN"):
        traffic.count_answer(method, "unmatched", 405, 0.0)
    text = generate_latest(traffic.registry).decode()
    assert 'eigenscope_requests_total{method="other",route="unmatched",status="405"} 2.0' in text
    assert "BREW" not in text
