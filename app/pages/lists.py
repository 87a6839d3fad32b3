"""The rows of checkpoints and runs, as every list of the pages shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.diagnostics import diagnostic
from app import models
from app.lists import overviews
from app.lists.overviews import Glance
from app.lists.parameters import SEVERITIES
from app.runs import runs
from app.runs.overviews import ALPHA
from app.states import OPEN_RUNS, CheckpointState, RunState
from app.web.dependencies import Reading
from frontend import numbers, states
from frontend.tables import grid

FACTS = (("step", "step"), ("width", "width"), ("learning_rate", "η"), ("weight_decay", "λ"), ("rank", "rank"))
FEW = 3  # facts in a row
ENDED_RUN = runs.Progress(RunState.DONE, 0, 0, None, None)  # of one whose line tells no progress


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst finding of a report, and how many there are."""

    look: states.Look
    text: str
    more: int


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
    size: str
    added: str
    finger: grid.Fingerprint | None
    alpha: str
    usual: str
    intruders: str
    worst: Worst | None
    report: str  # the address of the newest report, or ""
    facts: str
    tags: Sequence[str]
    notes: str


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
    worst: Worst | None
    asked: str
    tags: Sequence[str]
    notes: str


def checkpoint_rows(session: Reading, rows: Sequence[models.Checkpoint], now: float) -> list[CheckpointRow]:
    found = overviews.glances(session, [row.id for row in rows])
    open_runs = runs.open_over(session, [row.id for row in rows])
    return [_checkpoint(row, found[row.id], open_runs.get(row.id), now) for row in rows]


def _checkpoint(row: models.Checkpoint, glance: Glance, open_run: RunState | None, now: float) -> CheckpointRow:
    look = states.checkpoint(row.state)
    if open_run is not None and not look.moving:
        look = states.run(open_run)
    alphas, newest = glance.alphas, glance.newest
    return CheckpointRow(
        id=row.id,
        url=f"/checkpoints/{row.id}",
        name=row.name,
        look=look,
        reason=row.reason or row.reason_code if row.state == CheckpointState.REJECTED else None,
        status=look.word if look.moving else "not analysed" if newest is None else "",
        kind=row.kind or numbers.ABSENT,
        parameters=numbers.ABSENT if row.parameters is None else numbers.parameters(row.parameters),
        size=numbers.size(row.bytes),
        added=numbers.describe_age(row.created_at, now),
        finger=None if alphas is None else picture(alphas.cells),
        alpha=numbers.ABSENT if alphas is None else numbers.short(alphas.median_alpha),
        usual=f"{alphas.usual} of {alphas.fitted}" if alphas is not None and alphas.fitted else numbers.ABSENT,
        intruders=numbers.ABSENT if glance.intruders is None else numbers.short(glance.intruders.intruders),
        worst=worst(newest),
        report="" if newest is None else f"/runs/{newest.run_id}",
        facts=facts_in_short(row.known),
        tags=row.tags,
        notes=row.notes,
    )


def picture(cells: Sequence[Sequence[Any]]) -> grid.Fingerprint | None:
    """The small picture of an overview's cells."""
    name, column = ALPHA
    return grid.glyph([(role, depth, value) for role, depth, value in cells], diagnostic(name).column(column))


def worst(overview: models.Overview | None) -> Worst | None:
    if overview is None or overview.finding is None:
        return None
    severity = SEVERITIES[overview.severity] or ""
    return Worst(states.severity(severity), overview.finding, overview.findings - 1)


def facts_in_short(known: Mapping[str, Any]) -> str:
    """The first few facts that tell checkpoints of one kind apart.

    >>> facts_in_short({"width": 384, "step": 20000, "learning_rate": 0.001})
    'step 20,000 · width 384 · η 0.001'
    """
    found = [(title, known[name]) for name, title in FACTS if isinstance(known.get(name), int | float)]
    return " · ".join(f"{title} {numbers.setting(float(value))}" for title, value in found[:FEW])


def run_rows(session: Reading, rows: Sequence[models.Run], now: float) -> list[RunRow]:
    worst_by_run, first = overviews.worst_of_runs(session, [row.id for row in rows])
    return [_run(session, row, now, worst_by_run.get(row.id), first.get(row.id)) for row in rows]


def _run(
    session: Reading, row: models.Run, now: float, worst_one: models.Overview | None, first: models.Overview | None
) -> RunRow:
    progress = runs.progress(session, row) if row.state in OPEN_RUNS or row.state == RunState.CANCELLED else ENDED_RUN
    look = states.run(row.state)
    return RunRow(
        id=row.id,
        url=f"/runs/{row.id}",
        name=name_of(row),
        look=look,
        when=eta(progress.eta_seconds) or numbers.describe_age(row.finished_at or row.created_at, now),
        line=line(row, progress) or (first.headline if first else ""),
        done=progress.done,
        total=progress.total,
        worst=worst(worst_one),
        asked=", ".join(diagnostic(name).title for name in row.diagnostics),
        tags=row.tags,
        notes=row.notes,
    )


def name_of(run: models.Run) -> str:
    """Its own name, or its checkpoints as a title."""
    if run.name:
        return run.name
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
