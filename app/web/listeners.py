"""Listeners to runs: counted, and all of one run served by one look at its rows."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.to_thread import run_sync

from app.errors import TooManyWaiting

LOOK_SECONDS = 0.5
PORTION = 50  # rows that one listener gets before the others have their turn
PAUSE = 0.002  # seconds for each listener, from one portion to the next
State = Any  # the run as it is told; None where it is gone


@dataclass
class Broadcast:
    """A run that somebody follows: its state and all its rows, as the last look found them."""

    state: State = None
    rows: list[Any] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)  # ids do not come in order where several workers commit
    listeners: int = 0
    looked_at: float = -1e9
    turn: anyio.Lock = field(default_factory=anyio.Lock)

    async def refresh(self, look: Callable[[set[int]], tuple[State, dict[int, Any]]], since: float = -math.inf) -> None:
        """Looks at the rows where the last look is older than LOOK_SECONDS, or began before `since`, or did not see all
        that is there.
        """
        async with self.turn:
            if anyio.current_time() - self.looked_at < LOOK_SECONDS and self.looked_at > since:
                return
            began = anyio.current_time()
            self.state, new = await run_sync(look, self.heard)
            self.heard.update(new)
            self.rows += new.values()
            self.looked_at = -1e9 if new else began


class Listeners:
    """Who follows which run, and how many may at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._runs: dict[int, Broadcast] = {}
        self._good: dict[int, tuple[float, bool]] = {}  # tokens → when they were looked at, and whether they are good
        self._turn = anyio.Lock()

    @property
    def count(self) -> int:
        return sum(run.listeners for run in self._runs.values())

    def check(self) -> None:
        """Raises TooManyWaiting."""
        if self.count >= self._most:
            raise TooManyWaiting(f"{self._most} listeners already follow runs. Try again in a few seconds.")

    async def is_good(self, token: int, look: Callable[[], bool]) -> bool:
        """Whether the token is good yet: looked at every LOOK_SECONDS, however many listen with it."""
        async with self._turn:
            looked_at, good = self._good.get(token, (-1e9, False))
            if anyio.current_time() - looked_at >= LOOK_SECONDS:
                good = await run_sync(look)
                self._good[token] = anyio.current_time(), good
            return good

    async def pause(self) -> None:
        """Between two portions of rows: so many listeners at once leave time for everybody else."""
        await anyio.sleep(PAUSE * self.count)

    @contextmanager
    def place(self, run_id: int) -> Iterator[Broadcast]:
        """The run as all its listeners see it; forgotten when the last of them has gone. Raises TooManyWaiting."""
        self.check()
        run = self._runs.setdefault(run_id, Broadcast())
        run.listeners += 1
        try:
            yield run
        finally:
            run.listeners -= 1
            if not run.listeners:
                self._runs.pop(run_id, None)
            if not self._runs:
                self._good.clear()
