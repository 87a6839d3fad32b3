"""The dtypes that checkpoints store, under torch's names.

An array is moved about as plain words of the same width, so that no library needs to know bfloat16 or float8.
"""

import math
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Dtype:
    """`bits` per element, the `word` that carries it (NumPy's name), and its name in safetensors, if it has one."""

    name: str
    bits: int
    word: str
    safetensors: str | None

    def nbytes(self, count: int) -> int | None:
        """Bytes of that many elements; None where they fill no whole bytes."""
        bits = count * self.bits
        return bits // 8 if bits % 8 == 0 else None


# https://github.com/huggingface/safetensors, safetensors/src/tensor.rs, enum Dtype (0.8)
_ALL = (
    Dtype("float64", 64, "<i8", "F64"),
    Dtype("float32", 32, "<i4", "F32"),
    Dtype("float16", 16, "<i2", "F16"),
    Dtype("bfloat16", 16, "<i2", "BF16"),
    Dtype("int64", 64, "<i8", "I64"),
    Dtype("int32", 32, "<i4", "I32"),
    Dtype("int16", 16, "<i2", "I16"),
    Dtype("int8", 8, "|u1", "I8"),
    Dtype("uint64", 64, "<i8", "U64"),
    Dtype("uint32", 32, "<i4", "U32"),
    Dtype("uint16", 16, "<i2", "U16"),
    Dtype("uint8", 8, "|u1", "U8"),
    Dtype("bool", 8, "|u1", "BOOL"),
    Dtype("complex64", 64, "<i8", "C64"),
    Dtype("complex128", 128, "<c16", None),
    Dtype("float8_e4m3fn", 8, "|u1", "F8_E4M3"),
    Dtype("float8_e5m2", 8, "|u1", "F8_E5M2"),
    Dtype("float8_e4m3fnuz", 8, "|u1", "F8_E4M3FNUZ"),
    Dtype("float8_e5m2fnuz", 8, "|u1", "F8_E5M2FNUZ"),
    Dtype("float8_e8m0fnu", 8, "|u1", "F8_E8M0"),
    Dtype("float6_e2m3", 6, "|u1", "F6_E2M3"),
    Dtype("float6_e3m2", 6, "|u1", "F6_E3M2"),
    Dtype("float4_e2m1", 4, "|u1", "F4"),
    Dtype("float4_e2m1fn_x2", 8, "|u1", None),
    Dtype("qint8", 8, "|u1", None),
    Dtype("quint8", 8, "|u1", None),
    Dtype("qint32", 32, "<i4", None),
)
DTYPES = MappingProxyType({dtype.name: dtype for dtype in _ALL})
SAFETENSORS_DTYPES = MappingProxyType({dtype.safetensors: dtype for dtype in _ALL if dtype.safetensors is not None})


class Sized:
    """How much an array with a `shape` and a `dtype` holds."""

    __slots__ = ()
    shape: tuple[int, ...]
    dtype: str  # a key of DTYPES

    @property
    def size(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes it takes when written out contiguously."""
        return DTYPES[self.dtype].nbytes(self.size) or 0
