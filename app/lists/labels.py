"""Tags, notes, the archive and the trash of checkpoints and runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import checkpoints
from app.access import audit
from app.db import clock
from app.errors import BadRequest
from app.models import Checkpoint, Member, Run
from app.runs import runs
from app.states import OPEN_RUNS

TAG = r"^[^\s,#\x00-\x1f\x7f]{1,40}$"
MOST_TAGS, LONGEST_NOTES = 20, 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """What changes of the labels; None stays as it is."""

    tags: Sequence[str] | None = None
    notes: str | None = None
    archived: bool | None = None
    trashed: bool | None = None


def change(session: Session, row: Checkpoint | Run, asked: Change) -> None:
    """Raises BadRequest for what is not a valid tag or note. The trash cancels active runs."""
    if asked.tags is not None:
        row.tags = clean_tags(asked.tags)
    if asked.notes is not None:
        if len(asked.notes) > LONGEST_NOTES:
            raise BadRequest(f"Notes have at most {LONGEST_NOTES:,} characters.")
        row.notes = asked.notes
    if asked.archived is not None and asked.archived != (row.archived_at is not None):
        row.archived_at = clock(session) if asked.archived else None
        _note(session, row, "archive" if asked.archived else "unarchive")
    if asked.trashed is not None and asked.trashed != (row.trashed_at is not None):
        if asked.trashed:
            _stop(session, row)
        row.trashed_at = clock(session) if asked.trashed else None
        _note(session, row, "trash" if asked.trashed else "restore")
    session.flush()


def _stop(session: Session, row: Checkpoint | Run) -> None:
    """Cancels the runs over it that go on."""
    query = select(Run.id).where(Run.state.in_(OPEN_RUNS)).order_by(Run.id)
    if isinstance(row, Run):
        query = query.where(Run.id == row.id)
    else:
        query = query.join(Member).where(Member.checkpoint_id == row.id)
    for run_id in list(session.scalars(query)):
        runs.cancel(session, run_id)


def _note(session: Session, row: Checkpoint | Run, action: str) -> None:
    kind = "run" if isinstance(row, Run) else "checkpoint"
    subject = f"run {row.id}" if isinstance(row, Run) else checkpoints.name_checkpoint(row)
    audit.note(session, f"{kind}.{action}", subject)


def clean_tags(tags: Sequence[str]) -> list[str]:
    """The tags without repeats, in their order. Raises BadRequest.

    >>> clean_tags(["best", "Best", "v2"])
    ['best', 'v2']
    """
    found = list({tag.casefold(): tag for tag in reversed(tags)}.values())[::-1]
    wrong = next((tag for tag in found if not re.match(TAG, tag)), None)
    if wrong is not None:
        raise BadRequest(f"{wrong[:60]!r} is not a valid tag: 1 to 40 characters, without spaces, commas and #.")
    if len(found) > MOST_TAGS:
        raise BadRequest(f"There are {len(found)} tags; at most {MOST_TAGS} are kept.")
    return found


def split_tags(text: str) -> list[str]:
    """Tags as a field of a form has them.

    >>> split_tags("best, #v2  lr=1e-3")
    ['best', 'v2', 'lr=1e-3']
    """
    return [part.lstrip("#") for part in re.split(r"[\s,]+", text) if part.lstrip("#")]


def rename(session: Session, run_id: int, name: str | None) -> Run:
    """The run under a name of its own, or again under its checkpoints' where it is empty."""
    run = runs.get(session, run_id)
    if name is not None:
        run.name = checkpoints.clean_name(name) if name.strip() else None
        audit.note(session, "run.rename", f"run {run_id}", {"name": run.name})
    return run
