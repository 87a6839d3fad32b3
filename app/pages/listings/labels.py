"""Name, tags and notes of one checkpoint or run: shown, and changed by a form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Response

from app import checkpoints, trash
from app.lists import labels
from app.lists.labels import Change
from app.models import Checkpoint, Run
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, see
from app.settings import Settings
from app.web.dependencies import Identity, Writing

router = APIRouter(route_class=PageRoute)
ARCHIVED = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class LabelsView:
    """What a page shows of the labels, and where its forms go."""

    path: str  # of the page
    list: str  # of the list of its kind
    noun: str
    name: str
    placeholder: str
    tags: Sequence[str]
    notes: str
    archived: bool
    until: str  # the day on which it goes out of the trash for good; "" where it is not there


def view_labels(settings: Settings, row: Checkpoint | Run) -> LabelsView:
    noun = "run" if isinstance(row, Run) else "checkpoint"
    until = trash.deletion_time(settings, row)
    return LabelsView(
        path=f"/{noun}s/{row.id}",
        list=f"/{noun}s",
        noun=noun,
        name=row.name or "",
        placeholder=", ".join(member.checkpoint.name for member in row.members) if isinstance(row, Run) else "",
        tags=row.tags,
        notes=row.notes,
        archived=row.archived_at is not None,
        until="" if until is None else datetime.fromtimestamp(until, UTC).strftime("%-d %B %Y"),
    )


@router.post("/checkpoints/{id}/labels")
def change_checkpoint(session: Writing, identity: Identity, sent: Sent) -> Response:
    name = next(iter(sent.get("name", ())), "").strip()
    labels.change(session, checkpoints.edit(session, identity, name or None, {}), read(sent))
    return see(f"/checkpoints/{identity}")


@router.post("/runs/{id}/labels")
def change_run(session: Writing, identity: Identity, sent: Sent) -> Response:
    labels.change(session, labels.rename(session, identity, next(iter(sent.get("name", ())), None)), read(sent))
    return see(f"/runs/{identity}")


def read(sent: Sent) -> Change:
    """What the form changes: the fields that it has."""
    fields = {name: next(iter(values), "") for name, values in sent.items()}
    return Change(
        tags=labels.split_tags(fields["tags"]) if "tags" in fields else None,
        notes=fields["notes"].replace("\r\n", "\n").strip() if "notes" in fields else None,
        archived=ARCHIVED.get(fields.get("archived", "")),
        trashed=ARCHIVED.get(fields.get("trashed", "")),
    )
