"""What a pickle describes: names, storages, tensors, arrays of NumPy, and objects of classes that are not loaded here.

Plain values, all of them: nothing here runs or imports anything that a file names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.formats.arrays import Text
from analysis.formats.dtypes import DTYPES


class Global(str):
    """The dotted name of something in Python, and nothing but the name."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of `count` elements that lies in the file under a key."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class View:
    """A tensor: a strided view of a storage. Offset and strides count elements of `dtype`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes within the pickle that are not held in memory: where they lie in the file."""

    start: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A tensor or array that the file names and whose numbers are not there, or not as numbers."""

    shape: tuple[int, ...]
    dtype: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shard:
    """A part of a tensor, and the place of its first element in the whole."""

    view: View
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sharded:
    """What one rank has of a tensor that several share: its parts, and the shape of the whole."""

    shards: tuple[Shard, ...]
    size: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Dtype:
    """A dtype of NumPy: its code ("f4", "O8"), and the byte order that its state tells."""

    code: str
    order: str = "<"


@dataclass(eq=False, slots=True)
class Ndarray:
    """An array of NumPy as its pickle tells it: first made empty, then given its state."""

    data: bytes | Bytes | Text | None = None
    dtype: Dtype | None = None
    shape: tuple[int, ...] = ()
    fortran: bool = False

    def take(self, state: object) -> None:
        """The state that ndarray.__setstate__ takes: version, shape, dtype, whether Fortran order, bytes."""
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise ValueError("an array without its shape, dtype and bytes")
        shape, dtype, fortran, data = state[-4:]
        self.shape = _counts(shape)
        self.dtype = dtype if isinstance(dtype, Dtype) else None
        self.fortran = fortran is True
        self.data = data if isinstance(data, bytes | Bytes | Text) else None


@dataclass(eq=False, slots=True, repr=False)
class Foreign:
    """An object of a class that is not loaded here: its class's name, what it was made of, and what it holds."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: dict[Any, Any] = field(default_factory=dict)
    items: dict[Any, Any] = field(default_factory=dict)
    entries: list[Any] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<{self.name}>"  # what it holds may take for ever to print

    def take(self, state: object) -> None:
        """What __setstate__ would get: attributes, a pair of those in __dict__ and in slots, or anything else."""
        parts: tuple[Any, ...] = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        if not all(part is None or isinstance(part, dict) for part in parts):
            self.arguments = (*self.arguments, state)
            return
        for part in parts:
            self.state.update(part or {})


def _counts(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(isinstance(length, int) and 0 <= length < 2**56 for length in shape):
        raise TypeError("an array whose shape is not whole numbers from 0 up")
    return shape


# what numpy.dtype calls its kinds: https://numpy.org/doc/stable/reference/arrays.dtypes.html
NUMPY: Mapping[str, str] = {
    **{f"f{bits // 8}": f"float{bits}" for bits in (16, 32, 64)},
    **{f"{kind[0]}{bits // 8}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"c{bits // 8}": f"complex{bits}" for bits in (64, 128)},
    "b1": "bool",
    **{name: name for name in DTYPES if name.startswith(("bfloat", "float8"))},  # of ml_dtypes
}
