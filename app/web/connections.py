"""What one connection may cost: the size of its headers, how long it may keep us waiting, and how many there are.

uvicorn's protocol sets no bound to any of the three: before a request is complete nothing else sees it, and an answer
that nobody reads waits without end.
"""

import fcntl
import resource
import struct
import termios
from heapq import nsmallest
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LARGEST_HEADERS = 64 << 10  # bytes, the request line with them
LARGEST_EXTRA = 512 << 10  # bytes that are no body, after the headers; the server reads 256 KiB at once
HEADER_SECONDS = 15.0  # from the first byte, or the opening of the connection, to the end of the headers
UNREAD_SECONDS = 30.0  # in which a reader takes nothing of an answer that is ready
MOST_CONNECTIONS = 900  # at once; for a moment, twice as many
ROOM_SECONDS = 0.25  # that moment: what has come is read first, and whoever comes again and again costs less
MOST_BODIES = 100  # uploads under way at once
SILENT_SECONDS = 5.0  # after which an upload makes room for another
CONNECTION = "eigenscope.connection"  # in a request's scope: its BoundedProtocol
FILES = 4096  # that the process may have open: connections, and three for each of the database's
FOUND_AT_ONCE = 200  # connections that have kept us waiting longest
MOST_REQUESTS = 20  # on one connection before the first of them is answered

_oldest: WeakKeyDictionary[ServerState, list[tuple["BoundedProtocol", float]]] = WeakKeyDictionary()
_due: WeakSet[ServerState] = WeakSet()  # where `_make_room` is due in a moment
_bodies: WeakKeyDictionary[ServerState, set["BoundedProtocol"]] = WeakKeyDictionary()  # uploads under way


def allow_files() -> None:
    """Raises this process's limit of open files, on most systems 1,024, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _ceiling() -> int:
    """How many connections there may be for a moment: fewer where the process may open few files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(MOST_CONNECTIONS, min(2 * MOST_CONNECTIONS, files // 2))


def _end_oldest(state: ServerState) -> bool:
    """Ends the connection that has kept us waiting longest, if one has.

    A look at all of them finds several, in their order: where many come again and again, not each costs a look.
    """
    oldest = _oldest.setdefault(state, [])
    for _ in range(2):
        while oldest:
            each, moved_at = oldest.pop()
            if each.moved_at == moved_at and each.keeps_waiting() and not each.has_unread():
                each.transport.abort()
                return True
        others = [each for each in state.connections if isinstance(each, BoundedProtocol)]
        waiting = [each for each in others if each.keeps_waiting()]
        found = nsmallest(FOUND_AT_ONCE, waiting, key=lambda each: each.moved_at)
        oldest += [(each, each.moved_at) for each in reversed(found)]
    return False


def _make_room(state: ServerState) -> None:
    """Ends those that have kept us waiting longest, as many as there are too many."""
    _due.discard(state)
    for _ in range(len(state.connections) - MOST_CONNECTIONS):
        if not _end_oldest(state):
            break


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with these bounds: 431 for larger headers, an end to slower senders and readers.

    Where there are too many connections, those that have kept us waiting longest make room; at twice as many, a new one
    is closed where none does.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_bytes, self._awaited = 0, True
        self._extra_bytes = 0  # of chunks' extensions and trailers, since the last of the body
        self._deadline: Any = None
        self._unread: Any = None
        self.moved_at = 0.0  # when the other side last sent or took something

    def connection_made(self, transport: Any) -> None:
        self.moved_at = self.loop.time()
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._ask_for_room()
        self._start_clock()

    def _ask_for_room(self) -> None:
        state = self.server_state
        if len(self.connections) > _ceiling():
            if not _end_oldest(state):
                self.transport.abort()
        elif state not in _due:
            _due.add(state)
            self.loop.call_later(ROOM_SECONDS, _make_room, state)

    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._awaited and (self.cycle is None or self.cycle.response_complete)

    def keeps_waiting(self) -> bool:
        """Whether it is the other side's turn: to send headers or the rest of a body, or to take an answer."""
        if self.transport.is_closing():
            return False
        if self.cycle is None or self.cycle.response_complete or self.flow.write_paused:
            return True
        return not self._awaited and not self.flow.read_paused

    def has_unread(self) -> bool:
        """Whether something has come that we did not read yet: then it does not keep us waiting after all."""
        sock = self.transport.get_extra_info("socket")
        return bool(struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.FIONREAD, b"\0" * 4))[0])

    def takes_body(self) -> bool:
        """Whether there is room for the body of the request under way, beside other uploads; until `end_body`.

        It needs none where all of it is here. One that has sent nothing for SILENT_SECONDS is ended, so that there is
        room a little later. Raises ClientDisconnect where the connection has ended.
        """
        if self.transport.is_closing():
            raise ClientDisconnect
        bodies = _bodies.setdefault(self.server_state, set())
        if self._awaited or self in bodies:
            return True
        if len(bodies) >= MOST_BODIES:
            oldest = min(bodies, key=lambda each: each.moved_at)
            is_silent = oldest.keeps_waiting() and self.loop.time() - oldest.moved_at > SILENT_SECONDS
            if is_silent and not oldest.has_unread():
                oldest.transport.abort()
            return False
        bodies.add(self)
        return True

    def end_body(self) -> None:
        """The upload is here, or who was busy with it is no longer: there is room for another."""
        _bodies.get(self.server_state, set()).discard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)
        self._stop_watch()

    def data_received(self, data: bytes) -> None:
        self.moved_at = self.loop.time()
        if self._awaited:
            self._start_clock()
            self._header_bytes += len(data)
        self._extra_bytes += len(data)
        timer = self._take_timer() if self._is_answered() else None
        super().data_received(data)
        if timer is not None and self._is_answered():
            self.timeout_keep_alive_task = timer
        elif timer is not None:
            timer.cancel()
            self._start_clock() if self.is_idle() else None
        if self._awaited and self._header_bytes > LARGEST_HEADERS:
            self._refuse()
        elif not self._awaited and self._extra_bytes > LARGEST_EXTRA:
            self.transport.abort()

    def _is_answered(self) -> bool:
        """Whether the rest of a body comes after its answer: that does not prolong the time until the next request."""
        return not self._awaited and self.cycle is not None and self.cycle.response_complete

    def _take_timer(self) -> Any:
        timer, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        return timer

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._awaited:  # not a trailer: nobody reads those
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_clock()
        self._awaited = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > LARGEST_HEADERS:
            self._refuse()
        elif len(self.pipeline) >= MOST_REQUESTS:
            self.transport.abort()
        elif not self.transport.is_closing():
            self.scope[CONNECTION] = self  # type: ignore[literal-required]
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._extra_bytes = 0
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaited, self._header_bytes, self._extra_bytes = True, 0, 0
        self.end_body()
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self.moved_at = self.loop.time()
        super().resume_writing()
        self._watch()

    def _watch(self) -> None:
        """Looks later whether the other side takes what is ready for it."""
        self._stop_watch()
        if size := self.transport.get_write_buffer_size():
            self._unread = self.loop.call_later(UNREAD_SECONDS, self._check_reader, size)

    def _check_reader(self, before: int) -> None:
        """Ends the connection where nothing was taken since the last look."""
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self.moved_at = self.loop.time()
            self._watch()

    def _stop_watch(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _start_clock(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_SECONDS, self._end)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self) -> None:
        self._deadline = None
        if self.is_idle() and not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            text = b"The headers are larger than 65,536 bytes.\n"
            self.transport.write(
                b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"connection: close\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text)
            )
            self.transport.close()
