"""What a process gives up before it touches a file that nobody vouches for."""

import ctypes
import os
import resource
import signal
from dataclasses import dataclass

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process may take. Seconds and bytes."""

    wall: float  # kept by the parent
    cpu: int
    memory: int
    mapped: int  # of files, beside the memory
    written: int  # the size of any file it writes
    room: int = 2**62  # of the disk, for what is rewritten
    tensors: int = 100_000
    said: int = 64 * MEBIBYTE  # its answer, kept by the parent: 100,000 tensors take about 10 MB


def confine(limits: Limits) -> None:
    """Bounds this process for good, as far as the system allows; what it does not allow is left as it is."""
    _without_network()
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a worker that is killed takes its reader along
    _limit(resource.RLIMIT_CPU, limits.cpu, limits.cpu + 5)
    _limit(resource.RLIMIT_DATA, limits.memory, limits.memory)
    _limit(resource.RLIMIT_AS, limits.memory + limits.mapped, limits.memory + limits.mapped)
    _limit(resource.RLIMIT_FSIZE, limits.written, limits.written)
    _limit(resource.RLIMIT_NOFILE, 256, 256)
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_NPROC, 0, 0)  # no new process; root is exempt


def _limit(kind: int, soft: int, hard: int) -> None:
    """Sets a limit, no higher than what is allowed already."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):
        return  # macOS knows some of them by name only


def _without_network() -> None:
    """Leaves for a network name space of its own, in which there is nothing.

    As root without a new user name space, because files may be readable by root's privileges alone.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "unshare"):
        return
    if libc.unshare(CLONE_NEWNET) != 0 and os.geteuid() != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(option, value, 0, 0, 0)
