"""Reads the state of an optimizer, an untrusted pickle, in a limited child: only where its tensors lie.

The child answers with the places of the moments in the file, as JSON; the parent checks each of them as if the file had
written it, and reads plain numbers from there.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.errors import UnsafeFile, escape
from analysis.formats.dtypes import DTYPES
from analysis.formats.pytorch.optimizer import MOMENTS, OptimizerState, read_optimizer
from analysis.formats.pytorch.state import check_growth
from analysis.formats.stored import MOST_DIMENSIONS, Checksum, Stored
from workers.ingest.reader import end_with, error_json
from workers.ingest.sandbox import Limits, confine
from workers.ingest.supervisor import count_of, error_of, limits_for, supervise, text_of

COMMAND = (sys.executable, "-m", "workers.ingest.optimizers")


def read_apart(path: Path) -> OptimizerState:
    """The state of the optimizer in the file. Raises CheckpointError where the file is at fault."""
    name, limits = escape(path.name), limits_for(path.stat().st_size)
    request = {"path": str(path.absolute()), "limits": asdict(limits)}
    answer = supervise(name, COMMAND, json.dumps(request).encode(), limits)
    try:
        told = json.loads(answer)
        if "error" in told:
            raise error_of(told["error"])
        state = _state(path, told)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        text = f"{name}: the reader's output is not valid ({escape(error)}). Save it again."
        raise UnsafeFile(text, "reader-crashed") from None
    check_growth(
        path, {f"{number}.{what}": array for number, own in state.moments.items() for what, array in own.items()}
    )
    return state


def _state(path: Path, told: Mapping[str, Any]) -> OptimizerState:
    return OptimizerState(
        path,
        tuple(tuple(count_of(number) for number in group) for group in told["groups"]),
        {
            count_of(number): {text_of(what): _stored(path, place) for what, place in own.items() if what in MOMENTS}
            for number, own in told["moments"]
        },
        {count_of(number): text_of(name) for number, name in told["names"]},
        tuple(text_of(name) for name in told["foreign"]),
    )


def _stored(path: Path, place: Sequence[Any]) -> Stored:
    start, shape, dtype, strides, big_endian, checksum = place
    if dtype not in DTYPES or len(shape) > MOST_DIMENSIONS or (strides is not None and len(strides) != len(shape)):
        raise ValueError(f"a tensor of {len(shape)} dimensions and dtype {escape(dtype)}")
    return Stored(
        path, count_of(start), _counts(shape), dtype, None if strides is None else _counts(strides),
        big_endian is True, None if checksum is None else Checksum(*_counts(checksum)),
    )  # fmt: skip


def _counts(numbers: Sequence[Any]) -> tuple[int, ...]:
    return tuple(count_of(number) for number in numbers)


def tell(state: OptimizerState) -> dict[str, Any]:
    """The state as JSON."""
    return {
        "groups": state.groups,
        "names": list(state.names.items()),
        "foreign": state.foreign,
        "moments": [
            [number, {what: _place(array) for what, array in own.items()}] for number, own in state.moments.items()
        ],
    }


def _place(array: Stored) -> list[Any]:
    crc = array.checksum
    checksum = None if crc is None else [crc.start, crc.nbytes, crc.crc]
    return [array.start, array.shape, array.dtype, array.strides, array.big_endian, checksum]


def main() -> None:
    """Answers one request from the standard input."""
    request = json.load(sys.stdin)
    confine(Limits(**request["limits"]))
    path = Path(request["path"])
    try:
        answer = json.dumps(tell(read_optimizer(path)), allow_nan=False)
    except Exception as error:  # whatever it is, the parent hears of it
        answer = json.dumps({"error": error_json(error, escape(path.name))})
    end_with(answer)


if __name__ == "__main__":
    main()
