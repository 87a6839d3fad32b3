"""Addresses as SciPy's own LowLevelCallable finds them, in a process that has not loaded SciPy's package."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest
from scipy import LowLevelCallable
from scipy.linalg import cython_blas, cython_lapack

from analysis.linalg import addresses
from analysis.linalg.addresses import find, load

ALONE = """
import sys
from analysis.linalg.addresses import find
address, signature = find("cython_lapack", "dsyevd")
assert address and "char" in signature
assert "scipy.linalg" not in sys.modules, "the whole package was imported"
from analysis.linalg.blas import eigenvalues
import numpy as np
assert np.allclose(eigenvalues(np.diag([3.0, 1.0, 2.0])), [1.0, 2.0, 3.0])
assert "scipy.linalg" not in sys.modules, "the whole package was imported"
import scipy.linalg
from scipy.linalg import cython_lapack
assert sys.modules["scipy.linalg.cython_lapack"] is cython_lapack
assert np.allclose(scipy.linalg.eigvalsh(np.diag([3.0, 1.0, 2.0])), [1.0, 2.0, 3.0])
"""


@pytest.mark.parametrize(("library", "name"), [("cython_blas", "dsyrk"), ("cython_lapack", "dsytrd")])
def test_address_and_signature_are_those_of_scipy(library: str, name: str) -> None:
    module = {"cython_blas": cython_blas, "cython_lapack": cython_lapack}[library]
    expected = LowLevelCallable.from_cython(module, name)
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    assert find(library, name) == (pointer(expected.function, expected.signature.encode()), expected.signature)


def test_an_unknown_routine_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="dnothing"):
        find("cython_blas", "dnothing")


def test_it_loads_no_package_and_the_package_loads_after_it() -> None:
    subprocess.run([sys.executable, "-c", ALONE], check=True, timeout=60)


def test_a_module_that_cannot_be_found_alone_comes_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "scipy.linalg.blas")
    monkeypatch.setattr(addresses, "PathFinder", SimpleNamespace(find_spec=lambda *_: None))
    assert load("scipy.linalg.blas").__name__ == "scipy.linalg.blas"
