"""How many cores this process may use: in a container or a batch system often fewer than the machine has."""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def cores() -> int:
    """OMP_NUM_THREADS where it is set, as the libraries read it; else what affinity and control groups leave, from 1.

    A quota of 1.5 cores counts as 2: two threads get all of it, and one would not.
    """
    if asked := _asked():
        return asked
    own = _affinity()
    quota = cpu_quota()
    return own if quota is None else max(1, min(own, math.ceil(quota)))


def _asked() -> int | None:
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(root: Path = CGROUPS, own: Path = OWN) -> float | None:
    """Cores that the control group, or one that it is in, lets its processes use in the mean; None without a limit.

    Version 2 has cpu.max in each group, version 1 cpu.cfs_quota_us and cpu.cfs_period_us
    (kernel.org, Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst).
    """
    quotas = [quota for folder in _groups(root, own) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _groups(root: Path, own: Path) -> list[Path]:
    """The folders of the process's groups and of those that they are in; of a container's own the root alone."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        lines = []
    folders = [root, root / "cpu"]
    for _, controllers, place in (line for line in lines if len(line) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        base = root / "cpu" if controllers else root
        parts = [part for part in place.split("/") if part not in ("", "..")]
        folders += [base.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return folders


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota, period = ((folder / f"cpu.cfs_{what}_us").read_text().strip() for what in ("quota", "period"))
        return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
