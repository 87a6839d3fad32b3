"""Threads for short work that many may ask for at once: a few for each kind, so that they leave time to all others.

Forty threads that compute take turns at the interpreter with the event loop, which answers everyone.
"""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

LANE = 2  # threads
T = TypeVar("T")
_lanes: RunVar[dict[str, CapacityLimiter]] = RunVar("lanes")


async def run_in_lane(kind: str, call: Callable[[], T]) -> T:
    """What the call returns, made in one of the threads of its kind. It waits for no lock that is held long."""
    try:
        lanes = _lanes.get()
    except LookupError:
        lanes = {}
        _lanes.set(lanes)
    return await run_sync(call, limiter=lanes.setdefault(kind, CapacityLimiter(LANE)))
