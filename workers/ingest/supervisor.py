"""Opens untrusted checkpoints, in a child process with limits, and rewrites what is not safetensors.

This is the parent's side. It starts `python -m workers.ingest.reader`, gives it paths and limits as JSON, and believes
nothing that comes back before it has checked it. A child that hangs, dies or talks without end becomes a
CheckpointError like any other.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from analysis.errors import CheckpointError, DamagedFile, MissingShard, UnknownFormat, UnsafeFile, escape
from analysis.formats.dtypes import DTYPES
from analysis.formats.pytorch.state import FREE_GROWTH, MOST_GROWTH
from analysis.formats.stored import Fact
from workers.ingest.sandbox import MEBIBYTE, Limits

if TYPE_CHECKING:
    from analysis.weight import TensorInfo

COMMAND = (sys.executable, "-m", "workers.ingest.reader")
HOME = Path(__file__).parents[2]  # where the packages lie, and the child finds them
LOOK_SECONDS = 0.2  # between two looks at whether to stop
BASE_SECONDS = 30  # of computing, whatever the size
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}  # NumPy would start a thread and reserve memory for every core
CLASSES = {kind.__name__: kind for kind in (CheckpointError, UnknownFormat, DamagedFile, UnsafeFile, MissingShard)}


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a checkpoint turned out to be. Where `rewritten`, its tensors are in `target`, else where they were."""

    format: str
    kind: Literal["model", "adapter"]
    facts: Mapping[str, Fact]
    tensors: "tuple[TensorInfo, ...]"
    rewritten: bool


def ingest(
    paths: Sequence[Path],
    target: Path,
    limits: Limits | None = None,
    *,
    room: int = 2**62,
    tensors: int = 100_000,
    part: str | None = None,
    stop: Event | None = None,
) -> IngestReport:
    """Opens the files (or one folder) in a limited child, and rewrites them to `target` unless they are safetensors.

    `part` asks for a copy of the weights in them (ema, teacher) instead. `room` is what the disk has for what is
    rewritten, `tensors` how many one checkpoint may have. Raises CheckpointError where the files are at fault, OSError
    where the disk is, and SystemExit soon after `stop` is set.
    """
    limits = limits or limits_for(_size(paths), room, tensors)
    request = {
        "paths": [str(path.absolute()) for path in paths],
        "target": str(target.absolute()),
        "limits": asdict(limits),
        "part": part,
    }
    names = ", ".join(escape(path.name) for path in paths[:3])
    try:
        return _report(names, supervise(names, COMMAND, json.dumps(request).encode(), limits, stop))
    finally:
        target.with_name(target.name + ".part").unlink(missing_ok=True)  # of a child that was killed


def limits_for(size: int, room: int = 2**62, tensors: int = 100_000) -> Limits:
    """Limits for a checkpoint of that many bytes. Most of the time goes by the number of tensors.

    A rewrite runs at the speed of the disk; 50 MB/s leaves room for a slow one. What is written is bounded by the
    growth that torch's shared storages may cause.
    """
    seconds = BASE_SECONDS + size // 50_000_000
    write_limit = MOST_GROWTH * size + 16 * FREE_GROWTH  # the header has names and shapes beside the numbers
    return Limits(
        wall=2.0 * seconds,
        cpu=seconds,
        memory=2048 * MEBIBYTE,
        mapped=size + 1024 * MEBIBYTE,
        written=write_limit,
        room=room,
        tensors=tensors,
    )


def _size(paths: Sequence[Path]) -> int:
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


def supervise(names: str, command: Sequence[str], request: bytes, limits: Limits, stop: Event | None = None) -> bytes:
    """Runs the command on the request and returns what it says; CheckpointError where it breaks a limit or dies.

    Raises SystemExit once `stop` is set.
    """
    deadline = monotonic() + limits.wall
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=HOME,
        env=ENVIRONMENT,
        start_new_session=True,
    )
    with process:
        try:
            answer = _converse(process, request, limits.said, deadline, stop or Event())
            process.wait(max(0.0, deadline - monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise _over_time(names, limits) from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    _check_end(names, process.returncode, limits)
    return answer


def _converse(process: "subprocess.Popen[bytes]", request: bytes, most: int, deadline: float, stop: Event) -> bytes:
    """Sends the request and gathers the answer to its end; TimeoutError at the deadline, SystemExit where stopped."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process was started without pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.close()
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(answer) <= most:
            is_said = selector.select(min(LOOK_SECONDS, max(0.0, deadline - monotonic())))
            if stop.is_set():
                raise SystemExit
            if not is_said:
                if monotonic() >= deadline:
                    raise TimeoutError
                continue
            piece = os.read(process.stdout.fileno(), MEBIBYTE)
            if not piece:
                return bytes(answer)
            answer += piece
    raise UnsafeFile(f"listing what the file holds takes more than {most:,} bytes; split it into several", "unbounded")


def _check_end(names: str, status: int, limits: Limits) -> None:
    if status == -signal.SIGXCPU:
        raise _over_time(names, limits)
    if status != 0:
        how = signal.Signals(-status).name if -status in set(signal.Signals) else f"exit code {status}"
        raise UnsafeFile(f"{names}: the reader crashed ({how}). Save it again as safetensors.", "reader-crashed")


def _over_time(names: str, limits: Limits) -> UnsafeFile:
    bounds = f"{limits.cpu:,} s of computing, {limits.wall:,.0f} s in all"
    return UnsafeFile(
        f"{names}: reading exceeded the time limit ({bounds}). Save it again as safetensors.", "over-time"
    )


def _report(names: str, answer: bytes) -> IngestReport:
    """The child's answer, checked as if the file had written it."""
    try:
        report = json.loads(answer)
        if "error" in report:
            raise error_of(report["error"])
        facts = {text_of(key): _fact(value) for key, value in report["facts"].items()}
        return IngestReport(
            format=text_of(report["format"]),
            kind="adapter" if report["kind"] == "adapter" else "model",
            facts=facts,
            tensors=_tensors(report["tensors"], report["beyond"], facts),
            rewritten=report["rewritten"] is True,
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        text = f"{names}: the reader's output is not valid ({escape(error)}). Save it again as safetensors."
        raise UnsafeFile(text, "reader-crashed") from None


def error_of(said: Mapping[str, Any]) -> CheckpointError | OSError:
    if "errno" in said:
        return OSError(int(said["errno"]), text_of(said["message"]))
    return CLASSES[said["class"]](text_of(said["message"]), text_of(said["code"]))


def _tensors(said: Sequence[Any], beyond: Mapping[str, Any], facts: Mapping[str, Fact]) -> "tuple[TensorInfo, ...]":
    from analysis.tensors.listing import beyond_of, describe_all  # imports torch, which the child does without
    from analysis.tensors.matrices import Header, left_out

    headers: dict[str, Header] = {}
    omissions: dict[str, TensorInfo] = {}
    for name, shape, dtype, nbytes, reason in said:
        header = Header(tuple(count_of(extent) for extent in shape), text_of(dtype), count_of(nbytes))
        if reason is not None:
            omissions[text_of(name)] = left_out(name, header, text_of(reason))
        elif dtype not in DTYPES:
            raise ValueError(f"dtype {dtype}")
        else:
            headers[text_of(name)] = header
    return (*describe_all(headers, beyond_of(beyond), facts), *omissions.values())


def text_of(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of text")
    return value


def count_of(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{type(value).__name__} in place of a count")
    return value


def _fact(value: object) -> Fact:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} in place of a fact")
