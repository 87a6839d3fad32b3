"""The head of a run's page: what was asked, how far it is, and how it ended."""

from dataclasses import dataclass

from analysis.findings.wording import join_words, lower_first
from app import models
from app.pages import lists
from app.pages.rendering import sentence
from app.runs import reports, runs
from app.states import RunState
from frontend import numbers, states

NAMED = 3  # diagnostics named above a report


@dataclass(frozen=True, slots=True)
class Callout:
    css: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class RunView:
    id: int
    name: str
    checkpoints: list[models.Checkpoint]
    look: states.Look
    subtitle: str
    line: str
    eta: str
    done: int
    total: int
    events: str
    soon: str
    callout: Callout | None
    adapter: int | None  # the id of an adapter that is analysed by itself


def run_view(run: models.Run, progress: runs.Progress, now: float) -> RunView:
    return RunView(
        id=run.id,
        name=lists.name_of(run),
        checkpoints=[member.checkpoint for member in run.members],
        look=states.run(run.state),
        subtitle=subtitle(run, now),
        line=lists.line(run, progress),
        eta=lists.eta(progress.eta_seconds),
        done=progress.done,
        total=progress.total,
        events=f"/api/v1/runs/{run.id}/events",
        soon=expectation(run),
        callout=callout(run, progress),
        adapter=lone_adapter(run),
    )


def lone_adapter(run: models.Run) -> int | None:
    checkpoint = run.members[0].checkpoint
    return checkpoint.id if len(run.members) == 1 and checkpoint.kind == "adapter" else None


def subtitle(run: models.Run, now: float) -> str:
    """What was asked, of how much, and how long it took."""
    counts = [member.checkpoint.parameters for member in run.members]
    size = f"{numbers.parameters(sum(c or 0 for c in counts))} parameters. " if all(counts) else ""
    titles = [request.diagnostic.title for request in reports.requests(run)]
    rest = [f"{len(titles) - NAMED} more"] if len(titles) > NAMED else []
    subject = f"{join_words([titles[0], *map(lower_first, titles[1:NAMED]), *rest])}. "
    if run.finished_at is None or run.started_at is None:
        return size + subject + f"Asked for {numbers.describe_age(run.created_at, now)}."
    took = numbers.duration(run.finished_at - run.started_at)
    device = f" on {run.device}" if run.device else ""
    verb = "Finished" if run.state == RunState.DONE else "Ended"
    return size + subject + f"{verb} {numbers.describe_age(run.finished_at, now)} after {took}{device}."


def expectation(run: models.Run) -> str:
    """What to expect while there is no row yet."""
    if run.state == RunState.WAITING:
        return "The file is being checked. The analysis starts automatically."
    return "The first layers appear here shortly."


def callout(run: models.Run, progress: runs.Progress) -> Callout | None:
    if run.state == RunState.CANCELLED:
        return Callout("quiet", "Cancelled.", lists.line(run, progress))
    if run.state == RunState.FAILED:
        return Callout("bad", "Failed.", lists.line(run, progress))
    if run.state == RunState.DONE and run.reason:
        return Callout("bad", "Not complete.", sentence(run.reason))
    return None
