"""NumPy's `.npy`: a magic, the header as a Python literal, and the elements in C or Fortran order.

numpy.lib.format. The header is read by NumPy's own functions, in a bounded length; arrays of Python objects, which are
pickles, are never loaded.
"""

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

from numpy.lib import format as npy

from analysis.errors import DamagedFile, escape
from analysis.formats.hostile_json import check_name
from analysis.formats.pytorch.objects import NUMPY
from analysis.formats.stored import MOST_DIMENSIONS, MOST_LISTED, Aside, Contents, Format, Stored

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # characters, numpy.lib.format's own limit
LARGEST_SIZE = 2**56
# what NumPy's functions raise, which parse the header as Python's literals
UNREADABLE = (ValueError, TypeError, KeyError, SyntaxError, TokenError, RecursionError, MemoryError, OverflowError)
# A dtype of ml_dtypes is written as plain bytes: of two bytes there is bfloat16 alone, of one byte there are many.
PLAIN_BYTES = {"V2": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Header:
    """What the head of an array says; `dtype` is a key of DTYPES, or None where the elements are no numbers."""

    length: int  # bytes before its first element
    shape: tuple[int, ...]
    dtype: str | None
    code: str  # NumPy's name of the dtype
    fortran: bool
    big_endian: bool
    nbytes: int


def read_header(name: str, data: bytes) -> Header:
    """The header in the first bytes of an array. Raises DamagedFile, naming the array."""
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if read is None:
            raise ValueError(f"format version {version}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python 2's long integers
            shape, fortran, dtype = read(file, max_header_size=LONGEST_HEADER)
    except UNREADABLE as error:
        raise damage(name, f"its header is cut off or damaged ({escape(error)})", "bad-header") from None
    if len(shape) > MOST_LISTED or not all(_is_count(length) for length in shape):
        raise damage(name, "its shape is not whole numbers from 0 up", "bad-header")
    if math.prod(length for length in shape if length) >= LARGEST_SIZE:
        raise damage(name, f"shape {list(shape)} has more elements than any file", "bad-header")
    code = dtype.str[1:]
    dtype_name = None if dtype.names or dtype.hasobject else NUMPY.get(code) or PLAIN_BYTES.get(code)
    return Header(
        file.tell(), tuple(shape), dtype_name, code, fortran, dtype.str[0] == ">", math.prod(shape) * dtype.itemsize
    )


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < LARGEST_SIZE


def damage(name: str, reason: str, code: str) -> DamagedFile:
    """The error about one array."""
    return DamagedFile(f"array {escape(name)}: {reason}. Download or save the file again.", code)


def strides(header: Header) -> tuple[int, ...] | None:
    """In elements, where the first axis runs fastest; None in C order."""
    if not header.fortran or len(header.shape) < 2:
        return None
    return tuple(math.prod(header.shape[:axis]) for axis in range(len(header.shape)))


def place(path: Path, name: str, header: Header, start: int, nbytes: int) -> Stored | Aside:
    """An array whose header begins at `start` and that has `nbytes` with it, as it lies in the file."""
    if header.dtype is None or len(header.shape) > MOST_DIMENSIONS:
        return set_aside(header, nbytes - header.length)
    check_length(name, header, nbytes - header.length)
    return Stored(path, start + header.length, header.shape, header.dtype, strides(header), header.big_endian)


def set_aside(header: Header, nbytes: int) -> Aside:
    if header.dtype is not None:
        reason = f"it has {len(header.shape)} dimensions, and at most {MOST_DIMENSIONS} are read"
        return Aside(header.shape, header.dtype, max(nbytes, 0), reason)
    what = "objects" if "O" in header.code else f"dtype {escape(header.code)}"
    return Aside(header.shape, "object", max(nbytes, 0), f"a NumPy array of {what}, no numbers that are read here")


def check_length(name: str, header: Header, there: int) -> None:
    if header.nbytes != there:
        text = f"{escape(header.dtype or '')} {list(header.shape)} takes {header.nbytes:,} bytes, and it has {there:,}"
        raise damage(name, text, "truncated-file" if there < header.nbytes else "bad-offsets")


def _contents(path: Path) -> Contents:
    name = path.stem
    check_name(name)
    with path.open("rb") as file:
        head = file.read(LONGEST_HEADER + 16)
    array = place(path, name, read_header(name, head), 0, path.stat().st_size)
    return Contents({}, {}, {name: array}) if isinstance(array, Aside) else Contents({name: array})


NUMPY_FILE = Format("npy", "NumPy array", lambda head: head.startswith(MAGIC), _contents)
