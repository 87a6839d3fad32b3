"""The libraries below NumPy and SciPy are told how many threads to use, whenever they are loaded."""

import contextlib
import subprocess
import sys

from analysis.linalg import libraries
from analysis.linalg.libraries import limit, tell_new_ones

LATE = """
import sys
import numpy as np
from threadpoolctl import threadpool_info
from analysis.linalg.blas import add_product
from analysis.linalg.kernels import threads
def told():
    return sorted({each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"})
from concurrent.futures import ThreadPoolExecutor
with threads(3):
    before = len(threadpool_info())
    with threads(1):
        assert "scipy.linalg" not in sys.modules
        with ThreadPoolExecutor(1) as other:
            other.submit(add_product, np.zeros((4, 4)), np.ones((4, 4))).result()
        assert len(threadpool_info()) > before, "no library came with SciPy"
        print(told())
    print(told())
"""


def counts() -> list[int]:
    return [library.num_threads for library in libraries.libraries()]


def test_a_library_loaded_within_a_limit_keeps_it() -> None:
    """In a process of its own, where SciPy is not loaded yet."""
    ended = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["[1]", "[3]"]


def test_all_is_as_it_was_also_after_an_error() -> None:
    before = counts()
    with contextlib.suppress(KeyError), limit(3):
        assert set(counts()) == {3}
        with limit(1):
            tell_new_ones()
            assert set(counts()) == {1}
        assert set(counts()) == {3}
        raise KeyError
    assert counts() == before
