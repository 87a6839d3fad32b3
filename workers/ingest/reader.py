"""The limited child: opens one untrusted checkpoint, rewrites what is not safetensors, and answers in JSON.

It confines itself before it looks at a file (sandbox.py), and does without torch, whose import would take longer than
all the rest. Its parent is supervisor.py.
"""

import errno
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from analysis.errors import CheckpointError, UnsafeFile, escape
from analysis.formats import open_checkpoint, rewrite
from analysis.formats.checkpoint import Checkpoint
from analysis.formats.safetensors import SAFETENSORS
from analysis.formats.stored import Array, Stored
from workers.ingest.sandbox import Limits, confine


def read(
    paths: Sequence[Path], target: Path, room: int = 2**62, tensors: int = 100_000, part: str | None = None
) -> dict[str, Any]:
    """Opens the checkpoint, or the copy `part` in it, and rewrites it where that is needed: the report, as JSON.

    Raises UnsafeFile where it has more tensors than it may, and OSError where the disk has no room for the rewrite.
    """
    checkpoint = open_checkpoint(paths, part)
    _check_count(checkpoint, tensors)
    rewritten = checkpoint.format != SAFETENSORS.name or part is not None
    if rewritten:
        _check_room(checkpoint, target, room)
        rewrite(checkpoint, target)
    result = replace(checkpoint, stored=_decoded(checkpoint.stored, target)) if rewritten else checkpoint
    return {
        "format": checkpoint.format,
        "kind": checkpoint.kind,
        "facts": dict(checkpoint.facts),
        "tensors": [
            *([name, t.shape, t.dtype, t.nbytes, None] for name, t in checkpoint.stored.items()),
            *([name, t.shape, t.dtype, t.nbytes, t.reason] for name, t in checkpoint.aside.items()),
        ],
        "beyond": result.beyond,
        "rewritten": rewritten,
    }


def _check_count(checkpoint: Checkpoint, most: int) -> None:
    count = len(checkpoint.stored) + len(checkpoint.aside)
    if count > most:
        raise UnsafeFile(
            f"it has {count:,} tensors, and at most {most:,} are read. Leave out what is not needed, or set "
            "EIGENSCOPE_TENSOR_LIMIT higher.",
            "too-many-tensors",
        )


def _check_room(checkpoint: Checkpoint, target: Path, room: int) -> None:
    """Before a byte is written: all that the rewrite takes must fit."""
    size = sum(array.nbytes for array in checkpoint.stored.values())
    if size > room:
        raise OSError(errno.ENOSPC, f"the rewrite takes {size:,} bytes and the disk has room for {room:,}", target)


def _decoded(stored: Mapping[str, Array], target: Path) -> dict[str, Array]:
    """The same tensors, those that had to be decoded as they lie in the rewritten file: each is decoded once.

    One tensor of two names is one there too, though it is written twice.
    """
    new_tensors = SAFETENSORS.contents(target).tensors
    once: dict[int, Array] = {}
    for name, array in stored.items():
        if not isinstance(array, Stored) and name in new_tensors:
            once.setdefault(id(array), new_tensors[name])
    return {name: once.get(id(array), array) for name, array in stored.items()}


def main() -> None:
    """Answers one request from the standard input."""
    request = json.load(sys.stdin)
    confine(Limits(**request["limits"]))
    end_with(answer(request))


def answer(request: Mapping[str, Any]) -> str:
    """What the request comes to, as JSON."""
    limits, paths = request["limits"], [Path(path) for path in request["paths"]]
    try:
        report = read(paths, Path(request["target"]), limits["room"], limits["tensors"], request.get("part"))
        return json.dumps(report, allow_nan=False)
    except Exception as error:  # whatever it is, the parent hears of it
        return json.dumps({"error": error_json(error, ", ".join(escape(path.name) for path in paths[:3]))})


def end_with(answer: str) -> NoReturn:
    """Answers, and ends this process at once: to take its modules apart takes a twelfth of its CPU."""
    sys.stdout.write(answer)
    sys.stdout.flush()
    os._exit(0)


def error_json(error: Exception, names: str) -> dict[str, Any]:
    """An error as JSON."""
    if isinstance(error, OSError) and error.errno is not None and error.errno != errno.EFBIG:
        return {"errno": error.errno, "message": f"{error.strerror}: {error.filename}"}
    if not isinstance(error, CheckpointError):
        error = _rejection(error, names)
    return {"class": type(error).__name__, "code": error.code, "message": error.message}


def _rejection(error: Exception, names: str) -> CheckpointError:
    """What an error that is none of ours says about the file."""
    code, reason = "reader-crashed", f"the reader failed on it ({type(error).__name__}: {escape(error)})"
    if isinstance(error, MemoryError):
        code, reason = "over-memory", "reading exceeded the memory limit"
    elif isinstance(error, OSError):
        code, reason = "unbounded", "it expands to far more than its own size"
    return UnsafeFile(f"{names}: {reason}. Save it again as safetensors.", code)


if __name__ == "__main__":
    main()
