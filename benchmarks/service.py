"""200 readers of one report of 1,000 layers while an analysis runs: `python -m benchmarks.service`.

`--only page` (or report, or figure) takes half a minute: that alone, each reader asking again at once.

The report's rows are made from those of a small analysed run, and put into the tables as a worker would have left them.
`eigenscope serve` runs as a process of its own, with its worker busy; the readers are a third process, which sends each
request as soon as the one before is answered (or after a pause, where one is told), each on a connection of its own.
Every answer is read in full and its status checked. Asked: no error, 95 % of the answers within 0.5 s.
"""

import asyncio
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch
from safetensors.torch import save_file

from analysis.weight import WeightInfo
from app import models
from app.access import projects
from app.db import Database
from app.runs.reports import weight_digest
from app.settings import Settings
from benchmarks.timing import markdown
from docs.browser import serve

LAYERS, SIDE = 1000, 384
READERS = 200
SECONDS = 8.0  # of each measurement
PATIENCE = 60.0  # seconds after which an answer counts as none
ROOT = Path(__file__).parents[1]
ROLES = ("q", "k", "v", "o", "up", "down", "gate", "up", "down", "gate")
PART = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj"}
TIMES = ("created_at", "started_at", "finished_at")
COPIED = ("state", "diagnostics", "device", *TIMES)
AGE = 7500.0  # seconds: the page says how long ago the run ended, and in the first hour is made anew every minute
LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
GZIP = {"Accept-Encoding": "gzip"}
HEAD = ("200 readers of", "answers", "rate", "median", "95 %", "99 %", "errors", "CPU of the server")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the readers of one address saw."""

    seconds: list[float]
    faults: list[str]
    wall: float

    @property
    def row(self) -> tuple[str, ...]:
        cuts = quantiles(self.seconds, n=100)
        rate = len(self.seconds) / self.wall
        times = (f"{cuts[at - 1] * 1e3:.0f} ms" for at in (50, 95, 99))
        return (f"{len(self.seconds):,}", f"{rate:.0f} / s", *times, str(len(self.faults)))


# --- the report ---


def layer(place: int) -> tuple[str, str, int]:
    """A made-up weight's name, role and depth: ten to a block."""
    depth, at = divmod(place, len(ROLES))
    role = ROLES[at]
    return f"model.layers.{depth}.{PART.get(role, f'mlp.{at}.{role}_proj')}.weight", role, depth


def fill(settings: Settings, run: int) -> int:
    """A finished run of 1,000 layers beside the one that is there, its rows copied in turn from that one's."""
    database = Database(settings.database, lambda name, identity: None)
    with database.within(projects.DEFAULT, "a benchmark").writing() as session:
        small = session.get_one(models.Run, run)
        own = {name: getattr(small, name) for name in COPIED}
        own |= {name: own[name] - AGE for name in TIMES}
        large = models.Run(**own, members=[models.Member(position=0, checkpoint=checkpoint())])
        session.add(large)
        session.flush()
        session.add_all(tensors(large.members[0].checkpoint_id))
        places, costs = list(range(LAYERS)), [1.0] * LAYERS
        session.add(models.Unit(run_id=large.id, member=0, tensors=places, costs=costs, done=LAYERS, state="done"))
        for diagnostic in small.diagnostics:
            rows = session.query(models.Result).filter_by(run_id=run, diagnostic=diagnostic).all()
            copied = [(copy_of(rows[place % len(rows)], large.id, place), rows[place % len(rows)]) for place in places]
            session.add_all(copy for copy, _ in copied)
            session.flush()
            for copy, row in copied:
                for curve in session.query(models.Curve).filter_by(result_id=row.id):
                    session.add(models.Curve(result_id=copy.id, name=curve.name, data=curve.data))
        identity = large.id
    database.close()
    return identity


def checkpoint() -> models.Checkpoint:
    size = LAYERS * SIDE**2
    return models.Checkpoint(
        state="ready", name="1,000 layers", kind="model", format="safetensors", bytes=4 * size, parameters=size,
        tensors=LAYERS, facts={}, files=[],
    )  # fmt: skip


def tensors(checkpoint: int) -> Iterator[models.Tensor]:
    for place in range(LAYERS):
        name, role, depth = layer(place)
        info = {"name": name, "shape": [SIDE, SIDE], "dtype": "float32", "nbytes": 4 * SIDE**2, "role": role}
        yield models.Tensor(checkpoint_id=checkpoint, position=place, info={**info, "depth": depth, "skip": None})


def copy_of(row: models.Result, run: int, place: int) -> models.Result:
    name, role, depth = layer(place)
    info = {**row.info, "name": name, "tensor": name, "role": role, "depth": depth}
    return models.Result(
        run_id=run, diagnostic=row.diagnostic, weight_digest=weight_digest(WeightInfo(**info)), group="0", tensor=place,
        ordinal=0, info=info, values=row.values, note=row.note,
    )  # fmt: skip


def weights(folder: Path, layers: int, side: int) -> Path:
    noise = torch.Generator().manual_seed(layers)
    state = {layer(place)[0]: torch.randn(side, side, generator=noise) for place in range(layers)}
    path = folder / f"{layers}x{side}.safetensors"
    save_file(state, path)
    return path


# --- the service ---


