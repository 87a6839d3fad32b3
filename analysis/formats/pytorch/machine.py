"""The pickles of torch.save, read as data: this walks over their instructions, builds plain values, and calls nothing.

A pickle is a program for a small stack machine. The standard library's `pickletools` knows its instructions and how
their arguments are written; of these only those that assemble values are followed here. A "global" stays a name and is
never imported (names.py). So torch.load, and its `weights_only` filter, are not needed to read a checkpoint.
Long bytes and texts, which are the arrays of NumPy, stay in the file: only their place is kept.
"""

import struct
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from analysis.errors import DamagedFile, UnsafeFile, escape
from analysis.formats.pytorch.instructions import Readable as Readable
from analysis.formats.pytorch.instructions import instructions
from analysis.formats.pytorch.names import (
    CALLS,
    FROM_TYPE,
    STORAGES,
    WRAPPER,
    global_of,
    ignore,
    is_storage,
    key_of,
    mapping,
)
from analysis.formats.pytorch.objects import Dtype, Foreign, Global, Ndarray, Storage

LARGEST_PICKLE = 64 * 2**20  # bytes that are held in memory; a longer one is mapped

PUSHED = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
}  # fmt: skip
CONSTANTS = MappingProxyType({"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()})
FRESH = MappingProxyType({"EMPTY_LIST": list, "EMPTY_SET": list, "EMPTY_DICT": dict})
MALFORMED = (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error, OverflowError, RecursionError)


def unpickle(file: Readable, base: int = 0) -> "Machine":
    """The machine after the pickle at the file's position, which ends behind it.

    `base` is where `file` begins in the file on the disk. Raises UnsafeFile where the pickle names a tool of attacks,
    DamagedFile where it makes no sense.
    """
    machine = Machine()
    try:
        with warnings.catch_warnings(action="ignore"):  # of strange escapes in old strings
            for name, argument in instructions(file, base):
                machine.step(name, argument)
        machine.value = machine.stack.pop()
        return machine
    except MALFORMED as error:
        cut = not file.read(1)
        problem = f"its pickle {'is truncated' if cut else 'is not valid'} ({escape(error)})"
        raise DamagedFile(f"{problem}. Download or save it again.", "truncated-file" if cut else "bad-header") from None


def pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    """Keys and values, which take turns on the stack, side by side."""
    return list(zip(items[::2], items[1::2], strict=True))


class Machine:
    """The stack, what lay on it at each open mark, and the memo; in the end the value, and what it names."""

    def __init__(self) -> None:
        self.value: Any = None
        self.storages: dict[str, Storage] = {}
        self.foreign: dict[str, None] = {}  # the names of the classes that were not loaded
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
            raise _refusal(name)

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
        target = self.stack[-1]
        entries = target.entries if isinstance(target, Foreign) else target
        if isinstance(entries, list):  # else a part of something that is not looked at
            entries.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        fields = target.items if isinstance(target, Foreign) else target
        for key, value in pairs(items):
            if isinstance(fields, dict):
                fields[key_of(key)] = value

    def name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(global_of(module, name))

    def stack_name(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError(f"a {kind_of(module)} and a {kind_of(name)} are not a name")
        self.stack.append(global_of(module, name))

    def call(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self._outcome(function, arguments))

    def _outcome(self, function: Any, arguments: Any) -> Any:
        """What a call describes: one of the known things, or an object that is not made."""
        state = kind = None
        while function == FROM_TYPE and isinstance(arguments, tuple):  # a list could hold itself
            function, kind, arguments, state = arguments
        if not isinstance(function, Global | Foreign) or not isinstance(arguments, tuple):
            raise ValueError(f"a {kind_of(function)} is called on a {kind_of(arguments)}")
        if isinstance(function, Global) and function in CALLS:
            return CALLS[function](*arguments)
        result = self._object(str(kind) if function == WRAPPER and isinstance(kind, Global) else function, arguments)
        result.take(state)
        return result

    def _object(self, function: "str | Foreign", arguments: tuple[Any, ...]) -> Foreign:
        name = function.name if isinstance(function, Foreign) else str(function)
        if name.startswith("copyreg.") and arguments and isinstance(arguments[0], Global):
            name = str(arguments[0])  # _reconstructor(class, …) and __newobj__(class, …) of older protocols
        self.foreign[name] = None
        return Foreign(name, arguments)

    def call_with_names(self, _: Any) -> None:
        names = self.stack.pop()
        self.call(None)
        if isinstance(self.stack[-1], Foreign) and isinstance(names, dict):
            self.stack[-1].state.update(names)

    def instance(self, argument: str) -> None:
        """INST and OBJ of protocol 0 and 1: a class, and what its object is made of since the mark."""
        items = self.to_mark()
        if argument is not None:
            module, _, name = str(argument).partition(" ")
            items.insert(0, global_of(module, name))
        self.stack.append(self._outcome(items[0], tuple(items[1:])))

    def build(self, _: Any) -> None:
        """The state of the object on the stack."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Foreign | Ndarray):
            target.take(state)
        elif isinstance(target, Dtype) and isinstance(state, tuple) and len(state) > 1:
            target.order = ">" if state[1] == ">" else "<"

    def storage(self, _: Any) -> None:
        """A persistent id: ("storage", type, key, device, count), in old files with a view of it behind.

        Files before PyTorch 1.6 have ("module", class, …) too, where the class of a whole module stands.
        """
        tag, kind, key, *rest = self.stack.pop()
        if tag == "module" and isinstance(kind, Global):
            self.stack.append(kind)
            return
        _device, count, *view = rest
        if (
            tag != "storage"
            or not isinstance(kind, Global)
            or not is_storage(kind)
            or not isinstance(key, str | int)
            or not isinstance(count, int)
        ):
            raise ValueError(
                f"a {kind_of(tag)}, {kind_of(kind)}, {kind_of(key)} and {kind_of(count)} are not a storage"
            )
        if view and view[0] is not None:
            raise ValueError("a view of a storage, as PyTorch before 0.4 saved")
        storage = Storage(str(key), STORAGES[kind.rpartition(".")[2]], count)
        self.storages.setdefault(storage.key, storage)
        self.stack.append(storage)


def kind_of(value: object) -> str:
    """A value as a message may show it: by its type, because printing nested tuples can take for ever."""
    return value if isinstance(value, Global) else type(value).__name__


def _refusal(name: str) -> Exception:
    """The error of an instruction that has no place in a checkpoint."""
    if name not in ("EXT1", "EXT2", "EXT4"):
        return ValueError(f"instruction {name} has no place in a state dict")
    text = "its pickle makes an object by running code. None was run. Save a plain state dict, or safetensors."
    return UnsafeFile(text, "pickle-code")


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
        "GLOBAL": Machine.name,
        "STACK_GLOBAL": Machine.stack_name,
        "REDUCE": Machine.call,
        "NEWOBJ": Machine.call,
        "NEWOBJ_EX": Machine.call_with_names,
        "INST": Machine.instance,
        "OBJ": Machine.instance,
        "BUILD": Machine.build,
        "BINPERSID": Machine.storage,
        "PERSID": Machine.storage,
        "READONLY_BUFFER": ignore,
    }
)
