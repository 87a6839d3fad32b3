"""Results in, reports out: what workers measured becomes rows, and rows become the analysis' own tables and report."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from analysis.coverage import Coverage, coverage, coverage_of_members, failures, merge_coverages
from analysis.diagnostic import Measurement, Request, Row, Scope, Severity, Summary, Table
from analysis.diagnostics import diagnostic as diagnostic_named
from analysis.diagnostics import requests as requests_of
from analysis.engine.comparison import alignment_of
from analysis.report import Report, options_of
from analysis.weight import TensorInfo, WeightInfo
from app.checkpoints import tensors_at
from app.db import insert_of
from app.errors import NotFound
from app.models import Curve, Result, Run, Unit
from app.runs.members import facts_of, file_facts_of, members_of, names_of, others_of, tensor_info
from app.states import RunState, UnitState
from app.work import leases, units

NOT_YET = "not analysed yet"
STOPPED = "the run was cancelled before this tensor"
ROWS_AT_ONCE = 500  # below every database's limit of parameters in a statement
CURVE = np.dtype("<f4")
FIELDS = frozenset(field.name for field in fields(WeightInfo))
PLACE = (Result.weight_digest, Result.group)  # a weight in a group of checkpoints
MEASURED = (Result.id, *PLACE, Result.values, Result.note)  # all that a table needs, of a row, but its weight
WeightsKnown = dict[tuple[str, str], WeightInfo]  # by PLACE: the same in every table of a run


def record(
    session: Session,
    identity: int,
    claim: int,
    portions: Sequence[Iterable[tuple[str, Row]]],
    behind: int = 0,
    done: int | None = None,
) -> Unit:
    """The rows of the unit's next tensors, and that these are done. Rows that are there already stay as they are.

    `behind` counts the tensors that come before this checkpoint's own in a table. `done` is how many tensors of the
    unit had their rows before: where more have, these were recorded and the answer to their commit was lost. Raises
    LeaseLost where the unit is not this worker's any more.
    """
    unit = leases.lock_held(session, Unit, identity, claim)
    if portions and (done is None or unit.done <= done):
        rows: dict[tuple[str, str, str], tuple[dict[str, Any], Row]] = {}
        for tensor, portion in zip(unit.tensors[unit.done :], portions, strict=False):
            for values, row in _values_of(unit.run_id, behind + tensor, portion):
                rows.setdefault((values["diagnostic"], values["weight_digest"], values["group"]), (values, row))
        _insert(session, rows)
        units.advance(session, unit, len(portions))
    return unit


def _values_of(run: int, tensor: int, rows: Iterable[tuple[str, Row]]) -> Iterator[tuple[dict[str, Any], Row]]:
    counts: dict[str, int] = defaultdict(int)
    for name, row in rows:
        values = {
            "run_id": run,
            "diagnostic": name,
            "weight_digest": weight_digest(row.weight),
            "group": group_text(row.group),
            "tensor": tensor,
            "ordinal": counts[name],
            "info": asdict(row.weight),
            "values": dict(row.measurement.values),
            "note": row.measurement.note,
        }
        counts[name] += 1
        yield values, row


def _insert(session: Session, rows: Mapping[tuple[str, str, str], tuple[dict[str, Any], Row]]) -> None:
    """Rows that are there already stay, with their curves."""
    key = (Result.diagnostic, Result.weight_digest, Result.group)
    insert = insert_of(session)(Result).on_conflict_do_nothing().returning(Result.id, *key)
    if not rows:
        return
    new = session.execute(insert, [values for values, _ in rows.values()]).all()
    curves = [
        {"result_id": identity, "name": name, "data": curve.astype(CURVE).tobytes()}
        for identity, *place in new
        for name, curve in rows[place[0], place[1], place[2]][1].measurement.curves.items()
    ]
    if curves:
        session.execute(insert_of(session)(Curve), curves)


def weight_digest(info: WeightInfo) -> str:
    """128 bits of what names a weight, which itself may be longer than an index entry can be.

    The tensor counts too: a file may hold a stack "experts.w" beside a tensor "experts.0.w".
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in (info.tensor, info.name):
        digest.update(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()


def group_text(group: Sequence[int]) -> str:
    return ",".join(map(str, group))


@lru_cache(maxsize=1024)  # a run has a few, each of them in every row
def group_of(text: str) -> tuple[int, ...]:
    """The positions that `group_text` wrote."""
    return tuple(map(int, text.split(",")))


def requests(run: Run) -> tuple[Request, ...]:
    """The run's diagnostics with their settings."""
    return requests_of(run.diagnostics)


def table(
    session: Session,
    run_id: int,
    diagnostic: str,
    curves_of: Collection[str] = (),
    curves_named: Sequence[str] = (),
    part: range | None = None,
    known: WeightsKnown | None = None,
) -> Table:
    """The measurements so far of one diagnostic, in the tensors' order.

    With all curves of some weights, or with the curves of these names of every weight, if asked. Of a part, the rows of
    tensors at these places alone, and nothing of the tensors that are no matrices. `known` are the weights that another
    table of the run has; those that this one adds are put there.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"Run {run_id} does not exist.")
    if diagnostic not in run.diagnostics:
        raise NotFound(f"Run {run_id} does not have that diagnostic; it has: {', '.join(run.diagnostics)}.")
    is_asked = [Result.run_id == run_id, Result.diagnostic == diagnostic]
    if part is not None:
        is_asked += [Result.tensor >= part.start, Result.tensor < part.stop]
        is_asked += [Result.group == group_text((0,))] if len(run.members) == 1 else []  # as the index has them
    query = select(*MEASURED).where(*is_asked)
    result_rows = session.execute(query.order_by(Result.tensor, Result.ordinal)).all()
    results = sorted(result_rows, key=lambda result: group_of(result.group))
    names = {*curves_named, *diagnostic_named(diagnostic).summary_curves}
    weights = _weights(session, is_asked, {(r.weight_digest, r.group) for r in results}, {} if known is None else known)
    of_some = [r.id for r in results if weights[r.weight_digest, r.group].name in curves_of]
    condition: ColumnElement[bool] = Curve.result_id.in_(of_some)
    if names:
        of_all = select(Result.id).where(*is_asked)
        condition = condition | Curve.result_id.in_(of_all) & Curve.name.in_(names)
    curves = _curves(session, condition)
    rows = tuple(_row(weights[r.weight_digest, r.group], r, curves.get(r.id)) for r in results)
    compares_others = diagnostic_named(diagnostic).scope is Scope.PAIR and part is None
    other_tensors = others_of(session, run) if compares_others else ()
    return Table(diagnostic_named(diagnostic), rows, names_of(run), facts_of(run), file_facts_of(run), other_tensors)


def _weights(
    session: Session, is_asked: Sequence[ColumnElement[bool]], places: Collection[tuple[str, str]], known: WeightsKnown
) -> WeightsKnown:
    """`known` with the weights at these places: read where one is missing."""
    if any(place not in known for place in places):
        for digest, group, info in session.execute(select(*PLACE, Result.info).where(*is_asked)):
            known.setdefault((digest, group), _weight(info))
    return known


def _curves(session: Session, wanted: ColumnElement[bool]) -> dict[int, dict[str, Any]]:
    curves: dict[int, dict[str, Any]] = defaultdict(dict)
    for curve in session.scalars(select(Curve).where(wanted)):
        curves[curve.result_id][curve.name] = np.frombuffer(curve.data, CURVE).astype(np.float32)
    return curves


def curve_names(session: Session, run_id: int, weight: WeightInfo, position: int) -> frozenset[tuple[str, str]]:
    """(diagnostic, name) of each curve that was measured on a weight of the checkpoint at this place."""
    query = select(Result.diagnostic, Curve.name).join(Curve, Curve.result_id == Result.id)
    is_asked = (Result.weight_digest == weight_digest(weight), Result.group == group_text((position,)))
    found = session.execute(query.where(Result.run_id == run_id, *is_asked))
    return frozenset((diagnostic, name) for diagnostic, name in found)


def rows_since(session: Session, run_id: int, heard: Container[int]) -> dict[int, tuple[str, Row]]:
    """The run's rows, without curves, whose ids are not among those heard: id -> (diagnostic, row)."""
    ids = session.scalars(select(Result.id).where(Result.run_id == run_id).order_by(Result.id))
    new = [identity for identity in ids if identity not in heard][:ROWS_AT_ONCE]
    results = session.scalars(select(Result).where(Result.id.in_(new)).order_by(Result.id))
    return {result.id: (result.diagnostic, row_of(result)) for result in results}


def row_of(result: Result) -> Row:
    """The row of a Result, without its curves."""
    return _row(_weight(result.info), result)


def _row(weight: WeightInfo, result: Any, curves: Mapping[str, Any] | None = None) -> Row:
    return Row(weight, group_of(result.group), Measurement(result.values, curves or {}, result.note))


def _weight(info: Mapping[str, Any]) -> WeightInfo:
    return WeightInfo(**{name: value for name, value in info.items() if name in FIELDS})


def report(session: Session, run_id: int, part: range | None = None) -> Report:
    """The run's report so far: of a finished run, what `analysis.engine.single.analyze` finds in the same files.

    Summaries see every value, and of the curves only those that their diagnostic asks for. Of a part, the tensors at
    these places alone; of several checkpoints then without coverage, which needs all tensors of each.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"Run {run_id} does not exist.")
    known: WeightsKnown = {}
    tables = tuple(table(session, run_id, name, part=part, known=known) for name in run.diagnostics)
    covered = _coverage(session, run, tables) if part is None else _coverage_of_part(session, run, tables, part)
    return Report(covered, tables, names_of(run), options_of(requests(run)))


def _coverage(session: Session, run: Run, tables: Sequence[Table]) -> Coverage:
    members = members_of(session, run)
    if not _was_planned(session, run):
        reason = run.reason or NOT_YET
        parts = [coverage(m.tensors, {t.name: reason for t in m.tensors if t.skip is None}) for m in members]
        return parts[0] if len(parts) == 1 else merge_coverages(parts)
    waiting = {
        position: reasons_unfinished(session, run, position, member.tensors) for position, member in enumerate(members)
    }
    if len(members) == 1:
        return coverage(members[0].tensors, waiting[0] | failures(tables))
    return coverage_of_members(members, alignment_of(members, requests(run)), tables, waiting)


def _coverage_of_part(session: Session, run: Run, tables: Sequence[Table], part: range) -> Coverage:
    if len(run.members) > 1:
        return merge_coverages([])
    records = tensors_at(session, run.members[0].checkpoint_id, part)
    infos = {place: tensor_info(record) for place, record in sorted(records.items())}
    waiting = _reasons_unfinished(session, run, 0, infos)
    return coverage(list(infos.values()), waiting | failures(tables))


def _was_planned(session: Session, run: Run) -> bool:
    """Whether the run ever had its units; one that was stopped or refused before has none."""
    return run.state in (RunState.RUNNING, RunState.DONE) or bool(
        session.scalar(select(exists().where(Unit.run_id == run.id)))
    )


def reasons_unfinished(session: Session, run: Run, position: int, infos: Sequence[TensorInfo]) -> dict[str, str]:
    """Tensors without rows, with the reason."""
    return _reasons_unfinished(session, run, position, dict(enumerate(infos)))


def _reasons_unfinished(session: Session, run: Run, position: int, infos: Mapping[int, TensorInfo]) -> dict[str, str]:
    """Of these tensors, by their places, those without rows."""
    missing: dict[str, str] = {}
    query = select(Unit).where(Unit.run_id == run.id, Unit.member == position, Unit.state != UnitState.DONE)
    for unit in session.scalars(query):
        match unit.state:
            case UnitState.FAILED:
                reason = unit.reason or "the worker failed"
            case UnitState.CANCELLED:
                reason = STOPPED
            case _:
                reason = NOT_YET
        missing |= {infos[tensor].name: reason for tensor in unit.tensors[unit.done :] if tensor in infos}
    return missing


def flagged_weights(
    table: Table, columns: Container[str] | None = None, summary: Summary | None = None
) -> frozenset[str]:
    """The weights that deserve a look: a value outside its usual range, or named in a finding that warns.

    Where columns are given, only their ranges count. `summary` is the table's own, where it is known already.
    """
    own = table.diagnostic.summarise(table) if summary is None else summary
    counting = [c for c in table.diagnostic.columns if columns is None or c.name in columns]
    ranges = [(c, *c.usual) for c in counting if c.usual is not None]
    suspects = {
        weight for finding in own.findings if finding.severity is not Severity.NOTE for weight in finding.weights
    }
    outliers = {
        row.weight.name
        for row in table.rows
        for column, low, high in ranges
        if column.judges(row) and _is_outside(row.value(column.name), low, high)
    }
    return frozenset(suspects | outliers)


def _is_outside(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not low <= value <= high
