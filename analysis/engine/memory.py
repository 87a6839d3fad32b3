"""How much memory a tensor takes and how much there is: what cannot fit is refused before it is read.

Otherwise the system would end the process with all that it holds, and end the next one that tries. What is predicted is
the least: the numbers, and what the arithmetic holds in addition in float64.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import psutil

from analysis.diagnostic import Request, Scope
from analysis.errors import escape
from analysis.findings.wording import size
from analysis.tensors.matrices import matrices
from analysis.weight import TensorInfo

LITTLE = 1 << 28  # bytes that are always there: the libraries alone take about as much
# numbers in float64 beside a tensor, for each of its entries: what vectors of one matrix take while they are found
# (analysis.linalg.triplets: the matrix, its images, the long side's vectors), and what one vector's products take
BESIDE = {Scope.ONE: 0, Scope.FAMILY: 1, Scope.PAIR: 3, Scope.UPDATES: 3}


def side(info: TensorInfo) -> int:
    """The largest smaller side of its matrices; 0 where it has none."""
    return max((min(weight.rows, weight.columns) for weight in matrices(info)), default=0)


def bytes_of_one(info: TensorInfo, copies: int = 0) -> int:
    """Bytes for its singular values: itself, so many copies in float32 or wider, a Gram matrix and the solver's."""
    return info.nbytes + copies * max(4 * info.size, info.nbytes) + 16 * side(info) ** 2


def copies(requests: Iterable[Request]) -> int:
    """Copies of a whole tensor that measuring makes at most: as the diagnostics say, and one where they compare."""
    return max((max(r.diagnostic.copies, r.diagnostic.scope is not Scope.ONE) for r in requests), default=0)


def bytes_of_several(infos: Sequence[TensorInfo], scopes: Collection[Scope]) -> int:
    """Bytes for the same tensor in several checkpoints at once, compared as these scopes do."""
    largest = max(info.size for info in infos)
    vectors = sum(8 * (info.size + side(info) ** 2) for info in infos) if Scope.PAIR in scopes else 0
    workspace = 8 * largest * max(BESIDE[scope] for scope in scopes)
    return sum(info.nbytes for info in infos) + vectors + workspace + 16 * max(map(side, infos)) ** 2


def too_large(info: TensorInfo, need: int, limit: int | None) -> str | None:
    """Why it cannot be measured, in words, where it needs more than the limit; None where it fits.

    The limit is in bytes; None is what is available now.
    """
    if limit is None and need < LITTLE:
        return None
    room = available() if limit is None else limit
    if need <= room:
        return None
    shape = " × ".join(f"{extent:,}" for extent in info.shape)
    whose = "available" if limit is None else "allowed"
    return (
        f"{escape(info.name)}: measuring {shape} takes {size(need)} of memory, and {size(room)} "
        f"are {whose}; take a machine with more, or set EIGENSCOPE_MEMORY_LIMIT (bytes) if this has more"
    )


def available() -> int:
    """Bytes that the system, without swapping, and the container it may be in still give."""
    system: int = psutil.virtual_memory().available
    container = _container()
    return system if container is None else min(system, container)


def _container(group: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control group leaves (version 2); pages of files that it could drop count as free."""
    try:
        limit, usage = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        stats = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - int(usage) + int(stats.get("inactive_file", 0)))
