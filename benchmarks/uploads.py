"""Uploads to a served process over loopback: `python -m benchmarks.uploads [GIB]`.

1. Throughput against a bare endpoint that streams a body into a file and hashes it, under the same server, in turn.
2. One file of so many GiB, 10 by itself, with the server's memory while it comes; less where the disk has no room.
3. 1,000 small uploads, 100 in flight: each is accepted or told to come again, and none is lost.

The bodies are generated, so no disk is read; what is written lies in the temporary folder.
"""

import asyncio
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from benchmarks.timing import markdown

SERVE = [sys.executable, "-c", "from app.main import serve; from app.settings import Settings; serve(Settings())"]
MIB = 1 << 20
BLOCK = os.urandom(MIB)
COMPARED = 256  # MiB
ROUNDS = 5
SMALL, IN_FLIGHT = 1000, 100
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = 8 * MIB


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """What can be had: a body into a file, hashed, and on the disk before the answer."""
    if scope["type"] != "http":
        return
    digest, more = hashlib.sha256(), True
    with tempfile.TemporaryFile(dir=os.environ["BARE_FOLDER"], buffering=MIB) as file:
        while more:
            message = await receive()
            digest.update(message.get("body", b""))
            file.write(message.get("body", b""))
            more = message.get("more_body", False)
        file.flush()
        os.fsync(file.fileno())
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": digest.hexdigest().encode()})


def serve_bare() -> None:
    server = uvicorn.Server(uvicorn.Config(bare, port=0, log_level="warning", lifespan="off"))

    async def run() -> None:
        listening = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        print(f"bare at http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/", flush=True)
        await listening

    asyncio.run(run())


@contextmanager
def started(command: list[str], folder: Path, **more: str) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its address, and its id."""
    ours = {"EIGENSCOPE_DATA_DIR": str(folder), "EIGENSCOPE_PORT": "0", "EIGENSCOPE_DISK_RESERVE": "0", **more}
    with (folder.parent / "log").open("a") as log:
        process = subprocess.Popen(command, env={**os.environ, **ours}, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1].rstrip("/"), process.pid
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def body(mebibytes: int, salt: int) -> Iterator[bytes]:
    """So many MiB, which no other salt gives."""
    yield salt.to_bytes(8) + BLOCK[8:]
    for _ in range(mebibytes - 1):
        yield BLOCK


def put(url: str, mebibytes: int, salt: int) -> float:
    headers = {"Content-Length": str(mebibytes * MIB)}
    start = time.perf_counter()
    answer = httpx.put(url, content=body(mebibytes, salt), headers=headers, timeout=600)
    assert answer.status_code == 201, answer.text
    return time.perf_counter() - start


def tus(url: str, mebibytes: int, salt: int) -> float:
    """The same file in pieces of 8 MiB."""
    pieces = body(mebibytes, salt)
    start = time.perf_counter()
    with httpx.Client(base_url=url, timeout=600) as client:
        size = str(mebibytes * MIB)
        place = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": size}).headers["location"]
        for at in range(0, mebibytes * MIB, PIECE):
            piece = b"".join(next(pieces) for _ in range(PIECE // MIB))
            headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(at)}
            assert client.patch(place, content=piece, headers=headers).status_code == 204
    return time.perf_counter() - start


def throughput(ours: str, theirs: str) -> list[tuple[str, ...]]:
    ways: dict[str, Callable[[int], float]] = {
        "one PUT": lambda salt: put(f"{ours}/api/v1/checkpoints", COMPARED, salt),
        "tus, pieces of 8 MiB": lambda salt: tus(ours, COMPARED, salt),
    }
    times: dict[str, list[float]] = {name: [] for name in (*ways, "bare")}
    for salt in range(ROUNDS):
        times["bare"].append(put(f"{theirs}/", COMPARED, salt))
        for number, (name, way) in enumerate(ways.items()):
            times[name].append(way(10 * salt + number))
            with httpx.Client(base_url=ours, timeout=60) as client:
                for each in client.get("/api/v1/checkpoints").json():
                    client.delete(f"/api/v1/checkpoints/{each['id']}")
    best = statistics.median(times["bare"])
    rates = {name: statistics.median(taken) for name, taken in times.items()}
    return [
        (name, f"{COMPARED / rates[name]:.0f} MiB/s", f"{COMPARED / best:.0f} MiB/s", f"{best / rates[name]:.2f} ×")
        for name in ways
    ]


def resident(process: int) -> int:
    """Bytes of memory that the process has now (VmRSS)."""
    told = Path(f"/proc/{process}/status").read_text().partition("VmRSS:")[2].split()
    return int(told[0]) * 1024


class Memory(threading.Thread):
    """The most memory of its own that a process has had since the thread began, and what it had then."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process, self._ended = process, threading.Event()
        self.first = self.most = resident(process)

    def run(self) -> None:
        while not self._ended.wait(0.05):
            self.most = max(self.most, resident(self._process))

    def end(self) -> tuple[str, str]:
        self._ended.set()
        self.join()
        return f"{self.first / MIB:.0f} MiB", f"{self.most / MIB:.0f} MiB"


