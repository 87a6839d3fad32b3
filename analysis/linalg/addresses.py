"""The C addresses and signatures of the BLAS and LAPACK routines that SciPy publishes, for `scipy.LowLevelCallable`.

`import scipy.linalg` loads much more than the two modules that hold them, and takes 0.3 s of CPU where these take 0.01:
so they are loaded by themselves, under their own names, where nobody has imported them yet. They need nothing of their
package; a later `import scipy.linalg` finds them loaded.
"""

import ctypes
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from threading import Lock
from types import ModuleType

_lock = Lock()


def find(library: str, name: str) -> tuple[int, str]:
    """Address and C signature of a routine of "cython_blas" or "cython_lapack". Raises KeyError where it has none."""
    with _lock:
        published = load(f"scipy.linalg.{library}").__pyx_capi__
    capsule = published[name]
    signature = _name(capsule)
    return _pointer(capsule, signature), signature.decode()


def load(module: str) -> ModuleType:
    """A module of `scipy.linalg` without its package; with it where it cannot be loaded by itself."""
    if module in sys.modules:
        return sys.modules[module]
    import scipy

    spec = PathFinder.find_spec(module, [str(Path(folder) / "linalg") for folder in scipy.__path__])
    if spec is None or spec.loader is None:
        return import_module(module)
    found = module_from_spec(spec)
    spec.loader.exec_module(found)
    sys.modules[module] = found
    return found


def _name(capsule: object) -> bytes:
    find_name = ctypes.pythonapi.PyCapsule_GetName
    find_name.restype, find_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    name: bytes = find_name(capsule)
    return name


def _pointer(capsule: object, name: bytes) -> int:
    find_pointer = ctypes.pythonapi.PyCapsule_GetPointer
    find_pointer.restype, find_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address: int = find_pointer(capsule, name)
    return address
