"""Uploads: a request's body streamed into storage, hashed on the way, never held in memory and never in /tmp."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from anyio import fail_after
from anyio.to_thread import run_sync
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadUpload, TooLarge, UploadStalled
from app.settings import Settings
from app.storage.blobs import Incoming, Storage

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

WRITTEN_AT_ONCE = 1 << 20  # bytes gathered before a thread writes them
LONGEST_FIELD = 4096  # bytes of a form field that is no file
MOST_FIELDS = 100

Stream = AsyncIterator[bytes]


@dataclass
class Upload:
    """What a request brought: finished files by name, and the form's other fields."""

    files: list[tuple[str, Incoming]] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(incoming.bytes for _, incoming in self.files)


class Blocks:
    """What comes in chunks of any size, written in blocks and in a thread."""

    def __init__(self, write: Callable[[bytes], None], room: Callable[[int], None]) -> None:
        self._write, self._room = write, room
        self._block = bytearray()

    async def write(self, data: bytes) -> None:
        self._block += data
        if len(self._block) >= WRITTEN_AT_ONCE:
            await self.flush()

    async def flush(self) -> None:
        block, self._block = bytes(self._block), bytearray()
        if block:
            await run_sync(self._store, block)

    def _store(self, block: bytes) -> None:
        self._room(len(block))  # again, for bodies that do not say their length
        self._write(block)


class _Target:
    """A file that grows by blocks."""

    def __init__(self, incoming: Incoming, room: Callable[[int], None]) -> None:
        self._incoming, self._blocks = incoming, Blocks(incoming.write, room)
        self.write = self._blocks.write

    async def finish(self) -> None:
        await self._blocks.flush()
        await run_sync(self._incoming.finish)


@asynccontextmanager
async def receive_upload(
    stream: Stream, storage: Storage, settings: Settings, *, content_type: str, length: int | None, filename: str | None
) -> AsyncIterator[Upload]:
    """The upload, complete and on the disk. Whatever the block has not moved to its place is gone afterwards.

    A multipart form brings its files in parts; any other body is one file, whatever its type says.
    """
    room = partial(storage.require, reserve=settings.disk_reserve)
    if length is not None:
        check_limit(length, settings)
        await run_sync(room, length)
    upload = Upload()
    kind, parameters = parse_options_header(content_type)
    async with AsyncExitStack() as stack:

        async def open_target(name: str) -> _Target:
            if len(upload.files) >= settings.upload_files:
                raise BadUpload(f"The upload has more than {settings.upload_files} files.")
            incoming = await run_sync(storage.receive)
            stack.push_async_callback(run_sync, incoming.discard)
            upload.files.append((name, incoming))
            return _Target(incoming, room)

        body = limit_stream(stream, settings.upload_limit)
        if kind == b"multipart/form-data":
            await _Form(upload, open_target, parameters.get(b"boundary", b"")).read(body)
        else:
            await _one_file(body, await open_target(filename or "unnamed"))
        if not upload.files:
            raise BadUpload("The form contains no file: send one or more in the field “files”.")
        yield upload


def check_limit(size: int, settings: Settings) -> None:
    if size > settings.upload_limit:
        raise TooLarge(f"The upload is larger than the {settings.upload_limit:,} bytes that one upload may have.")


async def limit_stream(stream: Stream, most: int) -> Stream:
    """The stream while it has no more than so many bytes. Raises TooLarge."""
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > most:
            raise TooLarge(f"The upload is larger than the {most:,} bytes that are allowed here.")
        yield chunk


async def lively(stream: Stream, seconds: float) -> Stream:
    """The stream while it is never silent for so long. Raises UploadStalled."""
    chunks = aiter(stream)
    while True:
        try:
            with fail_after(seconds):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UploadStalled(
                f"No data arrived for {seconds:g} seconds. The bytes received before are stored."
            ) from None
        yield chunk


async def _one_file(stream: Stream, target: _Target) -> None:
    async for chunk in stream:
        await target.write(chunk)
    await target.finish()


class _Form:
    """A multipart form, parsed as it comes. The parser's callbacks note what happens; `read` then does it."""

    def __init__(self, upload: Upload, opened: Callable[[str], Awaitable[_Target]], boundary: bytes) -> None:
        self._upload, self._opened = upload, opened
        self._events: list[tuple[str, bytes]] = []
        self._headers: dict[bytes, bytes] = {}
        self._header, self._value = bytearray(), bytearray()
        self._target: _Target | None = None
        self._field, self._text, self._fields = "", bytearray(), 0
        self._ended = False
        if not boundary:
            raise BadUpload("The form's Content-Type has no boundary.")
        callbacks: "MultipartCallbacks" = {
            "on_part_begin": self._headers.clear,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": lambda: self._events.append(("end", b"")),
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise BadUpload(f"The form cannot be read: {error}") from error

    async def read(self, stream: Stream) -> None:
        async for chunk in stream:
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise BadUpload(f"The form cannot be read: {error}") from error
            events, self._events = self._events, []
            for event, data in events:
                await self._handle(event, data)
        if not self._ended:
            raise BadUpload("The form is truncated.")

    async def _handle(self, event: str, data: bytes) -> None:
        match event:
            case "file":
                self._target = await self._opened(data.decode("utf-8", "replace"))
            case "field":
                self._field, self._text = data.decode("utf-8", "replace"), bytearray()
                self._fields += 1
                if self._fields > MOST_FIELDS:
                    raise BadUpload(f"The form has more than {MOST_FIELDS} fields.")
            case "data" if self._target is not None:
                await self._target.write(data)
            case "data":
                self._text += data
                if len(self._text) > LONGEST_FIELD:
                    raise BadUpload(f"The form has a field of more than {LONGEST_FIELD} bytes.")
            case "end" if self._target is not None:
                await self._target.finish()
                self._target = None
            case _:
                self._upload.fields[self._field] = self._text.decode("utf-8", "replace")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if options.get(b"filename"):  # a form sent with no file chosen has an empty one
            self._events.append(("file", options[b"filename"]))
        else:
            self._events.append(("field", options.get(b"name", b"")))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(("data", data[start:end]))

    def _on_end(self) -> None:
        self._ended = True


def file_name(query: str | None, disposition: str | None) -> str | None:
    """A raw body's file name: as the query says, or else a Content-Disposition header."""
    if query or not disposition:
        return query or None
    _, options = parse_options_header(disposition)
    name = options.get(b"filename")
    return unquote(name.decode("utf-8", "replace")) if name else None
