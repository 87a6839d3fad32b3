"""The names that the pickles of state dicts are made of, and what each of them describes.

Nothing is imported under these names: "calling" one assembles a description out of plain values. A name that is none
of these makes a placeholder (`Foreign`), which holds what came with it; the names of tools of attacks are refused.
"""

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from analysis.errors import UnsafeFile, escape
from analysis.formats.arrays import Text
from analysis.formats.dtypes import DTYPES
from analysis.formats.pytorch.objects import Bytes, Dtype, Foreign, Global, Ndarray, Storage, Unreadable, View
from analysis.formats.stored import MOST_LISTED

MOST_ELEMENTS = 2**56  # in a tensor that is only listed

# torch/storage.py, _dtype_to_storage_type_map, and UntypedStorage, which counts bytes
STORAGES = MappingProxyType(
    {
        "DoubleStorage": "float64",
        "FloatStorage": "float32",
        "HalfStorage": "float16",
        "BFloat16Storage": "bfloat16",
        "LongStorage": "int64",
        "IntStorage": "int32",
        "ShortStorage": "int16",
        "CharStorage": "int8",
        "ByteStorage": "uint8",
        "BoolStorage": "bool",
        "ComplexFloatStorage": "complex64",
        "ComplexDoubleStorage": "complex128",
        "QInt8Storage": "qint8",
        "QUInt8Storage": "quint8",
        "QInt32Storage": "qint32",
        "UntypedStorage": "uint8",
    }
)

QUANTISED = MappingProxyType({"qint8": "int8", "quint8": "uint8"})


def _view(storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any) -> View:
    """The view, if these are of the types they should be: they come out of the file as they please."""
    numbers = isinstance(shape, tuple | list) and isinstance(strides, tuple | list) and (offset, *shape, *strides)
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise TypeError("a tensor whose shape, strides and offset are not whole numbers")
    if not isinstance(storage, Storage) or not isinstance(dtype, str) or dtype not in DTYPES:
        raise TypeError(f"a tensor of a {type(storage).__name__} and a {type(dtype).__name__}")
    return View(storage, offset, tuple(shape), tuple(strides), dtype)


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: object) -> View:
    """torch._utils._rebuild_tensor and _rebuild_tensor_v2: the dtype is the storage's."""
    return _view(storage, offset, shape, strides, storage.dtype if isinstance(storage, Storage) else None)


def _rebuild_quantised(
    storage: Any, offset: Any, shape: Any, strides: Any, grid: Any = None, *_: object
) -> View | dict[str, Any]:
    """torch._utils._rebuild_qtensor: its codes, scale and zero point, under the names that torchao gives them.

    A grid is (per_tensor_affine, scale, zero point) or (per_channel_affine, scales, zero points, 0).
    """
    view = _rebuild(storage, offset, shape, strides)
    if view.dtype not in QUANTISED or not isinstance(grid, tuple):
        return view
    codes = replace(view, dtype=QUANTISED[view.dtype])
    match grid:
        case ("torch.per_tensor_affine", float() as scale, int() as zero) if -(2**31) <= zero < 2**31:
            return {"qdata": codes, "scale": _number(scale, "f8"), "zero_point": _number(zero, "i8")}
        case ("torch.per_channel_affine", View() as scales, View() as zeros, 0):
            return {"qdata": codes, "scale": scales, "zero_point": zeros}
    return view


def _number(value: float | int, code: str) -> Ndarray:
    """One number as an array of NumPy."""
    array = Ndarray()
    array.take(((), Dtype(code), False, struct.pack("<d" if code == "f8" else "<q", value)))
    return array


def _rebuild_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: object, _hooks: object, dtype: Any, *_: object
) -> View | Unreadable:
    """torch._utils._rebuild_tensor_v3: an untyped storage and a dtype, which may be one that is not known here."""
    if isinstance(dtype, Global) and dtype.startswith("torch.") and dtype.removeprefix("torch.") not in DTYPES:
        return Unreadable(_shape(shape), _code(dtype), f"of the dtype {escape(_code(dtype))}, which is not known here")
    return _view(storage, offset, shape, strides, dtype.removeprefix("torch.") if isinstance(dtype, Global) else None)


