"""Of a comparison: the form that makes a mitigated checkpoint of a tuned one, and those that were made."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Response

from analysis.findings.wording import percent
from analysis.mitigation import MitigationOptions
from app import mitigations, models
from app.errors import BadRequest
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, see, sentence
from app.pages.views.state import State
from app.runs import runs
from app.runs.members import names_of
from app.states import CheckpointState, MitigationState
from app.web.dependencies import Identity, Reading, Writing
from frontend import numbers, states

router = APIRouter(prefix="/runs", route_class=PageRoute)
DEFAULT = MitigationOptions()


@dataclass(frozen=True, slots=True)
class Download:
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Made:
    """A mitigation of one of the run's tuned checkpoints."""

    id: int
    name: str
    look: states.Look
    line: str
    files: list[Download]
    run: int | None  # that compares it with what it came from, where that is another run


@dataclass(frozen=True, slots=True)
class MitigationView:
    run: int
    tuned: list[tuple[int, str]]  # checkpoint, name
    chosen: int
    k: int
    epsilon: float
    share: str  # λ in percent
    made: list[Made]


def view(session: Reading, run: models.Run, state: State, position: int) -> MitigationView | None:
    """`position` is that of the tuned checkpoint to propose. None where the run has none that is ready."""
    base, *rest = run.members
    names = dict(zip((m.checkpoint_id for m in run.members), names_of(run), strict=True))
    tuned = [(m.checkpoint_id, names[m.checkpoint_id]) for m in rest if m.checkpoint.state == CheckpointState.READY]
    if not tuned or base.checkpoint.state != CheckpointState.READY:
        return None
    rule = run.diagnostics.get("intruders", {})
    choice = next((m.checkpoint_id for m in rest if m.position == position), tuned[0][0])
    rows = mitigations.mitigations_between(session, base.checkpoint_id, [identity for identity, _ in tuned])
    return MitigationView(
        run=run.id,
        tuned=tuned,
        chosen=choice,
        k=state.shown.k or rule.get("k", DEFAULT.k),
        epsilon=rule.get("epsilon", DEFAULT.epsilon) if state.shown.epsilon is None else state.shown.epsilon,
        share=f"{100 * DEFAULT.factor:g}",
        made=[_made_checkpoint(session, row, run.id) for row in rows],
    )


def _made_checkpoint(session: Reading, row: models.Mitigation, here: int) -> Made:
    checkpoint = None if row.checkpoint_id is None else session.get(models.Checkpoint, row.checkpoint_id)
    files = [] if checkpoint is None else [_download(checkpoint.id, file.name) for file in checkpoint.files]
    other = row.run_id if row.run_id != here else None
    return Made(row.id, row.name, states.mitigation(row.state), _line(row), files, other)


def _download(checkpoint: int, name: str) -> Download:
    return Download(name, f"/api/v1/checkpoints/{checkpoint}/files/{quote(name)}")


def _line(row: models.Mitigation) -> str:
    """What came of it, or how far it is."""
    if row.state == MitigationState.FAILED:
        return sentence(row.reason or "It failed.")
    if row.report is None:
        return f"{row.current}…" if row.current else "Waits for a worker."
    report = row.report
    line = f"{numbers.plural(report['before'], 'intruder')} before, {report['after']} after."
    loss = report["energy_lost"]
    rank = "" if loss is None else f" The low rank lost {percent(loss)} of the mitigated updates."
    return line + rank + ("" if row.checkpoint_id is not None else " It was deleted.")


@router.post("/{id}/mitigate")
def mitigate(session: Writing, identity: Identity, sent: Sent) -> Response:
    """Asks for a mitigated checkpoint of one of the run's tuned ones, and shows it beside the form."""
    run = runs.get(session, identity)
    tuned = _number(sent, "tuned")
    if tuned not in [member.checkpoint_id for member in run.members[1:]]:
        raise BadRequest(f"Choose one of the tuned checkpoints of run {identity}.")
    options = {name: _number(sent, name) for name in ("k", "epsilon") if sent.get(name)}
    options["lambda"] = _number(sent, "share") / 100.0
    mitigations.request(session, run.members[0].checkpoint_id, int(tuned), options)
    return see(f"/runs/{identity}#mitigation")


def _number(fields: Mapping[str, Sequence[str]], name: str) -> float:
    with suppress(ValueError, IndexError):
        return float(fields.get(name, [])[0].strip())
    raise BadRequest(f"“{name}” must be a number.")
