"""Demo data: checkpoints and the runs over them, put into the data folder on the path that uploads take.

Without an experiment the checkpoints are made up (app.cli.demo_checkpoints) and say so by their names. With one, they
are those that its folder lists in `demo.json`, as `make example` and `make widths` write it: {"checkpoints": [{"name":
…, "files": [path, …]}], "runs": [{"checkpoints": [name, …], "diagnostics": {…}}]}, the base first, paths
relative to the
folder. Without runs: one over the base, and one over all of them. What is there already is left as it is.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import click

from app import checkpoints
from app.access import projects
from app.cli import demo_checkpoints as synthetic
from app.db import Database, Session, migrate_or_exit
from app.errors import BadUpload, ServiceError
from app.queue.broker import Sender
from app.runs import runs
from app.settings import Settings
from app.storage.blobs import Incoming, Storage

MANIFEST = "demo.json"
BLOCK = 1 << 20  # bytes copied at once
LISTED = 1000  # checkpoints looked through for those of an earlier call

Files = dict[str, list[Path]]
Settled = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run over the checkpoints of these names; without diagnostics, with the default ones."""

    names: tuple[str, ...]
    diagnostics: Settled | None = None


@dataclass(frozen=True, slots=True)
class DemoList:
    """What is to be there: each checkpoint's files by its name, base first, and the runs over them."""

    files: Files
    runs: tuple[Wanted, ...]

    @classmethod
    def of(cls, files: Files, runs_over: Sequence[Wanted] = ()) -> Self:
        names = tuple(files)
        usual = [Wanted(names[:1]), *([Wanted(names[: runs.MOST_CHECKPOINTS])] if len(names) > 1 else ())]
        return cls(files, tuple(runs_over or usual))


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
        migrate_or_exit(database)
        with sources(experiment) as demo_list:
            return register(database.within(projects.DEFAULT, "eigenscope demo"), storage, settings, demo_list)
    finally:
        database.close()
        sender.close()


def command(settings: Settings, experiment: Path | None) -> None:
    """`eigenscope demo`: fills, and says what there is and where to look."""
    try:
        demo = fill(settings, experiment)
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    new = f"{demo.added} of them new" if demo.added else "all of them already exist"
    click.echo(f"{len(demo.checkpoints)} checkpoints, {new}; runs {' and '.join(map(str, demo.runs))}.")
    click.echo("`eigenscope serve` analyses and shows them.")


@contextmanager
def sources(experiment: Path | None) -> Iterator[DemoList]:
    """What is to be shown."""
    if experiment is not None:
        yield list_experiment(experiment)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield DemoList.of(synthetic.write(Path(folder)))


def list_experiment(experiment: Path) -> DemoList:
    """What the experiment's folder lists."""
    path = experiment / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files_by_name = {
            str(each["name"]): [experiment / file for file in each["files"]] for each in manifest["checkpoints"]
        }
        wanted_runs = [Wanted(tuple(each["checkpoints"]), each.get("diagnostics")) for each in manifest.get("runs", ())]
    except OSError as error:
        raise BadUpload(f"{path} cannot be read: {error.strerror}. `make example` writes it.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadUpload(f"{path} lists no checkpoints with names and files: run `make example` again.") from error
    missing = [str(file) for files in files_by_name.values() for file in files if not file.is_file()]
    if missing:
        raise BadUpload(f"{path} lists {missing[0]}, which does not exist: run `make example` again.")
    if strange := [name for each in wanted_runs for name in each.names if name not in files_by_name]:
        raise BadUpload(f"{path} asks for a run over {strange[0]}, which it does not list: run `make example` again.")
    return DemoList.of(files_by_name, wanted_runs)


def register(database: Database, storage: Storage, settings: Settings, demo_list: DemoList) -> Demo:
    """The checkpoints and the runs over them, each unless it is there."""
    sizes = [file.stat().st_size for files in demo_list.files.values() for file in files]
    storage.require(sum(sizes), settings.disk_reserve)
    results = {name: _checkpoint(database, storage, name, files) for name, files in demo_list.files.items()}
    with database.writing() as session:
        run_ids = [_run(session, [results[name][0] for name in request.names], request) for request in demo_list.runs]
    identities = tuple(identity for identity, _ in results.values())
    return Demo(identities, tuple(run_ids), sum(new for _, new in results.values()))


def _checkpoint(database: Database, storage: Storage, name: str, files: Sequence[Path]) -> tuple[int, bool]:
    """The checkpoint of this name and these bytes, and whether it is new."""
    uploads = [(path.name, _copy(storage, path)) for path in files]
    try:
        with database.writing() as session:
            existing_id = _find_existing(session, name, sorted(incoming.sha256 for _, incoming in uploads))
            if existing_id is not None:
                return existing_id, False
            return checkpoints.receive(session, storage, name, uploads).id, True
    finally:
        for _, incoming in uploads:
            incoming.discard()


def _copy(storage: Storage, path: Path) -> Incoming:
    incoming = storage.receive()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            incoming.write(block)
    incoming.finish()
    return incoming


def _find_existing(session: Session, name: str, digests: Sequence[str]) -> int | None:
    for checkpoint in checkpoints.listing(session, LISTED):
        if checkpoint.name == name and sorted(file.sha256 for file in checkpoint.files) == digests:
            return checkpoint.id
    return None


def _run(session: Session, identities: Sequence[int], wanted: Wanted) -> int:
    """The newest run over exactly these checkpoints, or a new one."""
    for run in runs.runs_over(session, identities[0]):
        if [member.checkpoint_id for member in run.members] == list(identities):
            return run.id
    return runs.request(session, identities, wanted.diagnostics).id
