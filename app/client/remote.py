"""A service somewhere else, as the client and `eigenscope check --server` and `upload` ask it, within a time.

Files go by their digests, so that no bytes are sent twice. Every request that creates something carries an
Idempotency-Key, so that one whose answer was lost is sent again.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from analysis.errors import escape
from app.client.errors import BY_STATUS, Late, Refused, RemoteError, Unreachable

ATTEMPTS = 6
PAUSE = 0.3  # seconds before the second attempt; doubles: some nine in all, as long as a server takes to start again
BUSY = 429
CONNECT, SILENT = 10.0, 90.0  # seconds: a long poll is answered after 60
POLL = 60
BLOCK = 1 << 20


class Remote:
    """Talks to one service until the deadline."""

    def __init__(self, url: str, token: str | None, seconds: float) -> None:
        self.allow(seconds)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.address = url.rstrip("/").removesuffix("/api/v1")
        self._client = httpx.Client(base_url=f"{self.address}/api/v1", headers=headers, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def allow(self, seconds: float) -> None:
        """From now on, this many seconds."""
        self._deadline = time.monotonic() + seconds

    def close(self) -> None:
        self._client.close()

    def upload(self, files: Sequence[tuple[str, Path]], name: str) -> int:
        """The id of a checkpoint of these files. Those that the service has are not sent."""
        listed = [{"name": file_name, "sha256": self._store(file_name, path)} for file_name, path in files]
        headers, body = {"Idempotency-Key": str(uuid.uuid4())}, {"name": name, "files": listed}
        return self._id(lambda: self._client.post("/checkpoints", json=body, headers=headers, timeout=self._timeout()))

    def _store(self, name: str, path: Path) -> str:
        """The file's SHA-256; its bytes are streamed to the service where it does not have them."""
        state = hashlib.sha256()
        for block in _blocks(path):
            self._seconds_left()
            state.update(block)
        digest = state.hexdigest()
        if not self._has(digest):
            headers = {"Content-Length": str(path.stat().st_size)}
            query = {"filename": name.rpartition("/")[2]}
            self._json(
                lambda: self._client.put(
                    f"/blobs/{digest}", params=query, content=_blocks(path), headers=headers, timeout=self._timeout()
                )
            )
        return digest

    def _has(self, digest: str) -> bool:
        """Whether the service has these bytes. What goes wrong here is told by the request that sends them."""
        try:
            return self._client.head(f"/blobs/{digest}", timeout=self._timeout()).is_success
        except (httpx.TransportError, httpx.InvalidURL, UnicodeError):
            return False

    def get(self, path: str) -> dict[str, Any]:
        """The JSON at that place below /api/v1."""
        return self._json(lambda: self._client.get(path, timeout=self._timeout()))

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._json(lambda: self._client.patch(path, json=body, timeout=self._timeout()))

    def run(self, asked: Mapping[str, Any]) -> int:
        """The id of a run, with its verdict to come."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        try:
            return self._id(lambda: self._client.post("/runs", json=asked, headers=headers, timeout=self._timeout()))
        except RemoteError as error:
            if error.code == "not-found" and "baseline" in asked:  # the checkpoints are there: they were just sent
                raise Refused(error.code, str(error)) from None
            raise

    def judge(self, run: int, asked: Mapping[str, Any]) -> int:
        """The id of a verdict on a run."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        place = f"/runs/{run}/verdicts"
        return self._id(lambda: self._client.post(place, json=asked, headers=headers, timeout=self._timeout()))

    def verdict(self, run: int, number: int | None = None) -> dict[str, Any]:
        """A verdict on the run, the newest without a number, once it is made."""
        place = f"/runs/{run}/verdict" if number is None else f"/runs/{run}/verdicts/{number}"
        while (verdict := self._json(lambda: self._wait_for(place))).get("state") != "done":
            time.sleep(min(PAUSE, self._seconds_left()))
        return verdict

    def end_of(self, run: int) -> dict[str, Any]:
        """The run, once it has ended."""
        while (found := self._json(lambda: self._wait_for(f"/runs/{run}"))).get("state") in ("waiting", "running"):
            time.sleep(min(PAUSE, self._seconds_left()))
        return found

    def _wait_for(self, path: str) -> httpx.Response:
        wait = max(0.0, min(POLL, self._seconds_left() - 1.0))
        return self._client.get(path, params={"wait": wait}, timeout=self._timeout())

    def _id(self, send: Callable[[], httpx.Response]) -> int:
        identity = self._json(send).get("id")
        if not isinstance(identity, int):
            raise RemoteError("strange-answer", "the response has no id: is the server an Eigenscope service?")
        return identity

    def _json(self, send: Callable[[], httpx.Response]) -> dict[str, Any]:
        answer = self._answer(send)
        try:
            body = answer.json()
        except ValueError:
            body = None
        fields = body if isinstance(body, dict) else {}
        if answer.is_success and isinstance(body, dict):
            return fields
        code = str(fields.get("code", "strange-answer"))
        message = f"the server answered {answer.status_code}: {escape(fields.get('detail') or answer.reason_phrase)}"
        raise BY_STATUS.get(answer.status_code, RemoteError)(code, message)

    def _answer(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer to a request, which is tried again where the connection or the server gave way, or was busy."""
        pause = PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            wait = pause
            try:
                answer = send()
            except httpx.TransportError as error:
                self._seconds_left()
                if attempt == ATTEMPTS:
                    message = escape(error) or type(error).__name__
                    raise Unreachable("server-unreachable", f"{self._client.base_url.host}: {message}") from error
            except (httpx.InvalidURL, UnicodeError) as error:
                text = f"the server's address is not valid: {escape(error)}"
                raise Unreachable("server-unreachable", text) from error
            else:
                if (answer.status_code < 500 and answer.status_code != BUSY) or attempt == ATTEMPTS:
                    return answer
                wait = max(pause, _retry_after(answer))
            time.sleep(min(wait, self._seconds_left()))
            pause *= 2.0
        raise AssertionError("unreachable")

    def _seconds_left(self) -> float:
        """Seconds left. Raises Late."""
        seconds = self._deadline - time.monotonic()
        if seconds <= 0.0:
            raise Late
        return seconds

    def _timeout(self) -> httpx.Timeout:
        seconds = self._seconds_left()
        return httpx.Timeout(min(SILENT, seconds), connect=min(CONNECT, seconds))


def _retry_after(answer: httpx.Response) -> float:
    """The seconds of `Retry-After`; 0 where it states none."""
    header = answer.headers.get("Retry-After", "").strip()
    return float(header) if header.isascii() and header.isdigit() else 0.0


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
