"""Listeners to runs: how many there may be, and that one look serves all of a run."""

from collections.abc import Container

import anyio
import pytest

from app.errors import TooManyWaiting
from app.web import listeners as module
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


def test_a_token_is_looked_at_once_for_all_who_listen_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        return len(looks) == 1

    async def ask_all() -> list[bool]:
        listeners, found = Listeners(400), list[bool]()

        async def one() -> None:
            found.append(await listeners.is_good(7, look))

        with listeners.place(1):
            for _ in range(2):
                async with anyio.create_task_group() as group:
                    for _ in range(50):
                        group.start_soon(one)
                monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
            found.append(await listeners.is_good(7, look))
        assert listeners._good == {}
        return found

    found = anyio.run(ask_all)
    assert found[:50] == [True] * 50
    assert not any(found[50:])
    assert len(looks) == 52


def test_many_listeners_have_their_rows_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def pause() -> None:
        listeners = Listeners(400)
        with listeners.place(1):
            await listeners.pause()
            with listeners.place(1), listeners.place(2):
                await listeners.pause()

    monkeypatch.setattr(anyio, "sleep", sleep)
    anyio.run(pause)
    assert waits == [module.PAUSE, 3 * module.PAUSE]