def burnt(process: int) -> float:
    """Seconds of CPU that a process took so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(address: str, data: bytes | None = None) -> Any:
    headers = {"Content-Type": "application/json"} if data and data.startswith(b"{") else {}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers), timeout=PATIENCE) as answer:
        return json.load(answer)


def tag_of(address: str) -> str | None:
    with urllib.request.urlopen(urllib.request.Request(address, headers=GZIP), timeout=PATIENCE) as answer:
        answer.read()
        tag: str | None = answer.headers["ETag"]
        return tag


def analysed(base: str, path: Path, wait: bool) -> int:
    """Sends a checkpoint and asks for its analysis."""
    sent = ask(f"{base}/api/v1/checkpoints?filename={path.name}", path.read_bytes())
    run = ask(f"{base}/api/v1/runs", json.dumps({"checkpoints": [sent["id"]]}).encode())
    while wait and state(base, run["id"])["state"] in ("waiting", "running"):
        time.sleep(0.2)
    return int(run["id"])


def state(base: str, run: int) -> dict[str, Any]:
    found: dict[str, Any] = ask(f"{base}/api/v1/runs/{run}")
    return found


# --- the readers: a process of their own ---


async def reader(host: str, port: int, head: bytes, until: float, pause: float, seen: list[float]) -> None:
    """Asks again and again on one connection, like a browser that keeps it open. Raises where an answer is none."""
    loop = asyncio.get_running_loop()
    incoming, outgoing = await asyncio.open_connection(host, port, limit=1 << 22)
    await asyncio.sleep(random.random() * pause)  # readers do not come all at once
    while loop.time() < until:
        began = loop.time()
        outgoing.write(head)
        answer = await asyncio.wait_for(incoming.readuntil(b"\r\n\r\n"), PATIENCE)
        status, length = int(answer[9:12]), LENGTH.search(answer)
        if status not in (200, 304):
            raise ValueError(answer[:100].decode("latin-1"))
        if status == 200:
            assert length is not None
            await asyncio.wait_for(incoming.readexactly(int(length[1])), PATIENCE)
        seen.append(loop.time() - began)
        await asyncio.sleep(pause)
    outgoing.close()


async def readers(base: str, path: str, headers: dict[str, str], pause: float) -> Reading:
    host, port = base.removeprefix("http://").split(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{lines}\r\n".encode()
    began, seen = time.perf_counter(), list[float]()
    until = asyncio.get_running_loop().time() + SECONDS
    every = (reader(host, int(port), head, until, pause, seen) for _ in range(READERS))
    ended = await asyncio.gather(*every, return_exceptions=True)
    faults = [f"{type(each).__name__}: {each}" for each in ended if each is not None]
    return Reading(seen, faults, time.perf_counter() - began)


def in_process(base: str, path: str, headers: dict[str, str], pause: float) -> Reading:
    command = [sys.executable, "-m", "benchmarks.service", json.dumps([base, path, headers, pause])]
    return Reading(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout))


def main(only: str = "") -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(folder, EIGENSCOPE_KEEP_RESULTS_DAYS="0") as (base, process):
            small = analysed(base, weights(folder, 10, 96), wait=True)
            run = fill(Settings(data_dir=folder / "data"), small)
            busy = analysed(base, weights(folder, 1000, 640), wait=False)
            rows = list(measured(base, run, process, busy, only))
        print(markdown(HEAD, rows))


def measured(base: str, run: int, process: int, busy: int, only: str = "") -> Iterator[tuple[str, ...]]:
    paths = {
        "report": f"/api/v1/runs/{run}/report",
        "figure": f"/api/v1/runs/{run}/figures/esd/alpha.depth",
        "page": f"/runs/{run}",
    }
    for pause, pace in ((1.0, "one a second each"), (0.0, "at once again")):
        for title, path in paths.items():
            if only and (only != title or pause):
                continue
            began = time.perf_counter()
            tag = tag_of(base + path)
            if pause:
                print(f"{title}, the first time: {time.perf_counter() - began:.2f} s", file=sys.stderr)
            for kind, headers in {"": GZIP, **({", 304": {**GZIP, "If-None-Match": tag}} if tag else {})}.items():
                with analysing(base, busy):
                    yield row(f"{title}, {pace}{kind}", base, path, headers, pause, process)


@contextmanager
def analysing(base: str, busy: int) -> Iterator[None]:
    """Within it the worker measures the same checkpoint as that run did. Raises where it did not go on meanwhile."""
    ask(f"{base}/api/v1/runs/{busy}/cancel", b"")
    again = {"checkpoints": [each["id"] for each in state(base, busy)["checkpoints"]]}
    fresh = ask(f"{base}/api/v1/runs", json.dumps(again).encode())["id"]
    before, end = done(base, fresh), time.monotonic() + PATIENCE
    while before == 0 and time.monotonic() < end:
        time.sleep(0.2)
        before = done(base, fresh)
    yield
    after = state(base, fresh)
    measured_meanwhile = after["progress"]["done"] - before
    print(f"The analysis meanwhile: {after['state']}, {measured_meanwhile} tensors", file=sys.stderr)
    if after["state"] in ("waiting", "running"):
        ask(f"{base}/api/v1/runs/{fresh}/cancel", b"")
    if after["state"] != "running" or not before or not measured_meanwhile:
        raise RuntimeError("The analysis did not go on while the readers read: the row would be of an idle worker.")


def done(base: str, run: int) -> int:
    """How many tensors of a run are measured."""
    return int(state(base, run)["progress"]["done"])


def row(title: str, base: str, path: str, headers: dict[str, str], pause: float, process: int) -> tuple[str, ...]:
    before = burnt(process)
    found = in_process(base, path, headers, pause)
    for fault in found.faults[:3]:
        print(fault, file=sys.stderr)
    each = (burnt(process) - before) / max(1, len(found.seconds))
    told = (title, *found.row, f"{each * 1e3:.2f} ms")
    print(*told, sep=" | ", file=sys.stderr)
    return told


if __name__ == "__main__":
    if sys.argv[1:2] == ["--only"]:
        main(sys.argv[2])
    elif len(sys.argv) > 1:
        print(json.dumps(asdict(asyncio.run(readers(*json.loads(sys.argv[1]))))))
    else:
        main()
