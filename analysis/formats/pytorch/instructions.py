"""The instructions of a pickle with their arguments, as the standard library's `pickletools` has them.

Long bytes and texts, which are the arrays of NumPy, stay in the file: only their place is kept.
"""

import pickletools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from analysis.errors import UnsafeFile
from analysis.formats.arrays import Text
from analysis.formats.pytorch.objects import Bytes

MOST_STEPS = 20_000_000  # instructions; 100,000 tensors take 4 million
LONGEST_TEXT = 2**17  # characters of a text that is a value; a longer one is an array
LONGEST_BYTES = 256

# instructions whose argument may be long -> bytes of its length, most that is held, and what stands for a longer one
LONG: Mapping[str, tuple[int, int, type[Bytes] | type[Text]]] = MappingProxyType(
    {
        "BINBYTES": (4, LONGEST_BYTES, Bytes),
        "BINBYTES8": (8, LONGEST_BYTES, Bytes),
        "BYTEARRAY8": (8, LONGEST_BYTES, Bytes),
        "BINUNICODE": (4, LONGEST_TEXT, Text),
        "BINUNICODE8": (8, LONGEST_TEXT, Text),
        "BINSTRING": (4, LONGEST_BYTES, Bytes),
    }
)
OPCODES: Mapping[str, Any] = MappingProxyType({opcode.code: opcode for opcode in pickletools.opcodes})


@runtime_checkable
class Readable(Protocol):
    """What a pickle is read from: a BytesIO or a map of the file."""

    def read(self, count: int = ..., /) -> bytes: ...
    def readline(self) -> bytes: ...
    def seek(self, place: int, /) -> Any: ...
    def tell(self) -> int: ...


def instructions(file: Readable, base: int) -> Iterator[tuple[str, Any]]:
    """The instructions with their arguments, as pickletools.genops has them, but for what is long."""
    for _ in range(MOST_STEPS):
        opcode = OPCODES.get(file.read(1).decode("latin-1"))
        if opcode is None:
            raise ValueError("an instruction that is none, or no end")
        if opcode.arg is None:
            yield opcode.name, None
        elif opcode.name in LONG:
            yield opcode.name, _read_long(file, opcode, base)
        else:
            yield opcode.name, opcode.arg.reader(file)
        if opcode.name == "STOP":
            return
    raise UnsafeFile(f"its pickle has more than {MOST_STEPS:,} instructions. Save it as safetensors.", "unbounded")


def _read_long(file: Readable, opcode: Any, base: int) -> Any:
    """The argument, or where it lies in the file if it is long."""
    width, limit, kind = LONG[opcode.name]
    begin = file.tell()
    length = int.from_bytes(file.read(width), "little")
    if length <= limit:
        file.seek(begin)
        argument = opcode.arg.reader(file)
        return bytes(argument) if isinstance(argument, bytearray) else argument
    file.seek(begin + width + length - 1)
    if len(file.read(1)) < 1:
        raise ValueError(f"{length:,} bytes that are not there")
    return kind(base + begin + width, length)
