"""What Prometheus reads at `/metrics`. Labels are taken from short lists, so no client can make them many."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Measures:
    """Counts and times of one server, in a registry of its own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        registry = self.registry
        self._requests = Counter("sequax_requests", "Requests answered.", ("endpoint", "status"), registry=registry)
        self._seconds = self._histogram("sequax_request_seconds", "From a request's head to its answer.", "endpoint")
        self._refused = Counter("sequax_refused", "Requests without a prediction.", ("reason",), registry=registry)
        self._batch_rows = self._histogram("sequax_batch_rows", "Rows predicted together.", "model", _ROWS)
        self._batch_seconds = self._histogram("sequax_batch_seconds", "Time of a batch in the model.", "model")
        self._waiting = Gauge("sequax_waiting_rows", "Rows that wait for the model.", ("model",), registry=registry)
        # Looking up the child of some labels takes longer than counting.
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._models: dict[str, tuple[Histogram, Histogram]] = {}

    def _histogram(self, name: str, text: str, label: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(name, text, (label,), buckets=buckets, registry=self.registry)

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        found = self._known.get((endpoint, status))
        if found is None:
            found = self._requests.labels(endpoint, str(status)), self._seconds.labels(endpoint)
            self._known[endpoint, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()

    def batch(self, model: str, rows: int, seconds: float) -> None:
        found = self._models.get(model)
        if found is None:
            found = self._models[model] = self._batch_rows.labels(model), self._batch_seconds.labels(model)
        found[0].observe(rows)
        found[1].observe(seconds)

    def watch(self, model: str, waiting: Callable[[], float]) -> None:
        """Ask how many rows of a model wait whenever somebody reads."""
        self._waiting.labels(model).set_function(waiting)

    def text(self) -> bytes:
        return generate_latest(self.registry)
