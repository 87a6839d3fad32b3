"""Ingests in threads: one that takes long goes on by itself, and the next task does not wait for it.

The pool process does one task at a time. Most checkpoints are read in less than a second, and their task ends with
that; a file that keeps its reader busy, or a download, would hold up everybody else's.
"""

import contextvars
import logging
import time
from collections.abc import Callable
from threading import BoundedSemaphore, Event, Lock, Thread

AT_ONCE = 4  # ingests; a reader may take 2 GiB of memory
PATIENCE = 2.0  # seconds after which the next task begins
GRACE = 2.0  # seconds in which ingests that are told to stop give back what they hold
log = logging.getLogger(__name__)


class IngestThreads:
    """The ingests of one process."""

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._places, self._patience = BoundedSemaphore(at_once), patience
        self._lock = Lock()
        self._threads: dict[Thread, Event] = {}

    def run(self, ingest: Callable[[Event], None]) -> None:
        """Runs it, and returns when it has ended or has taken `patience` seconds. It ends soon after its event is set.

        Waits first while as many as there may be are under way.
        """
        self._places.acquire()
        stop, context = Event(), contextvars.copy_context()
        thread = Thread(target=context.run, args=(self._work, ingest, stop), name="ingest", daemon=True)
        with self._lock:
            self._threads[thread] = stop
        thread.start()
        thread.join(self._patience)

    def _work(self, ingest: Callable[[Event], None], stop: Event) -> None:
        try:
            ingest(stop)
        except SystemExit:
            return  # it was told to stop, and has given back what it held
        except Exception:
            log.exception("an ingest ended; the sweeper offers it again")
        finally:
            with self._lock:
                self._threads = {thread: event for thread, event in self._threads.items() if event is not stop}
            self._places.release()

    def stop(self) -> None:
        """Tells all of them to stop, and gives them a moment."""
        with self._lock:
            threads = dict(self._threads)
        for stop in threads.values():
            stop.set()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
