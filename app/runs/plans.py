"""What a run will cost, and its division into units of about equal predicted cost."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from sqlalchemy.orm import Session

from analysis.diagnostic import Request, Scope
from analysis.diagnostics import requests as requests_of
from analysis.engine.comparison import align_for, groups_of, unpaired_tensors
from analysis.errors import WrongBase, escape
from analysis.tensors.matching import Aligned, Member
from analysis.tensors.matrices import matrices
from analysis.weight import TensorInfo
from app.models import Run, Unit
from app.runs.members import members_of, names_of
from app.states import CheckpointState, RunState
from app.work import leases, units

# Multiply-adds. Two CPU cores do about 2e10 a second (MiniLM's 4.6e10 take 2.5 s): a unit is some 10 s there, a
# fraction of one on a GPU, so that little is lost with a worker, and a run spreads over 32 of them.
MOST_PER_UNIT = 2e11
LEAST_PER_UNIT = 2e9
WORKERS_TO_FEED = 32
PER_TENSOR = 2e7  # opening, reading and recording, as multiply-adds
# With vectors a decomposition takes 2.3 times (384²) to 3.6 times (2048²) as long, and a fine-tune has two of them: its
# own and its update's.
VECTORS = 5.0


def cost_of(info: TensorInfo) -> float:
    return PER_TENSOR + sum(weight.cost for weight in matrices(info))


def costs_of(
    members: Sequence[Member], names: Sequence[str], requests: Sequence[Request]
) -> Mapping[int, Mapping[int, float]]:
    """The predicted cost of each tensor to measure, by the checkpoint that it is counted in and its position there.

    A tensor of the base stands for its partners in all other checkpoints too. Raises WrongBase.
    """
    base = members[0].tensors
    if len(members) > 1:
        return _joint_costs(members, names, requests)
    if members[0].kind == "adapter":
        text = "is an adapter: request a run over its base model and the adapter, in this order"
        raise WrongBase(f"{escape(names[0])} {text}", "adapter-alone")
    return {0: {position: cost_of(info) for position, info in enumerate(base) if info.skip is None}}


def _joint_costs(
    members: Sequence[Member], names: Sequence[str], requests: Sequence[Request]
) -> Mapping[int, Mapping[int, float]]:
    alignment = align_for(members, names, requests)
    positions = {info.name: position for position, info in enumerate(members[0].tensors)}
    costs: dict[int, dict[int, float]] = {0: {}}
    for row in alignment.rows:
        if cost := _joint_cost(row, requests):
            position = positions[row.base.name]
            costs[0][position] = costs[0].get(position, 0.0) + cost
    for member, position in unpaired_tensors(members, alignment, requests):
        costs.setdefault(member, {})[position] = cost_of(members[member].tensors[position])
    return costs


def _joint_cost(aligned: Aligned, requests: Sequence[Request]) -> float:
    """Reading the tensor in every checkpoint, and one decomposition of it in each: with vectors where two are compared.

    0 where no request looks at it.
    """
    views = [(request.diagnostic.scope, group) for request in requests for group in groups_of(aligned, request)]
    spectra = {position for scope, group in views if scope is Scope.ONE for position in group}
    vectors = {position for scope, group in views if scope is not Scope.ONE for position in group}
    times = {position: (position in spectra) + VECTORS * (position in vectors) for position in spectra | vectors}
    return sum(
        PER_TENSOR + count * sum(weight.cost for weight in matrices(aligned.at(position)))
        for position, count in times.items()
    )


def plan(session: Session, run: Run) -> None:
    """Starts a run whose checkpoints are all ready: its units, offered to the workers. Raises WrongBase."""
    costs = costs_of(members_of(session, run), names_of(run), requests_of(run.diagnostics))
    run.state = RunState.RUNNING
    for member, of_tensors in costs.items():
        for portion in portions(of_tensors):
            unit_costs = [of_tensors[position] for position in portion]
            leases.offer(session, Unit(run_id=run.id, member=member, tensors=portion, costs=unit_costs, done=0))
    units.settle(session, run)


def plan_waiting(session: Session, checkpoint_id: int) -> None:
    """Starts the runs that waited for this checkpoint and for no other."""
    for run in units.waiting_for(session, checkpoint_id):
        if all(member.checkpoint.state == CheckpointState.READY for member in run.members):
            try:
                plan(session, run)
            except WrongBase as error:
                units.close(session, run, RunState.FAILED, error.code, error.message)


def portions(costs: Mapping[int, float]) -> list[list[int]]:
    """The positions in order, cut where the running cost passes multiples of an equal share."""
    total = sum(costs.values())
    share = min(max(total / WORKERS_TO_FEED, LEAST_PER_UNIT), MOST_PER_UNIT)
    count = max(1, round(total / share))
    pairs = _number_portions(costs.items(), total, count)
    return [[position for _, position in group] for _, group in groupby(pairs, key=lambda pair: pair[0])]


def _number_portions(costs: Iterable[tuple[int, float]], total: float, count: int) -> Sequence[tuple[int, int]]:
    """(portion, position) pairs: a tensor belongs where the middle of its cost falls."""
    pairs, running_sum = [], 0.0
    for position, cost in costs:
        pairs.append((int((running_sum + cost / 2) / total * count), position))
        running_sum += cost
    return pairs
