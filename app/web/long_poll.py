"""Long polls: a request that waits for the end of a run costs a timer, no thread and no connection to the database."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request

from app.errors import TooManyWaiting
from app.runs.ends import Ends

LONGEST = 60.0  # seconds
FIRST_LOOK, LAST_LOOK = 0.1, 1.0  # seconds between two looks at the rows
T = TypeVar("T")

Seconds = Annotated[
    float, Query(ge=0, le=LONGEST, description="Wait until the run ends, at most this many seconds.", examples=[60])
]


class Waiting:
    """How many wait, and how many may."""

    def __init__(self, most: int) -> None:
        self._most, self.count = most, 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises TooManyWaiting."""
        if self.count >= self._most:
            raise TooManyWaiting(f"{self._most} requests already wait for a run. Try again in a few seconds.")
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


def get_waiting(request: Request) -> Waiting:
    waiting: Waiting = request.app.state.waiting
    return waiting


WaitingOf = Annotated[Waiting, Depends(get_waiting)]


async def wait_until(
    request: Request,
    waiting: Waiting,
    seconds: float,
    look: Callable[[], T],
    over: Callable[[T], bool],
    run_id: int | None = None,
) -> T:
    """What `look` sees, once it is over, the time is up, or whoever asked has gone.

    Of a run it is told of the end, and looks at once; beside that it looks now and then.
    """
    result = await run_sync(look)
    if seconds <= 0.0 or over(result):
        return result
    with waiting.place(), bell(request, run_id) as rung:
        deadline, pause = anyio.current_time() + seconds, FIRST_LOOK
        while not over(result) and (seconds_left := deadline - anyio.current_time()) > 0.0:
            if await request.is_disconnected():
                break
            with anyio.move_on_after(min(pause, seconds_left)):
                await rung.wait()
                rung.clear()
            pause = min(2.0 * pause, LAST_LOOK)
            result = await run_sync(look)
    return result


@contextmanager
def bell(request: Request, run_id: int | None) -> Iterator[asyncio.Event]:
    """An event that is set when the run ends; never where there is none."""
    rung, loop = asyncio.Event(), asyncio.get_running_loop()

    def ring() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(rung.set)

    if run_id is None:
        yield rung
        return
    ends: Ends = request.app.state.ends
    with ends.expected(run_id, ring):
        yield rung
