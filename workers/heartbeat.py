"""Keeps a lease alive while the one thread that matters is deep in a decomposition."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from app.work.leases import LeaseLost

log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `renew` every third of a lease, until it raises LeaseLost or the block ends."""

    def __init__(self, renew: Callable[[], None], lease_seconds: float) -> None:
        self._renew, self._pause = renew, lease_seconds / 3
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(self._pause):
            try:
                self._renew()
            except LeaseLost:
                return
            except Exception:  # the database may be away for a moment; the lease outlasts two failures
                log.warning("the lease was not renewed", exc_info=True)
