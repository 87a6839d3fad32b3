"""`eigenscope demo`: checkpoints to look around in, and runs over them (app.demo), put into the data folder."""

from pathlib import Path

import click

from app.access import projects
from app.db import Database, migrate_or_exit
from app.demo.lists import list_experiment
from app.demo.register import Demo, load, register
from app.errors import ServiceError
from app.queue.broker import Sender
from app.settings import Settings
from app.storage.blobs import Storage


def fill(settings: Settings, experiment: Path | None = None) -> Demo:
    """Fills the data folder, whether or not a service runs on it. Raises BadUpload where the experiment's list is none.

    A worker reads and analyses them: at once where the service runs, else as soon as it does.
    """
    sender = Sender(settings)
    everything, storage = Database(settings.database, sender.send), Storage(settings.data_dir)
    try:
        migrate_or_exit(everything)
        database = everything.within(projects.DEFAULT, "eigenscope demo")
        if experiment is None:
            return load(database, storage, settings)
        return register(database, storage, settings, list_experiment(experiment))
    finally:
        everything.close()
        sender.close()


def command(settings: Settings, experiment: Path | None) -> None:
    """`eigenscope demo`: fills, and says what there is and where to look."""
    try:
        demo = fill(settings, experiment)
    except ServiceError as error:
        raise click.ClickException(str(error)) from error
    new = f"{demo.added} of them new" if demo.added else "all of them already exist"
    click.echo(f"{len(demo.checkpoints)} checkpoints, {new}; runs {', '.join(map(str, demo.runs))}.")
    click.echo("`eigenscope serve` analyses and shows them.")
