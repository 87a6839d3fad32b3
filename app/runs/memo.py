"""What was made once and is asked for again: the latest of it, in memory."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from cachetools import LRUCache

T = TypeVar("T")


class Memo:
    """The results asked for last, as many as there is room for. Nobody may change one; threads may share a memo."""

    def __init__(self, size: int) -> None:
        self._made: LRUCache[Hashable, Any] = LRUCache(size)
        self._lock = threading.Lock()

    def make_once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives: always the same under the same key, so made once as long as there is room."""
        with self._lock:
            if key in self._made:
                kept: T = self._made[key]
                return kept
        found = make()  # two threads may make it at the same time: neither waits, and both are right
        with self._lock:
            self._made[key] = found
        return found
