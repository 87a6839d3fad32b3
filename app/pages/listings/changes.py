"""What a form does to the chosen rows of a list, and the address that shows the list again."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from app import checkpoints
from app.errors import BadRequest
from app.lists import labels, overviews
from app.lists.labels import Change
from app.models import Checkpoint, Run
from app.runs import runs
from app.runs.beside import Ref
from app.web.dependencies import LARGEST_ID, Writing

Fields = Mapping[str, Sequence[str]]
Rows = Sequence[Checkpoint | Run]
MOST = 200  # rows at once
CHANGES: Mapping[str, Change] = {
    "archive": Change(archived=True),
    "unarchive": Change(archived=False),
    "trash": Change(trashed=True),
    "restore": Change(trashed=False),
}


def change_checkpoints(session: Writing, sent: Fields) -> str:
    """Changes the chosen ones; the address to go to. Raises BadRequest, NotFound and Conflict."""
    return _change(session, sent, "/checkpoints", lambda identity: checkpoints.hold(session, identity))


def change_runs(session: Writing, sent: Fields) -> str:
    """The same for runs."""
    return _change(session, sent, "/runs", lambda identity: runs.get(session, identity))


def _change(session: Writing, sent: Fields, path: str, get: Callable[[int], Checkpoint | Run]) -> str:
    rows = [get(identity) for identity in chosen(sent)]
    action = _first(sent, "action")
    if action == "compare":
        return "/compare/reports?of=" + ",".join(_reports_of(session, rows))
    if action == "tag":
        add_tags(session, rows, _first(sent, "tags"))
    elif action in CHANGES:
        for row in rows:
            labels.change(session, row, CHANGES[action])
    else:
        raise BadRequest(f"{action[:60]!r} is not an action of this list.")
    undo = urlencode({"undo": ",".join(str(row.id) for row in rows)}) if action == "trash" and rows else ""
    query = "&".join(part for part in (_first(sent, "query").lstrip("?"), undo) if part)
    return path + (f"?{query}" if query else "")


def _reports_of(session: Writing, rows: Rows) -> list[str]:
    """The newest report of each row. Raises BadRequest where one has none."""
    found = overviews.glances(session, [row.id for row in rows if isinstance(row, Checkpoint)])
    reports = []
    for row in rows:
        newest = None if isinstance(row, Run) else found[row.id].newest
        if newest is None and not isinstance(row, Run):
            raise BadRequest(f"Checkpoint {row.id} has no finished report to compare.")
        reports.append(str(Ref(row.id) if newest is None else Ref(newest.run_id, newest.position)))
    return reports


def add_tags(session: Writing, rows: Rows, text: str) -> None:
    """Adds the tags to each row; one with a minus in front is taken away."""
    names = labels.split_tags(text)
    taken = {name[1:].casefold() for name in names if name.startswith("-")}
    added = [name for name in names if not name.startswith("-")]
    for row in rows:
        kept = [tag for tag in row.tags if tag.casefold() not in taken]
        labels.change(session, row, Change(tags=[*kept, *added]))


def chosen(sent: Fields) -> list[int]:
    """The ids of the chosen rows. Raises BadRequest."""
    texts = [text for text in sent.get("id", ()) if text.isascii() and text.isdecimal() and len(text) <= 10]
    ids = sorted({int(text) for text in texts if 0 < int(text) <= LARGEST_ID})
    if len(ids) > MOST:
        raise BadRequest(f"At most {MOST} rows can be changed at once.")
    return ids


def _first(sent: Fields, name: str) -> str:
    return next(iter(sent.get(name, ())), "")
