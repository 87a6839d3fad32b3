"""Listeners to runs: how many there may be, and that one look serves all of a run."""

from collections.abc import Container

import anyio
import pytest

from app.errors import TooManyWaiting
from app.web.listeners import Listeners


def test_more_than_may_are_told_so() -> None:
    listeners = Listeners(1)
    with listeners.place(1):
        with pytest.raises(TooManyWaiting, match="1 listeners already follow runs"):
            listeners.check()
        with pytest.raises(TooManyWaiting), listeners.place(2):
            raise AssertionError
    assert listeners.count == 0


def test_one_look_serves_all_listeners_of_a_run() -> None:
    looks = []

    def look(heard: Container[int]) -> tuple[str, dict[int, str]]:
        looks.append(1)
        return "running", {} if 7 in heard else {7: "row"}

    async def listen(listeners: Listeners) -> list[str]:
        with listeners.place(1) as broadcast:
            for _ in range(3):
                await broadcast.refresh(look)
            return list(broadcast.rows)

    async def all_of_them() -> None:
        listeners, found = Listeners(400), []

        async def one() -> None:
            found.append(await listen(listeners))

        async with anyio.create_task_group() as group:
            for _ in range(400):
                group.start_soon(one)
        assert found == [["row"]] * 400
        assert listeners.count == 0

    anyio.run(all_of_them)
    assert len(looks) < 20  # one with the row, one without, and again only where all had gone in between
