"""Demo data: checkpoints and the runs over them, put into the data folder on the path that uploads take.

Without an experiment the checkpoints are made up (app.synthetic) and say so by their names. With one, they are those
that its folder lists in `demo.json`, as `make example` writes it: {"checkpoints": [{"name": …, "files": [path, …]}]},
the base first, paths relative to the folder. What is there already is left as it is.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from app import checkpoints, projects, runs, synthetic
from app.db import Database, Session
from app.errors import BadUpload, ServiceError
from app.queue import Sender
from app.settings import Settings
from app.storage import Incoming, Storage

MANIFEST = "demo.json"
BLOCK = 1 << 20  # bytes copied at once
LISTED = 1000  # checkpoints looked through for those of an earlier call

Files = dict[str, list[Path]]


@dataclass(frozen=True, slots=True)
class Demo:
    """What a call found or made, base first; `added` counts the checkpoints that are new."""

    checkpoints: tuple[int, ...]
    runs: tuple[int, ...]
    added: int


def fill(settings: Settings, experiment: Path | None = None) -> Demo:
    """Fills the data folder, whether or not a service runs on it. Raises BadUpload where the experiment's list is none.

    A worker reads and analyses them: at once where the service runs, else as soon as it does.
    """
    sender = Sender(settings)
    database, storage = Database(settings.database, sender.send), Storage(settings.data_dir)
    try:
        database.migrate()
        with sources(experiment) as found:
            return register(database.within(projects.DEFAULT, "eigenscope demo"), storage, settings, found)
    finally:
        database.close()
        sender.close()


def command(settings: Settings, experiment: Path | None) -> None:
    """`eigenscope demo`: fills, and says what there is and where to look."""
    try:
        made = fill(settings, experiment)
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    new = f"{made.added} of them new" if made.added else "all of them there already"
    click.echo(f"{len(made.checkpoints)} checkpoints, {new}; runs {' and '.join(map(str, made.runs))}.")
    click.echo("`eigenscope serve` analyses them as it runs, and shows them.")


@contextmanager
def sources(experiment: Path | None) -> Iterator[Files]:
    """The files of each checkpoint by its name, base first."""
    if experiment is not None:
        yield listed(experiment)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield synthetic.write(Path(folder))


def listed(experiment: Path) -> Files:
    """The checkpoints that the experiment's folder lists."""
    path = experiment / MANIFEST
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["checkpoints"]
        found = {str(entry["name"]): [experiment / file for file in entry["files"]] for entry in entries}
    except OSError as error:
        raise BadUpload(f"{path} cannot be read: {error.strerror}. `make example` writes it.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadUpload(f"{path} lists no checkpoints with names and files: run `make example` again.") from error
    missing = [str(file) for files in found.values() for file in files if not file.is_file()]
    if missing:
        raise BadUpload(f"{path} lists {missing[0]}, which is not there: run `make example` again.")
    return found


def register(database: Database, storage: Storage, settings: Settings, found: Files) -> Demo:
    """The checkpoints, a run over the base alone and one over all of them, each unless it is there."""
    storage.require(sum(file.stat().st_size for files in found.values() for file in files), settings.disk_reserve)
    received = [_checkpoint(database, storage, name, files) for name, files in found.items()]
    identities = tuple(identity for identity, _ in received)
    with database.writing() as session:
        over = [_run(session, identities[:1])]
        if len(identities) > 1:
            over.append(_run(session, identities[: runs.MOST_CHECKPOINTS]))
    return Demo(identities, tuple(over), sum(new for _, new in received))


def _checkpoint(database: Database, storage: Storage, name: str, files: Sequence[Path]) -> tuple[int, bool]:
    """The checkpoint of this name and these bytes, and whether it is new."""
    uploads = [(path.name, _copied(storage, path)) for path in files]
    try:
        with database.writing() as session:
            there = _there(session, name, sorted(incoming.sha256 for _, incoming in uploads))
            if there is not None:
                return there, False
            return checkpoints.receive(session, storage, name, uploads).id, True
    finally:
        for _, incoming in uploads:
            incoming.discard()


def _copied(storage: Storage, path: Path) -> Incoming:
    incoming = storage.receive()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            incoming.write(block)
    incoming.finish()
    return incoming


def _there(session: Session, name: str, digests: Sequence[str]) -> int | None:
    for checkpoint in checkpoints.listing(session, LISTED):
        if checkpoint.name == name and sorted(file.sha256 for file in checkpoint.files) == digests:
            return checkpoint.id
    return None


def _run(session: Session, identities: Sequence[int]) -> int:
    """The newest run over exactly these checkpoints, or a new one with the default diagnostics."""
    for run in runs.over(session, identities[0]):
        if tuple(member.checkpoint_id for member in run.members) == tuple(identities):
            return run.id
    return runs.request(session, identities).id
