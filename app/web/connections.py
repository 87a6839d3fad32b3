"""What one connection may cost: the size of its headers, the time until they are complete, and how many there are.

uvicorn's protocol sets no bound to any of the three: before a request is complete nothing else sees it.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEADERS = 64 << 10  # bytes, the request line with them
HEADER_SECONDS = 15.0  # from the first byte, or the opening of the connection, to the end of the headers
MOST_CONNECTIONS = 900  # at once: below the 1,024 files that a process may open on most systems


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with these bounds: 431 for larger headers, an end to slower ones.

    Where there are too many connections, the one that has waited longest without a request makes room; where none
    waits, the new one is closed.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_bytes, self._awaited = 0, True
        self._deadline: Any = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [each for each in self.connections if isinstance(each, BoundedProtocol) and each.is_idle()]
            min(waiting, key=lambda each: each.opened_at, default=self).transport.abort()
        self.opened_at = self.loop.time()
        self._start_clock()

    def is_idle(self) -> bool:
        """Whether no request is under way on this connection that has been open for a while."""
        return hasattr(self, "opened_at") and self._awaited and (self.cycle is None or self.cycle.response_complete)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._awaited:
            self._start_clock()
            self._header_bytes += len(data)
        super().data_received(data)
        if self._awaited and self._header_bytes > LARGEST_HEADERS:
            self._refuse()

    def on_headers_complete(self) -> None:
        self._stop_clock()
        self._awaited = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > LARGEST_HEADERS:
            self._refuse()
        elif not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaited, self._header_bytes = True, 0
        if not self.transport.is_closing():
            super().on_message_complete()

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
