"""The pickles of torch.save, read as data: this walks over their instructions, builds plain values, and calls nothing.

A pickle is a program for a small stack machine, and `pickletools.genops` decodes it without running it. Of its
instructions only those that assemble values are followed here. A "global" stays a name, is never imported, and must be
one of those in names.py. So torch.load, and its `weights_only` filter, are not needed to read a checkpoint.
"""

import pickletools
import struct
import warnings
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType
from typing import Any

from analysis.errors import DamagedFile, UnsafeFile, escape
from analysis.formats.pytorch.names import (
    CALLS,
    FROM_TYPE,
    STORAGES,
    Global,
    Storage,
    find_global,
    ignore,
    key_of,
    mapping,
)

LARGEST_PICKLE = 64 * 2**20  # bytes; 100,000 tensors take 25 MB

PUSHED = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
}  # fmt: skip
CONSTANTS = MappingProxyType({"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()})
FRESH = MappingProxyType({"EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_DICT": dict})
MALFORMED = (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error, OverflowError, RecursionError)


def unpickle(file: BytesIO) -> "Machine":
    """The machine after the pickle at the file's position, which ends behind it.

    Raises UnsafeFile where it names code, DamagedFile where it makes no sense.
    """
    machine = Machine()
    try:
        with warnings.catch_warnings(action="ignore"):  # of strange escapes in old strings
            for opcode, argument, _ in pickletools.genops(file):
                machine.step(opcode.name, argument)
        machine.value = machine.stack.pop()
        return machine
    except MALFORMED as error:
        cut = not file.read(1)
        why = f"its pickle {'is truncated' if cut else 'is not valid'} ({escape(error)})"
        raise DamagedFile(f"{why}. Download or save it again.", "truncated-file" if cut else "bad-header") from None


def pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    """Keys and values, which take turns on the stack, side by side."""
    return list(zip(items[::2], items[1::2], strict=True))


class Machine:
    """The stack, what lay on it at each open mark, and the memo; in the end the value, and the storages it names."""

    def __init__(self) -> None:
        self.value: Any = None
        self.storages: dict[str, Storage] = {}
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        if name in PUSHED:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in FRESH:
            self.stack.append(FRESH[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name in STEPS:
            STEPS[name](self, argument)
        else:
            raise _refusal(name, argument)

    def to_mark(self) -> list[Any]:
        """What was pushed since the last mark, taken off the stack."""
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self, _: Any) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def discard(self, _: Any) -> None:
        self.stack.pop()

    def discard_to_mark(self, _: Any) -> None:
        self.to_mark()

    def gather(self, kind: Callable[[list[Any]], Any]) -> None:
        items = self.to_mark()
        self.stack.append(kind(items))

    def bind(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise IndexError("the stack is empty")
        self.stack[-count:] = [items]

    def append(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):  # else a part of something that is not looked at
            self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        for key, value in pairs(items):
            if isinstance(self.stack[-1], dict):
                self.stack[-1][key_of(key)] = value

    def push_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(find_global(module, name))

    def stack_named(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError(f"a {kind_of(module)} and a {kind_of(name)} are not a name")
        self.stack.append(find_global(module, name))

    def call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        while function == FROM_TYPE and isinstance(arguments, tuple):  # a list could hold itself
            function, _subclass, arguments, _state = arguments
        if not isinstance(function, Global) or function not in CALLS or not isinstance(arguments, tuple):
            raise ValueError(f"a {kind_of(function)} is called on a {kind_of(arguments)}")
        self.stack.append(CALLS[function](*arguments))

    def call_with_names(self, _: Any) -> None:
        self.stack.pop()
        self.call(None)

    def storage(self, _: Any) -> None:
        """A persistent id: ("storage", type, key, device, count), in old files with a view of it behind."""
        tag, kind, key, _device, count, *view = self.stack.pop()
        if (
            tag != "storage"
            or not isinstance(kind, Global)
            or not isinstance(key, str | int)
            or not isinstance(count, int)
        ):
            raise ValueError(
                f"a {kind_of(tag)}, {kind_of(kind)}, {kind_of(key)} and {kind_of(count)} are not a storage"
            )
        if view and view[0] is not None:
            raise ValueError("a view of a storage, as PyTorch before 0.4 saved")
        named = Storage(str(key), STORAGES[kind.rpartition(".")[2]], count)
        self.storages.setdefault(named.key, named)
        self.stack.append(named)


def kind_of(value: object) -> str:
    """A value as a message may show it: by its type, because printing nested tuples can take for ever."""
    return value if isinstance(value, Global) else type(value).__name__


def _refusal(name: str, argument: object) -> Exception:
    """The error of an instruction that has no place in a state dict."""
    if name not in ("INST", "OBJ", "EXT1", "EXT2", "EXT4"):
        return ValueError(f"instruction {name} has no place in a state dict")
    what = escape(str(argument).replace(" ", ".")) if name == "INST" else "an object"
    why = f"its pickle makes {what} by running code. None was run. Save a plain state dict, or safetensors."
    return UnsafeFile(why, "pickle-code")


STEPS: Mapping[str, Callable[[Machine, Any], None]] = MappingProxyType(
    {
        "PROTO": ignore,
        "FRAME": ignore,
        "STOP": ignore,
        "MARK": Machine.mark,
        "POP": Machine.discard,
        "POP_MARK": Machine.discard_to_mark,
        "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
        "MEMOIZE": lambda machine, _: machine.memo.update({len(machine.memo): machine.stack[-1]}),
        "TUPLE": lambda machine, _: machine.gather(tuple),
        "LIST": lambda machine, _: machine.gather(list),
        "FROZENSET": lambda machine, _: machine.gather(list),
        "DICT": lambda machine, _: machine.gather(lambda items: mapping(pairs(items))),
        "TUPLE1": lambda machine, _: machine.bind(1),
        "TUPLE2": lambda machine, _: machine.bind(2),
        "TUPLE3": lambda machine, _: machine.bind(3),
        "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
        "APPENDS": lambda machine, _: machine.append(machine.to_mark()),
        "ADDITEMS": lambda machine, _: machine.append(machine.to_mark()),
        "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(-2), machine.stack.pop()]),
        "SETITEMS": lambda machine, _: machine.set_items(machine.to_mark()),
        "GLOBAL": Machine.push_global,
        "STACK_GLOBAL": Machine.stack_named,
        "REDUCE": Machine.call,
        "NEWOBJ": Machine.call,
        "NEWOBJ_EX": Machine.call_with_names,
        "BUILD": Machine.discard,
        "BINPERSID": Machine.storage,
    }
)
