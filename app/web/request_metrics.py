"""How many requests there were, and how long their answers took to begin: counted in this process."""

from prometheus_client import CollectorRegistry, Counter, Histogram

UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class RequestMetrics:
    """The counts of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "eigenscope_requests", "Requests answered by this process.", ["method", "route", "status"],
            registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "eigenscope_request_seconds", "Seconds until an answer of this process began.", ["method", "route"],
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip

    def count_answer(self, method: str, route: str, status: int, seconds: float) -> None:
        """One more. Methods that nobody declares count as one, so that clients cannot make up series."""
        label = method if method in METHODS else "other"
        self._requests.labels(label, route, str(status)).inc()
        self._seconds.labels(label, route).observe(seconds)
