"""A checkpoint's page: what is in it, before any analysis."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi import APIRouter, Request, Response

from analysis.diagnostics.first_look.cost import measure_slowness, predict
from analysis.errors import FactError
from analysis.formats.parts import copy_of
from analysis.weight import TensorInfo
from app import checkpoints, models, retention
from app.errors import NotFound
from app.lists import labels
from app.lists.labels import Change
from app.pages import chooser, facts, lists
from app.pages.facts import Fields, Sheet
from app.pages.forms import Sent
from app.pages.listings.labels import view_labels
from app.pages.rendering import PageRoute, page, see
from app.runs import runs
from app.runs.members import tensor_info
from app.settings import Settings
from app.states import CheckpointState
from app.uploads import assembly
from app.web.dependencies import DatabaseOf, Identity, Reading, SettingsOf, StorageOf, Writing
from frontend import numbers, palette, states

router = APIRouter(prefix="/checkpoints", route_class=PageRoute)
LISTED = 2_000  # tensors in the page; the API has all
PREDICTED = 10_000  # tensors up to which the time of an analysis is predicted: of more it takes seconds
WORTH_A_CHOICE = 20.0  # seconds from which on a first look is offered beside the analysis


@dataclass(frozen=True, slots=True)
class TensorRow:
    name: str
    shape: str
    dtype: str
    look: palette.Look
    depth: int | None
    size: str
    skip: str | None
    search: str


@dataclass(frozen=True, slots=True)
class Times:
    """Predicted, in words."""

    exact: str
    first_look: str


@dataclass(frozen=True, slots=True)
class CheckpointView:
    id: int
    name: str
    look: states.Look
    subtitle: str
    size: str
    reason: str | None
    code: str | None
    facts: list[tuple[str, str, str]]  # name, value, and what the files say where that is something else
    sheet: Sheet
    files: list[models.File]
    adapter: bool
    base: str  # what an adapter calls its base
    pinned: bool
    part: str | None  # the copy of the weights in its files that it is
    copies: list[tuple[str, str]]  # the copies that lie beside the weights, and how many tensors each has
    released: str | None  # the day on which its weights were deleted
    kept_until: str | None


@router.get("/{id}")
def show(request: Request, session: Reading, settings: SettingsOf, identity: Identity) -> Response:
    return show_page(request, session, settings, identity, chooser.blank())


def show_page(
    request: Request,
    session: Reading,
    settings: Settings,
    identity: int,
    form: chooser.Chooser,
    fields: Fields | None = None,
) -> Response:
    row = checkpoints.get(session, identity)
    stored = checkpoints.tensors(session, identity)
    tensors = [tensor_row(info) for info in stored[:LISTED]]
    run_rows = lists.run_rows(session, runs.runs_over(session, identity), time.time())
    count = sum(info.get("skip") is None for info in stored)
    return page(
        request,
        "pages/checkpoint.html",
        422 if form.open or fields is not None else 200,
        chooser=form,
        labels=view_labels(settings, row),
        checkpoint=view(row, retention.deletion_time(session, settings, row), fields, find_copies(stored)),
        times=predict_times([tensor_info(info) for info in stored]) if len(stored) <= PREDICTED else None,
        tensors=tensors,
        tensors_words=f"{numbers.plural(len(stored), 'tensor')}, {count} of them to analyse",
        more=len(stored) - len(tensors),
        runs=run_rows,
        runs_words=lists.summary(run_rows),
        moving=any(run.look.moving for run in run_rows),
    )


def predict_times(tensors: Sequence[TensorInfo]) -> Times | None:
    """What is said of the time before an analysis begins; None where it is too short to choose, or all are small."""
    seconds = predict(tensors, slowness())
    if seconds.exact < WORTH_A_CHOICE or seconds.first_look > seconds.exact / 2.0:
        return None
    return Times(about(seconds.exact), about(seconds.first_look))


def about(seconds: float) -> str:
    """A predicted time, no more exact than it is."""
    return numbers.duration(round(seconds / 60.0) * 60.0 if seconds > 90.0 else seconds)


@cache
def slowness() -> float:
    """Of this machine, measured once. A worker on another may be faster."""
    return measure_slowness()


def find_copies(tensors: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The copies that were left out, in the order of the file, each with the words for its tensors."""
    counts = Counter(part for tensor in tensors if (skip := tensor.get("skip")) and (part := copy_of(skip)))
    return [(part, numbers.plural(count, "tensor")) for part, count in counts.items()]


