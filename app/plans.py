"""What a run will cost, and its division into units of about equal predicted cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from analysis.matrices import matrices
from analysis.weight import TensorInfo
from app import checkpoints, leases, units
from app.models import Run, Unit

# Multiply-adds. Two CPU cores do about 2e10 a second (MiniLM's 4.6e10 take 2.5 s): a unit is some 10 s there, a
# fraction of one on a GPU, so that little is lost with a worker, and a run spreads over 32 of them.
MOST_PER_UNIT = 2e11
LEAST_PER_UNIT = 2e9
WORKERS_TO_FEED = 32
PER_TENSOR = 2e7  # opening, reading and recording, as multiply-adds


def tensor_info(stored: Mapping[str, Any]) -> TensorInfo:
    """A TensorInfo out of its JSON."""
    known = {field.name for field in fields(TensorInfo)}
    values = {name: value for name, value in stored.items() if name in known}
    return TensorInfo(**{**values, "shape": tuple(stored["shape"])})


def cost_of(info: TensorInfo) -> float:
    return PER_TENSOR + sum(weight.cost for weight in matrices(info))


def plan(session: Session, run: Run) -> None:
    """Starts a run whose checkpoints are all ready: its units, offered to the workers."""
    run.state = "running"
    for member in run.members:
        infos = [tensor_info(stored) for stored in checkpoints.tensors(session, member.checkpoint_id)]
        costs = {position: cost_of(info) for position, info in enumerate(infos) if info.skip is None}
        for portion in portions(costs):
            chosen = [costs[position] for position in portion]
            leases.offer(session, Unit(run_id=run.id, member=member.position, tensors=portion, costs=chosen, done=0))
    units.settle(session, run)


def plan_waiting(session: Session, checkpoint_id: int) -> None:
    """Starts the runs that waited for this checkpoint and for no other."""
    for run in units.waiting_for(session, checkpoint_id):
        if all(member.checkpoint.state == "ready" for member in run.members):
            plan(session, run)


def portions(costs: Mapping[int, float]) -> list[list[int]]:
    """The positions in order, cut where the running cost passes multiples of an equal share."""
    total = sum(costs.values())
    share = min(max(total / WORKERS_TO_FEED, LEAST_PER_UNIT), MOST_PER_UNIT)
    count = max(1, round(total / share))
    numbered = _numbered(costs.items(), total, count)
    return [[position for _, position in group] for _, group in groupby(numbered, key=lambda pair: pair[0])]


def _numbered(costs: Iterable[tuple[int, float]], total: float, count: int) -> Sequence[tuple[int, int]]:
    """(portion, position) pairs: a tensor belongs where the middle of its cost falls."""
    found, before = [], 0.0
    for position, cost in costs:
        found.append((int((before + cost / 2) / total * count), position))
        before += cost
    return found
