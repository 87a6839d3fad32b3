"""`eigenscope serve`, `worker`, `demo` and `doctor`, and the settings that they and the groups of access share."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import admin

if TYPE_CHECKING:
    from app.settings import Settings


LOOPBACK = "127.0.0.1"  # an address that needs no token


@click.command("serve")
@click.option("--host", help="Address to listen on. Any address other than this machine's own needs EIGENSCOPE_TOKEN.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 chooses a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder for files and reports.")
@click.option(
    "--new-token", is_flag=True, help="Make a random token that every request needs; kept in the data folder."
)
def serve_command(host: str | None, port: int | None, data_dir: Path | None, new_token: bool) -> None:
    """Serve the pages and the API, and start a worker unless a broker is configured."""
    from analysis.runtime.collector import at_rest

    with at_rest():
        from app import main as service  # imports the web; `analyze` should not wait for that

    asked = {"host": host, "port": port, "data_dir": data_dir}
    service.serve(settings(**asked, token=_own_token(settings(data_dir=data_dir, host=LOOPBACK), new_token)))


def _own_token(found: "Settings", new: bool) -> str | None:
    """The token kept in the data folder, made anew where that is asked for; None where EIGENSCOPE_TOKEN is set."""
    from app.access import kept_token
    from app.storage.data_folder import open_data_folder

    if not new:
        return None if found.token is not None else kept_token.read(found.data_dir)
    if found.token is not None:
        raise click.UsageError("EIGENSCOPE_TOKEN is set, and is the token. Unset it, or leave out --new-token.")
    open_data_folder(found.data_dir)
    return kept_token.make(found.data_dir)


def settings(**asked: object) -> "Settings":
    """The environment's settings, with what the command line says in their place. A wrong one is a usage error."""
    from pydantic import ValidationError

    from app.settings import Settings

    try:
        return Settings(**{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(["EIGENSCOPE", *map(str, problem["loc"])]).upper()
        message = problem["msg"].removeprefix("Value error, ")
        raise click.UsageError(
            message if not problem["loc"] else f"{name}: {message}, not {problem['input']!r}"
        ) from error


@click.command("worker")
def worker_command() -> None:
    """Run one worker against EIGENSCOPE_DATABASE_URL and EIGENSCOPE_BROKER_URL. Start one per GPU."""
    from app.queue.broker import worker_command as celery_command
    from app.queue.supervisor import SAFE_PATH
    from app.storage.data_folder import open_data_folder

    folder = settings().data_dir.absolute()
    open_data_folder(folder)
    os.chdir(folder)  # Celery searches the current folder for modules
    command = celery_command()
    os.execve(command[0], command, {**os.environ, **SAFE_PATH, "EIGENSCOPE_DATA_DIR": str(folder)})


@click.command("demo")
@click.argument("experiment", required=False, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="As in `serve`.")
def demo_command(experiment: Path | None, data_dir: Path | None) -> None:
    """Add demo checkpoints and reports: our own, or those of `make example` (EXPERIMENT)."""
    from app.cli.demo import command  # imports the database; `analyze` should not wait for that
    from app.storage.data_folder import open_data_folder

    demo_settings = settings(data_dir=data_dir)
    open_data_folder(demo_settings.data_dir)
    command(demo_settings, experiment)


@click.command("doctor")
@click.option("--service", is_flag=True, help="Check database, broker and a worker only, as a health check does.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor_command(service: bool, as_json: bool) -> None:
    """Check versions, devices, database, broker and disk, and say how to fix problems."""
    from app.cli.doctor import SERVICE, examine

    checks = examine(settings(), *([SERVICE] if service else []))
    if as_json:
        click.echo(json.dumps([check.to_json() for check in checks], indent=1))
    else:
        for check in checks:
            click.echo(f"{'✓' if check.good else '✗'} {check.subject}: {check.found}")
            if advice := check.advice if check.good else check.fix:
                click.echo(f"  → {advice}")
    sys.exit(int(not all(check.good for check in checks)))


token_group, project_group = admin.commands(settings)
