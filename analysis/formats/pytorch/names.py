"""The names that the pickles of state dicts are made of, and what each of them describes.

Nothing is imported under these names: "calling" one assembles a description out of plain values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from analysis.errors import DamagedFile, UnsafeFile, escape
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


def _view(storage: Any, offset: Any, shape: Any, strides: Any, dtype: Any) -> View:
    """The view, if these are of the types they should be: they come out of the file as they please."""
    numbers = isinstance(shape, tuple | list) and isinstance(strides, tuple | list) and (offset, *shape, *strides)
    if not numbers or not all(isinstance(number, int) for number in numbers):
        raise TypeError("a tensor whose shape, strides and offset are not whole numbers")
    if not isinstance(storage, Storage) or not isinstance(dtype, str) or dtype not in DTYPES:
        raise TypeError(f"a tensor of a {type(storage).__name__} and a {type(dtype).__name__}")
    return View(storage, offset, tuple(shape), tuple(strides), dtype)


def _rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_: object) -> View:
    """torch._utils._rebuild_tensor, _rebuild_tensor_v2 and _rebuild_qtensor: the dtype is the storage's."""
    return _view(storage, offset, shape, strides, storage.dtype if isinstance(storage, Storage) else None)


def _rebuild_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: object, _hooks: object, dtype: Any, *_: object
) -> View:
    """torch._utils._rebuild_tensor_v3: an untyped storage and a dtype."""
    return _view(storage, offset, shape, strides, dtype.removeprefix("torch.") if isinstance(dtype, Global) else None)


def _rebuild_sparse(_layout: object, data: Any) -> dict[str, Any]:
    """torch._utils._rebuild_sparse_tensor: the parts of a sparse tensor, each a tensor of its own."""
    parts = (part for part in data if isinstance(part, View))
    return {f"sparse_{index}": part for index, part in enumerate(parts)}


def mapping(pairs: Any = (), *_: object) -> dict[Any, Any]:
    """collections.OrderedDict, of nothing or of pairs."""
    found: dict[Any, Any] = {}
    for key, value in pairs if isinstance(pairs, list | tuple) else ():
        found[key_of(key)] = value
    return found


def _first(value: object, *_: object) -> object:
    """What wraps a value: a Parameter, a Size."""
    return value


def ignore(*_: object) -> None:
    """What stands beside the weights in honest checkpoints and is not looked at."""


CALLS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "torch._utils._rebuild_tensor": _rebuild,
        "torch._utils._rebuild_tensor_v2": _rebuild,
        "torch._utils._rebuild_qtensor": _rebuild,
        "torch._utils._rebuild_tensor_v3": _rebuild_v3,
        "torch._utils._rebuild_sparse_tensor": _rebuild_sparse,
        "torch._utils._rebuild_parameter": _first,
        "torch._utils._rebuild_parameter_with_state": _first,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": _first,
        "torch.nn.parameter.Parameter": _first,
        "torch.Size": _first,
        "torch.torch_version.TorchVersion": _first,
        "collections.OrderedDict": mapping,
        "collections.Counter": ignore,
        "collections.defaultdict": mapping,
        "argparse.Namespace": ignore,
        "pathlib.PosixPath": ignore,
        "torch.device": ignore,
        "torch.serialization._get_layout": ignore,
        "torch._utils._rebuild_meta_tensor_no_storage": ignore,
        "_codecs.encode": ignore,
        "builtins.bytes": ignore,
        "builtins.set": ignore,
        "builtins.bytearray": ignore,
        "builtins.complex": ignore,
        "numpy.dtype": ignore,
        "numpy.core.multiarray.scalar": ignore,
        "numpy._core.multiarray.scalar": ignore,
        "numpy.core.multiarray._reconstruct": ignore,
        "numpy._core.multiarray._reconstruct": ignore,
    }
)
FROM_TYPE = "torch._tensor._rebuild_from_type_v2"  # (function, subclass, its arguments, state)
OTHER_NAMES = {
    FROM_TYPE,
    "torch.Tensor",
    "torch.nn.parameter.Buffer",
    "numpy.ndarray",
    "builtins.int",
    "builtins.list",
    "builtins.dict",
    "torch.per_tensor_affine",
    "torch.per_tensor_symmetric",
    "torch.per_channel_affine",
    "torch.per_channel_symmetric",
    "torch.per_channel_affine_float_qparams",
}
MODULES = {"__builtin__": "builtins", "torch.tensor": "torch._tensor"}  # as older versions of Python and torch say


def find_global(module: str, name: str) -> Global:
    """The global of that name, if state dicts are made of it."""
    full = f"{MODULES.get(module, module)}.{name}"
    dtype = module == "torch" and name in DTYPES
    storage = module in ("torch", "torch.cuda", "torch.storage") and name in STORAGES
    if not (dtype or storage or full in CALLS or full in OTHER_NAMES):
        raise UnsafeFile(
            f"its pickle names {escape(full)}, Python code that loading would run. None was run. "
            "Save plain weights in place of whole objects: torch.save(model.state_dict(), 'model.pt'), "
            "or safetensors.torch.save_file(model.state_dict(), 'model.safetensors').",
            "pickle-code",
        )
    return Global(full)


def key_of(key: object) -> str | int | float | None:
    """A key of a dict. Tuples are refused: nested ones can take for ever to hash."""
    if key is None or isinstance(key, str | int | float):
        return key
    raise DamagedFile(
        f"its pickle has a dict with a key of type {type(key).__name__}. Save a plain state dict instead.", "bad-header"
    )