def large(url: str, process: int, gibibytes: int) -> tuple[str, ...]:
    memory = Memory(process)
    memory.start()
    seconds = put(f"{url}/api/v1/checkpoints", gibibytes * 1024, 99)
    return (f"{gibibytes} GiB in one PUT", f"{seconds:.0f} s", *memory.end())


async def small(url: str) -> dict[str, int]:
    """How many were accepted at once, told to come again, and are there in the end."""
    waiting, again = asyncio.Semaphore(IN_FLIGHT), 0
    limits = httpx.Limits(max_connections=IN_FLIGHT, keepalive_expiry=1)  # the server closes idle ones after 5 s
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits) as client:

        async def send(number: int) -> None:
            nonlocal again
            async with waiting:
                while True:
                    answer = await client.put(
                        "/api/v1/checkpoints",
                        params={"filename": f"{number}.bin"},
                        content=number.to_bytes(8) + BLOCK[:4096],
                    )
                    if answer.status_code in (200, 201):
                        return
                    assert answer.status_code in (429, 503), (answer.status_code, answer.text)
                    again += 1
                    await asyncio.sleep(float(answer.headers.get("retry-after", "0.1")))

        await asyncio.gather(*(send(number) for number in range(SMALL)))
        names = {each["name"] async for each in _all(client)}
    found = sum(f"{number}.bin" in names for number in range(SMALL))
    return {"sent": SMALL, "told to come again": again, "there in the end": found}


async def _all(client: httpx.AsyncClient) -> AsyncIterator[dict[str, str]]:
    for offset in range(0, 10 * SMALL, 500):
        page = (await client.get("/api/v1/checkpoints", params={"limit": 500, "offset": offset})).json()
        for each in page:
            yield each
        if not page:
            return


def main() -> None:
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        folder.mkdir()
        gibibytes = min(asked, int(0.8 * shutil.disk_usage(place).free / 2**30))
        with (
            started(
                [sys.executable, "-c", "from benchmarks.uploads import serve_bare; serve_bare()"],
                folder,
                BARE_FOLDER=place,
            ) as (theirs, _),
            started(SERVE, folder) as (ours, process),
        ):
            print(
                markdown((f"upload of {COMPARED} MiB", "Eigenscope", "bare", "ratio"), throughput(ours, theirs)),
                flush=True,
            )
            print(
                markdown(("one file", "took", "memory before", "most"), [large(ours, process, gibibytes)]), flush=True
            )
            start = time.perf_counter()
            counted = asyncio.run(small(ours))
            print(
                ", ".join(f"{count:,} {what}" for what, count in counted.items()),
                f"({time.perf_counter() - start:.0f} s)",
            )


if __name__ == "__main__":
    main()
