"""How many threads the libraries below NumPy and SciPy use: one number for all, also for one that is loaded later.

SciPy's own OpenBLAS is loaded when the first routine of it is called, perhaps while threads are limited: it is then
told the number that the others have. Without that two tensors measured side by side took turns in it, each with a
second thread that waits in a loop.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from threading import Lock

from threadpoolctl import LibController, ThreadpoolController

NAMES = [f"{first}openblas_set_num_threads{last}" for first, last in product(("", "scipy_"), ("", "64_", "_64"))]

_lock = Lock()
_loaded: list[ThreadpoolController] = []  # one, or none yet


def controller() -> ThreadpoolController:
    """Of what NumPy and SciPy bring along. Kept, for looking through the loaded libraries takes milliseconds."""
    if not _loaded:
        _loaded[:] = [ThreadpoolController()]
    return _loaded[0]


def libraries() -> list[LibController]:
    found: list[LibController] = controller().select(user_api="blas").lib_controllers
    return found


def tell_new_ones() -> None:
    """A library may have been loaded just now: it is told the number that those before it have."""
    with _lock:
        numbers = _numbers()
        _loaded[:] = [ThreadpoolController()]
        _follow(numbers)


@contextmanager
def limit(count: int) -> Iterator[None]:
    """Within it all of them use that many threads, and as many as before from then on."""
    before, known = controller(), set(_numbers())
    try:
        with before.limit(limits=count, user_api="blas"):
            yield
    finally:
        if controller() is not before:
            _follow({path: number for path, number in _numbers().items() if path in known})


def _follow(numbers: Mapping[str, int]) -> None:
    """Libraries other than these are told the number of these, whichever thread asks: threadpoolctl heeds but one."""
    for library in libraries():
        if numbers and library.filepath not in numbers:
            for name in NAMES:
                if hasattr(library.dynlib, name):
                    getattr(library.dynlib, name)(min(numbers.values()))


def _numbers() -> dict[str, int]:
    return {library.filepath: library.num_threads for library in libraries()}
