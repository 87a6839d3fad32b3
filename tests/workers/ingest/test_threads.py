"""Ingests beside each other: one that takes long holds up neither the next nor the end of the process."""

from threading import Event

import pytest

from workers.ingest.threads import IngestThreads


def test_an_ingest_that_is_soon_done_is_waited_for() -> None:
    done: list[int] = []
    threads = IngestThreads(patience=60.0)
    threads.run(1, lambda stop: done.append(1))
    assert done == [1]
    assert threads._threads == {}


def test_one_that_takes_long_does_not_hold_up_the_next() -> None:
    threads, free, done = IngestThreads(patience=0.05), Event(), list[str]()

    def hang(stop: Event) -> None:
        free.wait(60)
        done.append("long")

    threads.run(1, hang)
    threads.run(2, lambda stop: done.append("short"))
    assert done == ["short"]
    (thread,) = threads._threads
    free.set()
    thread.join(60)
    assert done == ["short", "long"]


def test_where_as_many_as_there_may_be_are_under_way_the_next_is_put_aside() -> None:
    """The process goes on meanwhile: four slow downloads and a fifth hold up no analysis."""
    threads, free, done = IngestThreads(at_once=2, patience=0.01), Event(), list[str]()
    for number in range(2):
        threads.run(number, lambda stop: done.append("long") if free.wait(60) else None)
    for _ in range(2):  # as its message comes again while it waits
        threads.run(2, lambda stop: done.append("aside"))
    assert done == []
    under_way = list(threads._threads)
    free.set()
    for thread in under_way:
        thread.join(60)
    assert done.count("long") == 2
    assert done.count("aside") == 1
    assert (threads._free, threads._threads) == (2, {})


def test_what_was_put_aside_does_not_begin_after_the_end() -> None:
    threads, done = IngestThreads(at_once=1, patience=0.01), list[int]()
    threads.run(0, lambda stop: None if stop.wait(60) else done.append(0))
    threads.run(1, lambda stop: done.append(1))
    threads.stop()
    assert done == []


def test_those_that_are_told_to_stop_have_a_moment_to_give_back_what_they_hold() -> None:
    threads, given_back = IngestThreads(patience=0.01), list[int]()

    def hang(stop: Event) -> None:
        stop.wait(60)
        given_back.append(1)
        raise SystemExit

    for number in range(3):
        threads.run(number, hang)
    threads.stop()
    assert given_back == [1, 1, 1]
    assert threads._threads == {}


def test_an_ingest_that_fails_makes_room_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    threads = IngestThreads(at_once=1, patience=60.0)
    for _ in range(2):
        threads.run(1, lambda stop: [][0])
    assert [record.getMessage() for record in caplog.records] == ["an ingest ended; the sweeper offers it again"] * 2
