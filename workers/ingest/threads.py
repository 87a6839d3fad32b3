"""Ingests in threads: one that takes long goes on by itself, and the next task does not wait for it.

The pool process does one task at a time. Most checkpoints are read in less than a second, and their task ends with
that; a file that keeps its reader busy, or a download, would hold up everybody else's. So would waiting for a place
where as many as there may be are under way: the next one is put aside then, and begins when one of them ends.
"""

import contextvars
import logging
import time
from collections.abc import Callable
from threading import Event, Lock, Thread

AT_ONCE = 4  # ingests; a reader may take 2 GiB of memory
PATIENCE = 2.0  # seconds after which the next task begins
GRACE = 2.0  # seconds in which ingests that are told to stop give back what they hold
log = logging.getLogger(__name__)


Ingest = Callable[[Event], None]


class IngestThreads:
    """The ingests of one process."""

    def __init__(self, at_once: int = AT_ONCE, patience: float = PATIENCE) -> None:
        self._free, self._patience = at_once, patience
        self._lock = Lock()
        self._threads: dict[Thread, Event] = {}
        self._aside: dict[int, tuple[Ingest, contextvars.Context]] = {}  # first come, first to begin

    def run(self, identity: int, ingest: Ingest) -> None:
        """Runs the ingest of this checkpoint, and returns when it has ended or has taken `patience` seconds.

        Puts it aside while as many as there may be are under way. It ends soon after its event is set.
        """
        context = contextvars.copy_context()
        with self._lock:
            if not self._free:
                self._aside.setdefault(identity, (ingest, context))
                return
            self._free -= 1
            stop = Event()
            thread = Thread(target=self._work, args=(ingest, context, stop), name="ingest", daemon=True)
            self._threads[thread] = stop
        thread.start()
        thread.join(self._patience)

    def _work(self, ingest: Ingest, context: contextvars.Context, stop: Event) -> None:
        following: tuple[Ingest, contextvars.Context] | None = (ingest, context)
        while following is not None:
            begun, context = following
            context.run(self._try, begun, stop)
            following = self._next(stop)

    def _try(self, ingest: Ingest, stop: Event) -> None:
        try:
            ingest(stop)
        except SystemExit:
            return  # it was told to stop, and has given back what it held
        except Exception:
            log.exception("an ingest ended; the sweeper offers it again")

    def _next(self, stop: Event) -> tuple[Ingest, contextvars.Context] | None:
        """What was put aside first; None, and the end of this thread, where there is nothing or it is told to stop."""
        with self._lock:
            if self._aside and not stop.is_set():
                return self._aside.pop(next(iter(self._aside)))
            self._threads = {thread: event for thread, event in self._threads.items() if event is not stop}
            self._free += 1
            return None

    def stop(self) -> None:
        """Tells all of them to stop, and gives them a moment. What was put aside nobody holds: it is sent again."""
        with self._lock:
            self._aside.clear()
            threads = dict(self._threads)
        for stop in threads.values():
            stop.set()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
