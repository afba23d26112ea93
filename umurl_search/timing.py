"""How long the stages of a command took."""

import time


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {"total": 0.0}
        self._begun = self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = now - self._last
        self.seconds["total"] = now - self._begun
        self._last = now