def view(
    row: models.Checkpoint,
    until: float | None = None,
    fields: Fields | None = None,
    copies: Sequence[tuple[str, str]] = (),
) -> CheckpointView:
    parts = [
        None if row.parameters is None else f"{numbers.parameters(row.parameters)} parameters",
        row.kind,
        row.format,
        numbers.size(row.bytes),
    ]
    is_rejected = row.state == CheckpointState.REJECTED
    return CheckpointView(
        id=row.id,
        name=row.name,
        look=states.checkpoint(row.state),
        subtitle=", ".join(part for part in parts if part),
        size=numbers.size(row.bytes),
        reason=row.reason or "It was rejected." if is_rejected else None,
        code=row.reason_code if is_rejected else None,
        facts=facts.facts_in_words(row),
        sheet=facts.sheet(row, fields),
        files=row.files,
        adapter=row.kind == "adapter" and row.state == CheckpointState.READY,
        base=str(row.facts.get("base_model") or ""),
        part=row.part,
        copies=list(copies),
        pinned=row.pinned,
        released=day(row.released_at),
        kept_until=day(until),
    )


def day(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%-d %B %Y")


def tensor_row(stored: Mapping[str, Any]) -> TensorRow:
    info = tensor_info(stored)
    look = palette.look(info.role)
    return TensorRow(
        name=info.name,
        shape=numbers.shape(info.shape),
        dtype=info.dtype,
        look=look,
        depth=info.depth,
        size=numbers.size(info.nbytes),
        skip=info.skip,
        search=f"{info.name} {look.title} {info.dtype} {info.skip or ''}".lower(),
    )


@router.post("/{id}/analyse")
def analyse(request: Request, session: Writing, settings: SettingsOf, identity: Identity, sent: Sent) -> Response:
    """The default diagnostics; or those of the chooser's form, where that was sent."""
    choice = chooser.read(sent) if sent else None
    if isinstance(choice, chooser.Chooser):
        return show_page(request, session, settings, identity, choice)
    return see(f"/runs/{runs.request(session, [identity], choice).id}")


@router.post("/{id}/copies")
def add_copy(session: Writing, identity: Identity, sent: Sent) -> Response:
    """The copy that the form names, as a checkpoint of its own."""
    row = checkpoints.hold(session, identity)
    part = next(iter(sent.get("part", ())), "")
    if part not in (copy_of(info.get("skip") or "") for info in checkpoints.tensors(session, identity)):
        raise NotFound(f"Checkpoint {identity} has no copy “{part}” of its weights.")
    return see(f"/checkpoints/{assembly.copy_part(session, row, part).id}")


@router.post("/{id}/pin")
def pin(session: Writing, identity: Identity, sent: Sent) -> Response:
    retention.pin(session, checkpoints.hold(session, identity), sent.get("pinned") == ["yes"])
    return see(f"/checkpoints/{identity}")


@router.post("/{id}/facts")
def state(request: Request, session: Writing, settings: SettingsOf, identity: Identity, sent: Sent) -> Response:
    """Its name and the facts that the form brings; or the form again, with what is wrong."""
    try:
        checkpoints.edit(session, identity, next(iter(sent.get("name", ())), None) or None, facts.changes(sent))
    except FactError:
        return show_page(request, session, settings, identity, chooser.blank(), sent)
    return see(f"/checkpoints/{identity}")


@router.post("/{id}/delete")
def delete(database: DatabaseOf, storage: StorageOf, identity: Identity) -> Response:
    """To the trash; out of the trash, for good."""
    with database.writing() as session:
        row = checkpoints.hold(session, identity)
        if row.trashed_at is None:
            labels.change(session, row, Change(trashed=True))
            return see(f"/checkpoints?undo={identity}")
        digests = checkpoints.delete(session, identity)
    with database.writing() as session:
        retention.collect(session, storage, digests)
    return see("/checkpoints")