def _rebuild_sparse(_layout: object, data: Any) -> dict[str, Any]:
    """torch._utils._rebuild_sparse_tensor: the parts of a sparse tensor, each a tensor of its own."""
    parts = (part for part in data if isinstance(part, View))
    return {f"sparse_{index}": part for index, part in enumerate(parts)}


def _rebuild_meta(dtype: Any, size: Any, *_: object) -> Unreadable:
    """torch._utils._rebuild_meta_tensor_no_storage: a shape without numbers."""
    return Unreadable(_shape(size), _code(dtype), "on the device “meta”: a shape without numbers")


def _shape(size: object) -> tuple[int, ...]:
    """The shape of a tensor that is not read; () where it is not one, or of more elements than a file can hold."""
    if not isinstance(size, tuple | list) or not all(isinstance(n, int) and 0 <= n < MOST_ELEMENTS for n in size):
        return ()
    return tuple(size) if math.prod(size[:MOST_LISTED]) < MOST_ELEMENTS and len(size) <= MOST_LISTED else ()


def _code(dtype: object) -> str:
    """The name of a dtype that is not known, cut off."""
    return str(dtype)[:32].removeprefix("torch.") if isinstance(dtype, str) else "unknown"


def mapping(pairs: Any = (), *_: object) -> dict[Any, Any]:
    """collections.OrderedDict, of nothing or of pairs."""
    items: dict[Any, Any] = {}
    for key, value in pairs if isinstance(pairs, list | tuple) else ():
        items[key_of(key)] = value
    return items


def _default(_factory: object = None, *rest: object) -> dict[Any, Any]:
    """collections.defaultdict, whose entries come behind it."""
    return mapping(*rest)


def _first(value: object = (), *_: object) -> object:
    """What wraps a value: a Parameter, a Size, a tuple."""
    return value


def _dtype(code: Any, *_: object) -> Dtype:
    """numpy.dtype: of its code, or of the class in ml_dtypes."""
    return Dtype(str(code)[:64].removeprefix("ml_dtypes.") if isinstance(code, str) else "")


def _reconstruct(*_: object) -> Ndarray:
    """numpy.core.multiarray._reconstruct: an empty array, which gets its state later."""
    return Ndarray()


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any = "C", *_: object) -> Ndarray:
    """numpy.core.numeric._frombuffer, of protocol 5."""
    array = Ndarray()
    array.take((shape, dtype, order == "F", data))
    return array


def _reconstruct_jax(_function: object, _arguments: object, state: Any, *_: object) -> Ndarray:
    """jax._src.array._reconstruct_array: NumPy's own, with its state at once."""
    array = Ndarray()
    array.take(state)
    return array


