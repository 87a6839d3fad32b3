"""PyTorch, imported where it is first used: that takes longer than a small checkpoint takes to be measured.

What reads, decomposes and measures on the CPU is NumPy's and SciPy's; PyTorch is for devices, its own files, vectors
and comparisons. `torch` stands for the library and `Tensor` for its class, in annotations and for isinstance. A process
that has imported PyTorch already, as the tests do, gets both themselves.
"""

import sys
import threading
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from analysis.runtime import collector
from analysis.runtime.cores import cores

if TYPE_CHECKING or "torch" in sys.modules:
    import torch as torch
    from torch import Tensor as Tensor
else:

    class _Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            tensor = getattr(sys.modules.get("torch"), "Tensor", None)  # not there yet while another thread imports it
            return tensor is not None and isinstance(instance, tensor)

    class Tensor(metaclass=_Kind):
        """Stands for PyTorch's: what is none of its tensors is none of this."""

    class _Library:
        """Stands for the library: what is asked of it is asked of PyTorch, which is imported for that."""

        def __getattr__(self, name: str) -> Any:
            return getattr(load(), name)

    torch = _Library()

_thread = threading.local()  # `count`: threads that PyTorch is to use in this one; `told`: whether it knows


def is_loaded() -> bool:
    """Whether PyTorch was imported, by whomever."""
    return "torch" in sys.modules


def load() -> Any:
    """PyTorch itself, with the threads that this thread has set, and at most as many as there are cores for it."""
    is_new = not is_loaded()
    with collector.at_rest() if is_new else nullcontext():
        library = import_module("torch")
    if not getattr(_thread, "told", True):
        _thread.told = True
        library.set_num_threads(_thread.count)
    elif is_new:
        library.set_num_threads(cores())
    return library


def set_threads(count: int) -> None:
    """In this thread PyTorch uses so many: at once, or from when it is loaded."""
    _thread.count, _thread.told = count, is_loaded()
    if _thread.told:
        load().set_num_threads(count)


def threads_in_use(default: int) -> int:
    """How many it uses in this thread; where it is not loaded and nobody has said, the default."""
    if is_loaded() and getattr(_thread, "told", True):
        return int(load().get_num_threads())
    return int(getattr(_thread, "count", default))
