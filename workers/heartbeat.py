"""Keeps a lease alive while the one thread that matters is deep in a decomposition; leaves where the lease is lost."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from app.work.leases import LeaseLost

LOOK_SECONDS = 0.5  # between two looks at whether the lease is still held
RETRY_SECONDS = 1.0  # after a renewal that failed
GRACE_SECONDS = 1.0  # that the work has to end by itself once the lease is lost
log = logging.getLogger(__name__)


class Heartbeat:
    """Calls `renew` every third of a lease, until it raises LeaseLost or the block ends.

    In between it asks `is_held`, so that work which was cancelled is noticed at once; `leave` is called where the block
    goes on after that.
    """

    def __init__(
        self,
        renew: Callable[[], None],
        lease_seconds: float,
        is_held: Callable[[], bool] = lambda: True,
        leave: Callable[[], None] | None = None,
    ) -> None:
        self._renew, self._pause = renew, lease_seconds / 3
        self._is_held, self._leave = is_held, leave
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
        renews_at = time.monotonic() + self._pause
        while not self._stopped.wait(min(self._pause, LOOK_SECONDS)):
            try:
                if time.monotonic() >= renews_at:
                    self._renew()
                    renews_at = time.monotonic() + self._pause
                elif not self._is_held():
                    raise LeaseLost
            except LeaseLost:
                if self._leave is not None and not self._stopped.wait(GRACE_SECONDS):
                    self._leave()
                return
            except Exception:  # the database may be away for a moment; the lease outlasts that
                log.warning("the lease was not renewed", exc_info=True)
                renews_at = time.monotonic() + min(self._pause, RETRY_SECONDS)
                if self._stopped.wait(min(self._pause, RETRY_SECONDS)):
                    return
