"""Round trips through the queue: the proof that it turns."""

import asyncio
import threading
import time
from dataclasses import dataclass

from anyio.to_thread import run_sync

from app.db import Database, Session, clock
from app.models import Ping
from app.queue.broker import Sender

PATIENCE = 3.0  # seconds: a worker's main process answers within a fraction of one, in the middle of a unit too
LONGEST = 10.0  # seconds that anybody waits for an answer, whatever hangs
REMEMBERED = 3600.0  # seconds
KEPT = 1.0  # seconds for which one answer serves everyone who asks


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A ping and its answer, or what was in the way."""

    seconds: float | None  # None: no answer in time
    worker: str | None
    fault: str | None


def answer(session: Session, identity: int, worker: str) -> None:
    """The worker's side of a ping. One that was forgotten meanwhile needs no answer."""
    ping = session.get(Ping, identity)
    if ping is not None:
        ping.answered_at, ping.worker = clock(session), worker


def forget(session: Session) -> None:
    """Removes old pings, answered or not."""
    session.query(Ping).filter(Ping.sent_at < clock(session) - REMEMBERED).delete()


class HealthCheck:
    """One round trip at a time, and one answer for everyone who asks within a moment."""

    def __init__(self, database: Database, sender: Sender) -> None:
        self._database, self._sender = database, sender
        self._lock = threading.Lock()
        self._last: tuple[float, RoundTrip] | None = None
        self._running: asyncio.Future[RoundTrip] | None = None

    async def share(self) -> RoundTrip:
        """As `probe`, on the event loop: all who ask while one round trip is under way wait for it, in one thread.

        Those who ask within a moment after it need none.
        """
        last = self._last
        if last is not None and time.monotonic() - last[0] <= KEPT:
            return last[1]
        loop = asyncio.get_running_loop()
        if self._running is None or self._running.done() or self._running.get_loop() is not loop:
            self._running = asyncio.ensure_future(run_sync(self.probe))
        try:
            async with asyncio.timeout(LONGEST):
                return await asyncio.shield(self._running)
        except TimeoutError:
            return RoundTrip(None, None, f"the database or the broker did not answer within {LONGEST:g} s")

    def probe(self, patience: float = PATIENCE) -> RoundTrip:
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > KEPT:
                trip = round_trip(self._database, self._sender, patience)
                self._last = (time.monotonic(), trip)
            return self._last[1]


def round_trip(database: Database, sender: Sender, patience: float) -> RoundTrip:
    """Sends a ping, and waits at most `patience` seconds for a worker's main process to answer it."""
    with database.writing() as session:
        ping = Ping()
        session.add(ping)
        session.flush()
        identity = ping.id
    began = time.monotonic()
    try:
        sender.ping(identity)
    except Exception as error:  # whatever the broker's client raises
        return RoundTrip(None, None, f"the broker cannot be reached ({type(error).__name__})")
    while time.monotonic() - began < patience:
        with database.reading() as session:
            row = session.get_one(Ping, identity)
            if row.answered_at is not None:
                return RoundTrip(time.monotonic() - began, row.worker, None)
        time.sleep(0.05)
    return RoundTrip(None, None, f"no worker answered within {patience:g} s")
