"""What the server counts, as Prometheus reads it."""

import os
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from pathlib import Path

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0)
_PREFIX = "umurl_search"
_STATUS = Path("/proc/self/statm")


class Metrics:
    """Requests by method, route and status, their durations, and what gauges give when they are read."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self._lock, self._begun = threading.Lock(), time.time()
        self.under_way = 0
        self.gauge("requests_under_way", "Requests that are being answered.", lambda: self.under_way)
        self.gauge("resident_bytes", "Memory of the process.", _resident_bytes)
        self.gauge("started_seconds", "When the server started.", lambda: self._begun)

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        self._gauges[name] = meaning, value

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        known = method if method in ("GET", "POST", "HEAD") else "other"
        with self._lock:
            self._requests[known, route, status] += 1
            self._buckets[route, bisect_left(BUCKETS_S, seconds)] += 1
            self._seconds[route] += seconds  # type: ignore[assignment]

    def text(self) -> str:
        with self._lock:
            requests, buckets, seconds = dict(self._requests), dict(self._buckets), dict(self._seconds)
        lines = _head("requests_total", "Requests answered.", "counter")
        for (method, route, status), n in sorted(requests.items()):
            lines.append(
                f'{_PREFIX}_requests_total{{method="{method}",route="{route}",status="{status}"}} {n}'
            )
        lines += _head("request_seconds", "Time from a request's headers to its answer.", "histogram")
        for route in sorted(seconds):
            lines += _histogram(route, [buckets.get((route, i), 0) for i in range(len(BUCKETS_S) + 1)])
            lines.append(f'{_PREFIX}_request_seconds_sum{{route="{route}"}} {seconds[route]:.6f}')
        for name, (meaning, value) in self._gauges.items():
            lines += [*_head(name, meaning, "gauge"), f"{_PREFIX}_{name} {value():.15g}"]
        return "\n".join(lines) + "\n"


def _head(name: str, meaning: str, kind: str) -> list[str]:
    return [f"# HELP {_PREFIX}_{name} {meaning}", f"# TYPE {_PREFIX}_{name} {kind}"]


def _histogram(route: str, counts: list[int]) -> list[str]:
    lines, total = [], 0
    for bound, n in zip((*(f"{b:g}" for b in BUCKETS_S), "+Inf"), counts, strict=True):
        total += n
        lines.append(f'{_PREFIX}_request_seconds_bucket{{route="{route}",le="{bound}"}} {total}')
    return [*lines, f'{_PREFIX}_request_seconds_count{{route="{route}"}} {total}']


def _resident_bytes() -> float:
    if not _STATUS.exists():  # Linux alone has it
        return 0.0
    return int(_STATUS.read_text().split()[1]) * float(os.sysconf("SC_PAGE_SIZE"))
