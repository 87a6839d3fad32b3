"""Connections over a real socket: their headers are bounded in size and time, and there are only so many."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from app.web import connections
from app.web.connections import LARGEST_HEADERS, BoundedProtocol
from tests.ports import free_port

REQUEST = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)
    number = free_port()
    server = uvicorn.Server(
        uvicorn.Config(answer, host="127.0.0.1", port=number, http=BoundedProtocol, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    yield number
    server.should_exit = True
    thread.join()


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
    assert sum(_is_closed(each) for each in silent) >= 40
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