def _encode(text: Any, encoding: object = None) -> bytes | Text | None:
    """_codecs.encode: how protocol 2 writes bytes."""
    if isinstance(text, Text) or (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        return text if isinstance(text, Text) else text.encode("latin-1")
    return None


def _bytes(value: object = b"", encoding: object = "latin-1", *_: object) -> bytes | Bytes | Text | None:
    """builtins.bytes and bytearray: empty, of bytes, or of text in protocol 2."""
    return value if isinstance(value, bytes | Bytes) else _encode(value, encoding)


def ignore(*_: object) -> None:
    """What stands beside the weights in honest checkpoints and is not looked at."""


CALLS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "torch._utils._rebuild_tensor": _rebuild,
        "torch._utils._rebuild_tensor_v2": _rebuild,
        "torch._utils._rebuild_qtensor": _rebuild_quantised,
        "torch._utils._rebuild_tensor_v3": _rebuild_v3,
        "torch._utils._rebuild_sparse_tensor": _rebuild_sparse,
        "torch._utils._rebuild_parameter": _first,
        "torch._utils._rebuild_parameter_with_state": _first,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": _first,
        "torch._utils._rebuild_meta_tensor_no_storage": _rebuild_meta,
        "torch.nn.parameter.Parameter": _first,
        "torch.Size": _first,
        "torch.torch_version.TorchVersion": _first,
        "collections.OrderedDict": mapping,
        "collections.Counter": ignore,
        "collections.defaultdict": _default,
        "pathlib.PosixPath": ignore,
        "torch.device": ignore,
        "torch.serialization._get_layout": ignore,
        "_codecs.encode": _encode,
        "builtins.bytes": _bytes,
        "builtins.bytearray": _bytes,
        "builtins.set": _first,
        "builtins.frozenset": _first,
        "builtins.list": _first,
        "builtins.tuple": _first,
        "builtins.complex": ignore,
        "numpy.dtype": _dtype,
        "numpy.core.multiarray.scalar": ignore,
        "numpy._core.multiarray.scalar": ignore,
        "numpy.core.multiarray._reconstruct": _reconstruct,
        "numpy._core.multiarray._reconstruct": _reconstruct,
        "numpy.core.numeric._frombuffer": _frombuffer,
        "numpy._core.numeric._frombuffer": _frombuffer,
        "jax._src.array._reconstruct_array": _reconstruct_jax,
    }
)
FROM_TYPE = "torch._tensor._rebuild_from_type_v2"  # (function, subclass, its arguments, state)
WRAPPER = "torch._utils._rebuild_wrapper_subclass"
MODULES = {"__builtin__": "builtins", "torch.tensor": "torch._tensor", "copy_reg": "copyreg"}  # of older versions

# What an attack is made of, after picklescan's list (github.com/mmaitre314/picklescan, scanner.py). Nothing would run
# of it here, but whoever has such a file should know; getattr and partial stand in honest files too, and stay names.
TOOLS = (
    "os.", "posix.", "nt.", "subprocess.", "shutil.", "socket.", "pty.", "runpy.", "ctypes.", "webbrowser.",
    "importlib.", "code.InteractiveInterpreter.", "code.interact.", "codeop.", "pickle.", "_pickle.", "marshal.",
    "bdb.", "pdb.", "timeit.", "cProfile.run", "profile.run", "ensurepip.", "pip._internal.", "pip.main.",
    "sys.modules.", "urllib.request.", "http.client.", "requests.api.", "requests.get.", "aiohttp.", "smtplib.",
    "asyncio.create_subprocess", "asyncio.unix_events.", "ftplib.", "builtins.eval.", "builtins.exec.",
    "builtins.compile.", "builtins.open.", "builtins.__import__.", "builtins.breakpoint.", "builtins.globals.",
    "builtins.input.", "builtins.execfile.", "builtins.apply.", "io.open.", "_io.open.", "torch.load.", "torch.hub.",
    "torch.serialization.load.", "torch.jit.load.", "numpy.load.", "numpy.testing._private.", "torch._dynamo.guards.",
    "torch.utils._config_module.",
)  # fmt: skip


def global_of(module: str, name: str) -> Global:
    """The global of that name. Raises UnsafeFile where it is a tool of attacks."""
    full = f"{MODULES.get(module, module)}.{name}"
    if f"{full}.".startswith(TOOLS):
        raise UnsafeFile(
            f"its pickle names {escape(full)}, Python code that loading would run, and no checkpoint has a use for. "
            "None was run. Do not load this file; ask its author for safetensors.",
            "pickle-code",
        )
    return Global(full)


def is_storage(name: Global) -> bool:
    module, _, kind = name.rpartition(".")
    return module in ("torch", "torch.cuda", "torch.storage") and kind in STORAGES


def key_of(key: object) -> Any:
    """A key of a dict: plain values, and flat tuples of them, as they are; anything else by its identity.

    Nested tuples can take for ever to hash.
    """
    if key is None or isinstance(key, str | int | float | bytes | Foreign):
        return key
    if isinstance(key, tuple) and all(entry is None or isinstance(entry, str | int | float | bytes) for entry in key):
        return key
    return Foreign(type(key).__name__, (key,))
