"""A few threads for each kind of short work."""

import threading

import anyio

from app.web.lanes import LANE, run_in_lane


def test_a_kind_has_a_few_threads_and_holds_up_no_other() -> None:
    running, most, free = 0, 0, threading.Event()

    def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        free.wait(10)
        running -= 1

    async def ask() -> int:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(run_in_lane, "uploads", work)
            other = await run_in_lane("looks", lambda: 7)
            free.set()
        return other

    assert anyio.run(ask) == 7
    assert most <= LANE


def test_what_the_call_raises_is_raised() -> None:
    async def ask() -> None:
        try:
            await run_in_lane("looks", lambda: [][0])
        except IndexError:
            return
        raise AssertionError

    anyio.run(ask)
