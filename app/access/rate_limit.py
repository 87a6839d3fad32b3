"""How often somebody may ask: a bucket of requests each, which fills evenly and holds a minute's worth."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from app.errors import TooMany

MOST_KNOWN = 10_000  # buckets that are remembered; the ones longest untouched go first


class Rates:
    """Buckets by name. Each process has its own: with several, a caller may ask each of them as often."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> (requests left, when that was)
        self._lock = threading.Lock()

    def take(self, name: str) -> None:
        """One request. Raises TooMany where none is left."""
        if not self._per_minute:
            return
        with self._lock:
            budget = self._fill(name)
            self._left[name] = (budget - 1.0 if budget >= 1.0 else budget, self._clock())
            self._left.move_to_end(name)
            while len(self._left) > MOST_KNOWN:
                self._left.popitem(last=False)
        if budget < 1.0:
            wait = math.ceil((1.0 - budget) * 60.0 / self._per_minute)
            raise TooMany(f"More than {self._per_minute} requests in a minute. Try again in {wait} s.", wait)

    def _fill(self, name: str) -> float:
        budget, last_time = self._left.get(name, (float(self._per_minute), self._clock()))
        return min(float(self._per_minute), budget + (self._clock() - last_time) * self._per_minute / 60.0)
