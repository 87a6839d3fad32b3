"""The lists of checkpoints and runs, as both pages show them."""

import json
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from analysis.diagnostic import Table
from app import checkpoints, models
from app.runs import reports, runs
from app.states import ENDED, CheckpointState, RunState
from app.web.dependencies import Reading
from frontend import numbers, states
from frontend.rows import number, rows_at
from frontend.tables import grid

MAIN = ("esd", "alpha")  # the diagnostic and the column whose grid stands for a model
REMEMBERED = 256  # glances at ended runs


@dataclass(frozen=True, slots=True)
class Glance:
    """What a list tells of a report: a grid, and of the values that may be read their median and how many are usual."""

    finger: grid.Fingerprint | None
    alpha: str
    usual: str
    headline: str


NOTHING = Glance(None, numbers.ABSENT, numbers.ABSENT, "")


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    id: int
    url: str
    name: str
    look: states.Look
    reason: str | None
    status: str
    kind: str
    parameters: str
    added: str
    finger: grid.Fingerprint | None
    alpha: str
    usual: str


@dataclass(frozen=True, slots=True)
class RunRow:
    id: int
    url: str
    name: str
    look: states.Look
    when: str
    line: str
    done: int
    total: int


class Glances:
    """Glances at ended runs, kept: their rows do not change any more, only what is stated of their checkpoints."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Glance] = OrderedDict()

    def at(self, session: Reading, run: models.Run, position: int) -> Glance:
        facts = json.dumps([member.checkpoint.stated for member in run.members], sort_keys=True)
        key = (str(session.get_bind().engine.url), run.id, run.finished_at, position, facts)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        entry = glance(session, run, position)
        if run.state in ENDED:
            self._kept[key] = entry
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return entry


GLANCES = Glances()


def glance(session: Reading, run: models.Run, position: int) -> Glance:
    diagnostic, column = MAIN
    if diagnostic not in run.diagnostics:
        table = reports.table(session, run.id, next(iter(run.diagnostics)))
        return replace(NOTHING, headline=table.diagnostic.summarise(table).headline if table.rows else "")
    return glance_of(reports.table(session, run.id, diagnostic), column, position)


def glance_of(table: Table, column: str, position: int) -> Glance:
    own = Table(table.diagnostic, tuple(rows_at(table, position)))
    rows = [row for row in own.rows if number(row, column) is not None]
    if not rows:
        return NOTHING
    declared = own.diagnostic.column(column)
    low, high = declared.usual or (float("-inf"), float("inf"))
    values = [number(row, column) or 0.0 for row in rows if declared.judges(row)]
    usual_count = sum(low <= value <= high for value in values)
    return Glance(
        grid.fingerprint(own, column, position),
        numbers.short(median(values)) if values else numbers.ABSENT,
        f"{usual_count} of {len(values)}" if values else numbers.ABSENT,
        own.diagnostic.summarise(own).headline,
    )


def checkpoint_rows(session: Reading, rows: Sequence[models.Checkpoint], now: float) -> list[CheckpointRow]:
    ids = [row.id for row in rows]
    latest = checkpoints.latest_runs(session, ids) | checkpoints.latest_runs(session, ids, MAIN[0])
    return [_checkpoint(session, row, latest.get(row.id), now) for row in rows]


def _checkpoint(session: Reading, row: models.Checkpoint, latest: int | None, now: float) -> CheckpointRow:
    run = None if latest is None else runs.get(session, latest)
    overview = NOTHING if run is None else GLANCES.at(session, run, place(run, row.id))
    look = states.checkpoint(row.state)
    status = look.word if look.moving else "not analysed" if run is None else states.run(run.state).word
    return CheckpointRow(
        id=row.id,
        url=f"/checkpoints/{row.id}",
        name=row.name,
        look=look,
        reason=row.reason or row.reason_code if row.state == CheckpointState.REJECTED else None,
        status=status if status != RunState.DONE else numbers.ABSENT,
        kind=row.kind or numbers.ABSENT,
        parameters=numbers.ABSENT if row.parameters is None else numbers.parameters(row.parameters),
        added=numbers.describe_age(row.created_at, now),
        finger=overview.finger,
        alpha=overview.alpha,
        usual=overview.usual,
    )


def place(run: models.Run, checkpoint: int) -> int:
    return next((member.position for member in run.members if member.checkpoint_id == checkpoint), 0)


def run_rows(session: Reading, rows: Sequence[models.Run], now: float) -> list[RunRow]:
    return [_run(session, row, now) for row in rows]


def _run(session: Reading, row: models.Run, now: float) -> RunRow:
    progress = runs.progress(session, row)
    look = states.run(row.state)
    return RunRow(
        id=row.id,
        url=f"/runs/{row.id}",
        name=name_of(row),
        look=look,
        when=eta(progress.eta_seconds) or numbers.describe_age(row.finished_at or row.created_at, now),
        line=line(row, progress) or GLANCES.at(session, row, 0).headline,
        done=progress.done,
        total=progress.total,
    )


def name_of(run: models.Run) -> str:
    """The run's checkpoints, as a title."""
    first, *rest = [member.checkpoint.name for member in run.members]
    return first if not rest else f"{first} and {len(rest)} more"


def eta(seconds: float | None) -> str:
    return "" if seconds is None else f"about {numbers.duration(seconds)} left"


def line(run: models.Run, progress: runs.Progress) -> str:
    """What an unfinished run is doing, or how it ended; nothing of one that is done."""
    count = f"{progress.done} of {numbers.plural(progress.total, 'tensor')}"
    if run.state == RunState.WAITING:
        return "Starts when its checkpoint is ready."
    if run.state == RunState.RUNNING:
        return f"{count}. Now: {progress.current}" if progress.current else f"{count}. Waiting for a worker."
    if run.state == RunState.CANCELLED:
        return f"Cancelled after {count}; those results are kept."
    return (run.reason or "It failed.") if run.state == RunState.FAILED else ""


def summary(rows: Sequence[RunRow]) -> str:
    """How many of the runs move: "1 running, 1 waiting"."""
    words = [row.look.word for row in rows if row.look.moving]
    counts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    return ", ".join(counts) or numbers.plural(len(rows), "run")
