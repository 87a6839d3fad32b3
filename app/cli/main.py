"""The command line: `eigenscope serve`, `analyze`, `compare`, `check` and the others, each with --help.

Exit codes: 0 success; 1 the doctor found a problem; 2 wrong usage; 3 a file could not be analysed.
`check` has its own: app.cli.check.
"""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import admin
from app.cli.analyze import analyze_command, compare_command
from app.cli.check import check_command
from app.cli.mitigate import mitigate_command
from app.cli.policy import policy_group
from app.cli.prescribe import prescribe_command
from app.cli.scaling import scaling_command

if TYPE_CHECKING:
    from app.settings import Settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eigenscope")
def main() -> None:
    """What the spectra of your network's weights say."""


@main.command()
@click.option("--host", help="Address to listen on. Any address other than this machine's own needs EIGENSCOPE_TOKEN.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 chooses a free one.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Folder for files and reports.")
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Serve the pages and the API, and start a worker unless a broker is configured."""
    from app import main as service  # imports the web; `analyze` should not wait for that

    service.serve(settings(host=host, port=port, data_dir=data_dir))


def settings(**asked: object) -> "Settings":
    """The environment's settings, with what the command line says in their place. A wrong one is a usage error."""
    from pydantic import ValidationError

    from app.settings import Settings

    try:
        return Settings(**{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        found = error.errors()[0]
        name = "_".join(["EIGENSCOPE", *map(str, found["loc"])]).upper()
        said = found["msg"].removeprefix("Value error, ")
        raise click.UsageError(said if not found["loc"] else f"{name}: {said}, not {found['input']!r}") from error


@main.command()
def worker() -> None:
    """Run one worker against EIGENSCOPE_DATABASE_URL and EIGENSCOPE_BROKER_URL. Start one per GPU."""
    from app.queue.broker import worker_command
    from app.queue.supervisor import SAFE_PATH
    from app.storage.data_folder import open_data_folder

    folder = settings().data_dir.absolute()
    open_data_folder(folder)
    os.chdir(folder)  # Celery searches the current folder for modules
    command = worker_command()
    os.execve(command[0], command, {**os.environ, **SAFE_PATH, "EIGENSCOPE_DATA_DIR": str(folder)})


@main.command("demo")
@click.argument("experiment", required=False, type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="As in `serve`.")
def demo_command(experiment: Path | None, data_dir: Path | None) -> None:
    """Add demo checkpoints and reports: synthetic ones, or those of `make example` (EXPERIMENT)."""
    from app.cli.demo import command  # imports the database; `analyze` should not wait for that
    from app.storage.data_folder import open_data_folder

    chosen = settings(data_dir=data_dir)
    open_data_folder(chosen.data_dir)
    command(chosen, experiment)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(as_json: bool) -> None:
    """Check versions, devices, database, broker and disk, and say how to fix problems."""
    from app.cli.doctor import examine

    checks = examine(settings())
    if as_json:
        click.echo(json.dumps([check.to_json() for check in checks], indent=1))
    else:
        for check in checks:
            click.echo(f"{'✓' if check.good else '✗'} {check.subject}: {check.found}")
            if not check.good:
                click.echo(f"  → {check.fix}")
    sys.exit(int(not all(check.good for check in checks)))


main.add_command(analyze_command)
main.add_command(compare_command)
main.add_command(check_command)
main.add_command(policy_group)
main.add_command(mitigate_command)
main.add_command(prescribe_command)
main.add_command(scaling_command)
for group in admin.commands(settings):
    main.add_command(group)
