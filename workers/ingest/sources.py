"""Where sources lie: a folder, an object store, the hub. Each lists its files and reads them by ranges.

The libraries of the last two are an extra, `eigenscope[sources]`, and imported when they are asked for.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from app.settings import Settings
from app.uploads.sources import Address, Found, SourceFault

BLOCK = 8 << 20  # bytes of one request
LEFT_OUT = {"source-outside": "a link that leads out of the allowed folder", "source-missing": "it cannot be opened"}
REFUSED = frozenset({400, 401, 403, 404, 410, 416, 451})  # of the hub: asking again will not help


class Place(Protocol):
    """Something that files can be fetched from. Both raise SourceFault where asking again will not help."""

    def list(self) -> list[Found]:
        """The file of that address, or the files directly in that folder."""
        ...

    def read(self, file: Found, start: int) -> Iterator[bytes]:
        """Its bytes from there on, in blocks, as long as it is the version that was listed."""
        ...


def place(address: Address, settings: Settings) -> Place:
    match address.kind:
        case "folder":
            return Folder(Path(address.root), Path(address.path))
        case "store":
            return Store(address.root, address.path)
        case _:
            return Hub(address.root, address.path, settings.source_hub_endpoint)


class Folder:
    """A folder or file under an allowed root. What leaves the root by a symbolic link is refused when it is opened."""

    def __init__(self, root: Path, path: Path) -> None:
        self._root, self._path = root, path

    def list(self) -> "list[Found]":
        try:
            paths = sorted(self._path.iterdir()) if self._path.is_dir() else [self._path]
            _check_inside(self._root, self._path.resolve(strict=True), self._path)
            many = self._path.is_dir()
            return [self._find(path, many) for path in paths if path.is_file()]
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            raise SourceFault("source-missing", f"“{self._path}” does not exist, or cannot be read.") from None

    def _find(self, path: Path, many: bool) -> Found:
        """The file; of many, one that cannot be had is left out with the reason, and the rest is read."""
        try:
            with self._open(path) as descriptor:
                status = os.fstat(descriptor)
        except SourceFault as fault:
            if not many:
                raise
            return Found(path.name, str(path), 0, "", left_out=LEFT_OUT[fault.code])
        return Found(path.name, str(path), status.st_size, _version(status))

    def read(self, file: Found, start: int) -> Iterator[bytes]:
        with self._open(Path(file.key)) as descriptor:
            while start < file.bytes:
                block = os.pread(descriptor, BLOCK, start)
                if not block or _version(os.fstat(descriptor)) != file.version:
                    raise _change_fault(file)
                yield block
                start += len(block)

    @contextmanager
    def _open(self, path: Path) -> Iterator[int]:
        """The file, checked after it was opened, so that nothing can change in between."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise SourceFault("source-missing", f"“{path}” cannot be opened: {error.strerror}.") from None
        try:
            _check_inside(self._root, Path(f"/proc/self/fd/{descriptor}").resolve(), path)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise SourceFault("source-missing", f"“{path}” is not a file.")
            yield descriptor
        finally:
            os.close(descriptor)


def _check_inside(root: Path, real: Path, path: Path) -> None:
    if not real.is_relative_to(root.resolve()):
        raise SourceFault("source-outside", f"“{path}” leads outside the folder “{root}” by a symbolic link.")


def _version(status: os.stat_result) -> str:
    return f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"


class Store:
    """An object store. Its address and keys are the worker's environment: AWS_…, GOOGLE_…, AZURE_…."""

    def __init__(self, bucket: str, key: str) -> None:
        with _require_installed():
            import obstore
        self._library: Any = obstore
        self._key = key
        self._store = obstore.store.from_url(bucket)

    def list(self) -> "list[Found]":
        with self._faults(self._key):
            objects = self._library.list_with_delimiter(self._store, prefix=self._key or None)["objects"]
            return [_object(entry) for entry in objects or [self._library.head(self._store, self._key)]]

    def read(self, file: Found, start: int) -> Iterator[bytes]:
        while start < file.bytes:
            end = min(start + BLOCK, file.bytes)
            with self._faults(file.name):
                options = {"range": (start, end), "if_match": file.version}
                block = bytes(self._library.get(self._store, file.key, options=options).bytes())
            yield _check(file, block, end - start)
            start = end

    @contextmanager
    def _faults(self, what: str) -> Iterator[None]:
        errors = self._library.exceptions
        try:
            yield
        except FileNotFoundError:
            raise SourceFault("source-missing", f"“{what}” is not in the store.") from None
        except errors.PreconditionError:
            raise SourceFault("source-changed", f"“{what}” was replaced during the download. Try again.") from None
        except (errors.PermissionDeniedError, errors.UnauthenticatedError):
            raise SourceFault("source-refused", f"The store does not allow this service to read “{what}”.") from None
        except errors.BaseError as error:
            if "NoSuchBucket" in str(error):
                raise SourceFault("source-missing", "The store has no such bucket.") from None
            raise ConnectionError(str(error).partition("\n")[0]) from error


def _object(told: Any) -> Found:
    path, version = told["path"], told["e_tag"] or told["version"] or ""
    return Found(path.rpartition("/")[2], path, told["size"], version)


class Hub:
    """A model on the Hugging Face Hub, or on another one. Its revision is pinned to a commit when it is listed."""

    def __init__(self, repo: str, revision: str, endpoint: str | None) -> None:
        with _require_installed():
            import huggingface_hub
        self._repo, self._revision = repo, revision
        self._api = huggingface_hub.HfApi(endpoint=endpoint)
        self._files = huggingface_hub.HfFileSystem(endpoint=endpoint, skip_instance_cache=True)

    def list(self) -> "list[Found]":
        with _translate_refusal(f"{self._repo}@{self._revision}"):
            info = self._api.model_info(self._repo, revision=self._revision, files_metadata=True)
        return [
            Found(
                name=sibling.rfilename,
                key=f"{self._repo}@{info.sha}/{sibling.rfilename}",
                bytes=sibling.size or 0,
                version=info.sha or "",
                sha256=sibling.lfs.sha256 if sibling.lfs else None,
            )
            for sibling in info.siblings or []
            if "/" not in sibling.rfilename
        ]

    def read(self, file: Found, start: int) -> Iterator[bytes]:
        with (
            _translate_refusal(file.name),
            self._files.open(file.key, "rb", block_size=BLOCK, cache_type="none") as stream,
        ):
            while start < file.bytes:
                end = min(start + BLOCK, file.bytes)
                stream.seek(start)
                yield _check(file, stream.read(end - start), end - start)
                start = end


@contextmanager
def _translate_refusal(what: str) -> Iterator[None]:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except FileNotFoundError:
        raise SourceFault("source-missing", f"The hub has no “{what}”.") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status not in REFUSED:
            raise
        code = "source-missing" if status in (404, 410) else "source-refused"
        raise SourceFault(
            code, f"The hub answers {status} for “{what}”: it does not exist, or this service has no access to it."
        ) from None


def _check(file: Found, block: bytes, size: int) -> bytes:
    if len(block) != size:
        raise _change_fault(file)
    return block


def _change_fault(file: Found) -> SourceFault:
    return SourceFault("source-changed", f"“{file.name}” changed during the download. Try again.")


@contextmanager
def _require_installed() -> Iterator[None]:
    try:
        yield
    except ImportError:
        raise SourceFault("source-unavailable", "Reading it needs `pip install 'eigenscope[sources]'`.") from None
