"""The numbers of a tensor, as an array of NumPy or a tensor of PyTorch: two views of the same memory.

NumPy knows neither bfloat16 nor float8; ml_dtypes gives it types of these names, which it brings to float64 exactly.
"""

import numpy as np

from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Shaped

Numbers = Tensor | np.ndarray
# types that are ml_dtypes' in NumPy, with the integer that has their width
WORDS = {
    "bfloat16": "int16",
    "float8_e4m3fn": "uint8",
    "float8_e5m2": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2fnuz": "uint8",
    "float8_e8m0fnu": "uint8",
}
# distance from 1 to the next number
SPACING = {
    "float64": 2.0**-52,
    "float32": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float8_e4m3fn": 2.0**-3,
    "float8_e5m2": 2.0**-2,
    "float8_e4m3fnuz": 2.0**-3,
    "float8_e5m2fnuz": 2.0**-3,  # as PyTorch has it
    "float8_e8m0fnu": 1.0,
}


def dtype_name(numbers: Numbers) -> str:
    """PyTorch's name of the type, without "torch.": "float32", "bfloat16"."""
    return str(numbers.dtype).removeprefix("torch.")


def dtype_of(name: str) -> np.dtype:
    """NumPy's type of that name. Raises TypeError where there is none."""
    if name not in WORDS:
        return np.dtype(name)
    import ml_dtypes  # for checkpoints that hold such numbers

    found: np.dtype = np.dtype(getattr(ml_dtypes, name))
    return found


def as_array(numbers: Shaped[Numbers, "..."]) -> Shaped[np.ndarray, "..."]:
    """The same memory as an array; a copy on the CPU where the tensor is on another device."""
    if isinstance(numbers, np.ndarray):
        return numbers
    tensor, name = numbers.detach().cpu(), dtype_name(numbers)
    if name not in WORDS:
        array: np.ndarray = tensor.numpy()
        return array
    words: np.ndarray = tensor.view(getattr(torch, WORDS[name])).numpy()
    return words.view(dtype_of(name))


def as_tensor(numbers: Shaped[Numbers, "..."]) -> Shaped[Tensor, "..."]:
    """The same memory as a tensor, of the same type."""
    if not isinstance(numbers, np.ndarray):
        return numbers
    name = dtype_name(numbers)
    if name not in WORDS:
        return torch.from_numpy(numbers)
    return torch.from_numpy(numbers.view(WORDS[name])).view(getattr(torch, name))


def double(numbers: Shaped[Numbers, "..."]) -> Shaped[np.ndarray, "..."]:
    """In float64, on the CPU: the array itself where it is that already."""
    with np.errstate(invalid="ignore"):  # NaN of bfloat16 is one of float64
        converted: np.ndarray = as_array(numbers).astype(np.float64, copy=False)
    return converted
