"""Connections over a real socket: their headers are bounded in size and time, and there are only so many."""

import asyncio
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from app.web import connections
from app.web.connections import CONNECTION, LARGEST_HEADERS, BoundedProtocol
from tests.listening import listening

REQUEST = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/upload" and not scope[CONNECTION].takes_body():
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["path"] != "/early":
        while (await receive()).get("more_body"):
            pass
    scope[CONNECTION].end_body()
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    if scope["path"] == "/blocked":
        time.sleep(0.8)  # nothing else of the server goes on
    body = bytes(16 << 20) if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)
    monkeypatch.setattr(connections, "UNREAD_SECONDS", 0.3)
    monkeypatch.setattr(connections, "ROOM_SECONDS", 0.1)
    monkeypatch.setattr(connections, "MOST_BODIES", 3)
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.6)
    with listening(answer, http=BoundedProtocol, timeout_keep_alive=1, timeout_graceful_shutdown=1) as number:
        yield number


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def read_all(sock: socket.socket) -> bytes:
    """What comes until the other side closes."""
    data = b""
    with sock:
        while block := sock.recv(65536):
            data += block
    return data


@pytest.mark.parametrize("value", [b"x" * (LARGEST_HEADERS + 1), b"x\r\nb: " * (LARGEST_HEADERS // 5)])
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""])
def test_headers_that_are_too_large_are_refused(port: int, value: bytes, end: bytes) -> None:
    sock = connect(port)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\na: " + value + end)
    assert read_all(sock).startswith(b"HTTP/1.1 431 ")


def test_large_headers_within_the_bound_are_read(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\na: " + b"x" * (LARGEST_HEADERS - 200) + b"\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("start", [b"", b"GE", b"GET / HTTP/1.1\r\nHost: x\r\na: "])
def test_a_silent_connection_is_closed(port: int, start: bytes) -> None:
    sock = connect(port)
    sock.sendall(start)
    assert read_all(sock) == b""


def test_headers_that_trickle_are_cut_off(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\na: ")
        with pytest.raises((ConnectionError, BrokenPipeError)):
            trickle(sock)


def trickle(sock: socket.socket) -> None:
    """A byte now and then, for far longer than the bound."""
    for _ in range(10_000):
        sock.sendall(b"x")
        threading.Event().wait(0.02)


def test_an_answer_may_take_longer_than_headers_may(port: int) -> None:
    with connect(port) as sock:
        for path in (b"slow", b"quick", b"slow"):
            sock.sendall(REQUEST % path)
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_those_that_only_wait_make_room(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 60.0)
    silent = [connect(port) for _ in range(60)]
    with connect(port) as sock:
        sock.sendall(REQUEST % b"quick")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        threading.Event().wait(0.4)
        assert sum(_is_closed(each) for each in silent) == 41
    for each in silent:
        each.close()


def test_making_room_does_not_look_at_all_each_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six hundred that are turned away and come again would keep the server busy with nothing else."""
    count, ask = itertools.count(), BoundedProtocol.keeps_waiting
    monkeypatch.setattr(BoundedProtocol, "keeps_waiting", lambda self: bool(next(count) + 1) and ask(self))
    silent = [connect(port) for _ in range(80)]
    with connect(port) as sock:
        sock.sendall(REQUEST % b"quick")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert 60 <= next(count) <= 300  # 1,200 and more with a look for each
    for each in silent:
        each.close()


def _is_closed(sock: socket.socket) -> bool:
    sock.settimeout(0.05)
    try:
        return sock.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


BODY = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


def test_half_bodies_make_room_too(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many requests whose bodies do not come that there are no connections left: the next reader is answered."""
    half = [connect(port) for _ in range(20)]
    for each in half:
        each.sendall(BODY % b"quick")
    threading.Event().wait(0.1)
    with connect(port) as sock:
        sock.sendall(REQUEST % b"quick")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        threading.Event().wait(0.4)
        assert sum(_is_closed(each) for each in half) == 1
    for each in half:
        each.close()


def test_who_came_with_a_request_makes_no_room_for_others_before_it_is_read(port: int) -> None:
    """While nothing is read, a flood of connections comes behind it: all look as if they kept the server waiting."""
    with connect(port) as first, connect(port) as sock:
        first.sendall(REQUEST % b"blocked")
        threading.Event().wait(0.2)
        sock.sendall(REQUEST % b"quick")
        silent = [connect(port) for _ in range(60)]
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    for each in silent:
        each.close()


START, REST = b"abc", bytes(100_000 - 3)


def send_half(port: int) -> socket.socket:
    sock = connect(port)
    sock.sendall(BODY % b"upload" + START)
    threading.Event().wait(0.05)
    return sock


def test_only_so_many_uploads_are_under_way(port: int) -> None:
    half = [send_half(port) for _ in range(3)]
    with connect(port) as sock:
        sock.sendall(BODY % b"upload" + START)
        assert sock.recv(1000).startswith(b"HTTP/1.1 503 ")
    with connect(port) as sock:  # one that is here as a whole needs no room
        sock.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    half[0].sendall(REST)
    assert half[0].recv(1000).startswith(b"HTTP/1.1 200 ")
    with send_half(port) as sock:  # in the place of the one that has ended
        sock.sendall(REST)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    for each in half:
        each.close()


def test_a_silent_upload_makes_room_for_another(port: int) -> None:
    half = [send_half(port) for _ in range(3)]
    threading.Event().wait(0.7)
    half[0].sendall(b"abc")
    threading.Event().wait(0.1)
    with send_half(port) as sock:
        assert sock.recv(1000).startswith(b"HTTP/1.1 503 ")
    with send_half(port) as sock:
        sock.sendall(REST)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert [_is_closed(each) for each in half] == [False, True, False]
    for each in half:
        each.close()


def test_requests_under_way_are_not_given_up_for_new_ones(port: int) -> None:
    busy = [connect(port) for _ in range(20)]
    for each in busy:
        each.sendall(REQUEST % b"slow")
    threading.Event().wait(0.1)
    assert read_all(connect(port)) == b""
    assert all(each.recv(1000).startswith(b"HTTP/1.1 200 ") for each in busy)
    for each in busy:
        each.close()


def test_a_body_that_comes_after_its_answer_does_not_hold_the_connection(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(BODY % b"early")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        with pytest.raises((ConnectionError, BrokenPipeError)):
            trickle(sock)


def test_a_body_that_ends_after_its_answer_leaves_the_connection_usable(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(BODY % b"early")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
        sock.sendall(bytes(100_000))
        sock.sendall(REQUEST % b"slow")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_nobody_reads_is_given_up(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(REQUEST % b"large")
        threading.Event().wait(1.5)
        with suppress(ConnectionError):
            assert len(read_all(sock)) < 16 << 20


def test_an_answer_that_is_read_slowly_comes_whole(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(REQUEST % b"large")
        size = 0
        while size < 16 << 20:
            size += len(sock.recv(1 << 20))
            threading.Event().wait(0.05)


def test_requests_far_ahead_of_their_answers_end_the_connection(port: int) -> None:
    with connect(port) as sock:
        sock.sendall(REQUEST % b"slow" * 15)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
    with connect(port) as sock, suppress(ConnectionError):
        sock.sendall(REQUEST % b"slow" * 5000)
        while block := sock.recv(1000):
            pytest.fail(f"it is answered: {block[:20]!r}")


def test_a_service_may_open_more_files_than_most_systems_allow_at_first() -> None:
    code = (
        "import resource\nfrom app.web.connections import allow_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 2000))\nallow_files()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "(2000, 2000)\n"


CHUNKED = b"POST /quick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


@pytest.mark.parametrize(
    "endless", [b"0\r\n" + b"a: b\r\n" * 400_000, b"0\r\na: " + b"x" * 2_000_000, b"3;" + b"x" * 2_000_000]
)
def test_trailers_and_extensions_without_end_are_cut_off(port: int, endless: bytes) -> None:
    with connect(port) as sock:
        answer = b""
        with suppress(ConnectionError):
            sock.sendall(CHUNKED + endless)
            answer = sock.recv(1000)
    assert answer == b""


def test_a_body_in_chunks_with_a_trailer_is_read(port: int) -> None:
    with connect(port) as sock:
        for _ in range(2):
            sock.sendall(CHUNKED + b"3;why=not\r\nabc\r\n0\r\nDigest: x\r\n\r\n")
            assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")
