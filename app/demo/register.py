"""Demo data on the path that uploads take. What is there already is left as it is; all that is new comes at once."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import checkpoints
from app.access import quotas
from app.db import Database, Session
from app.demo.lists import DemoList, Files, Wanted, write_list
from app.errors import Conflict
from app.models import Project
from app.runs import runs
from app.settings import Settings
from app.storage.blobs import Incoming, Storage
from app.tenancy import project_of

BLOCK = 1 << 20  # bytes copied at once
LISTED = 1000  # checkpoints looked through for those of an earlier call

Digests = Mapping[str, Sequence[str]]  # of each checkpoint's files, in order
Copies = Mapping[str, Sequence[tuple[str, Incoming]]]


@dataclass(frozen=True, slots=True)
class Demo:
    """What a call found or made, base first; `added` counts the checkpoints that are new."""

    checkpoints: tuple[int, ...]
    runs: tuple[int, ...]
    added: int


def load(database: Database, storage: Storage, settings: Settings) -> Demo:
    """Our own demo data. Raises QuotaExceeded and DiskFull."""
    with storage.folder() as folder:
        return register(database, storage, settings, write_list(folder))


def register(database: Database, storage: Storage, settings: Settings, demo_list: DemoList) -> Demo:
    """The checkpoints and the runs over them, each unless it is there. Raises QuotaExceeded and DiskFull."""
    digests = {name: [_digest(path) for path in files] for name, files in demo_list.files.items()}
    with database.reading() as session:
        new = {name: files for name, files in demo_list.files.items() if not _find(session, name, digests[name])}
        _check_quota(session, new)
    storage.require(_size(new), settings.disk_reserve)
    with _copy_all(storage, new) as copies, database.writing() as session:
        _wait_for_others(session)
        known = {name: _find(session, name, sent) for name, sent in digests.items()}
        lacking = {name: files for name, files in demo_list.files.items() if not known[name]}
        _check_quota(session, lacking)
        made = {name: _receive(session, storage, name, copies) for name in lacking}
        ids = {name: known[name] or made[name] for name in digests}
        run_ids = [_run(session, [ids[name] for name in wanted.names], wanted) for wanted in demo_list.runs]
    return Demo(tuple(ids.values()), tuple(run_ids), len(made))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(files: Files) -> int:
    return sum(path.stat().st_size for paths in files.values() for path in paths)


def _check_quota(session: Session, new: Files) -> None:
    if new:
        quotas.admit(session, _size(new), sum(map(len, new.values())))


def _wait_for_others(session: Session) -> None:
    """One call at a time in a project, until the transaction ends: two at once would make everything twice."""
    session.get(Project, project_of(session) or 0, with_for_update={"key_share": True})


@contextmanager
def _copy_all(storage: Storage, new: Files) -> Iterator[Copies]:
    with ExitStack() as stack:
        copies: dict[str, list[tuple[str, Incoming]]] = {}
        for name, paths in new.items():
            for path in paths:
                incoming = storage.receive()
                stack.callback(incoming.discard)
                _copy(path, incoming)
                copies.setdefault(name, []).append((path.name, incoming))
        yield copies


def _copy(path: Path, incoming: Incoming) -> None:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            incoming.write(block)
    incoming.finish()


def _find(session: Session, name: str, digests: Sequence[str]) -> int | None:
    """The checkpoint of this name and these bytes."""
    for checkpoint in checkpoints.listing(session, LISTED):
        if checkpoint.name == name and sorted(file.sha256 for file in checkpoint.files) == sorted(digests):
            return checkpoint.id
    return None


def _receive(session: Session, storage: Storage, name: str, copies: Copies) -> int:
    if name not in copies:
        raise Conflict(f"{name} was deleted while the demo was loaded. Load it again.")
    return checkpoints.receive(session, storage, name, copies[name]).id


def _run(session: Session, identities: Sequence[int], wanted: Wanted) -> int:
    """The newest run over exactly these checkpoints, or a new one."""
    for run in runs.runs_over(session, identities[0]):
        if [member.checkpoint_id for member in run.members] == list(identities):
            return run.id
    return runs.request(session, identities, wanted.diagnostics).id
