"""What the server counts, as Prometheus reads it: the only `import prometheus_client`."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
_PREFIX = "umurl_search"
_STATUS = Path("/proc/self/statm")


class Metrics:
    """Requests by method, route and status, their durations, and what gauges give when they are read."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "requests",
            "Requests answered.",
            ("method", "route", "status"),
            namespace=_PREFIX,
            registry=self._registry,
        )
        self._seconds = Histogram(
            "request_seconds",
            "Time from a request's headers to its answer.",
            ("route",),
            namespace=_PREFIX,
            registry=self._registry,
            buckets=BUCKETS_S,
        )
        self.under_way, begun = 0, time.time()
        self.gauge("requests_under_way", "Requests that are being answered.", lambda: self.under_way)
        self.gauge("resident_bytes", "Memory of the process.", _resident_bytes)
        self.gauge("started_seconds", "When the server started.", lambda: begun)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        Gauge(name, meaning, namespace=_PREFIX, registry=self._registry).set_function(value)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        known = method if method in ("GET", "POST", "HEAD") else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> str:
        return generate_latest(self._registry).decode()


def _resident_bytes() -> float:
    if not _STATUS.exists():  # Linux alone has it
        return 0.0
    return int(_STATUS.read_text().split()[1]) * float(os.sysconf("SC_PAGE_SIZE"))
