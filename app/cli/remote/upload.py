"""`eigenscope upload`: a checkpoint sent to a service, analysed there, and where its report is."""

import os
from pathlib import Path
from typing import Any

import click

from app.cli.options import INPUT
from app.cli.output import write_object
from app.cli.remote.files import name_upload, to_send
from app.cli.remote.outcomes import outcomes
from app.client.errors import RunEnded
from app.client.remote import Remote
from app.escaping import for_terminal


@click.command("upload")
@click.argument("files", nargs=-1, required=True, type=INPUT)
@click.option(
    "--server",
    metavar="URL",
    default="http://127.0.0.1:8000",
    envvar="EIGENSCOPE_SERVER",
    show_default=True,
    help="The service; also from EIGENSCOPE_SERVER.",
)
@click.option(
    "--token-from-env",
    "token_name",
    default="EIGENSCOPE_TOKEN",
    show_default=True,
    metavar="NAME",
    help="The environment variable with the server's token.",
)
@click.option("--name", help="Name of the checkpoint on the server, for example model@main.")
@click.option("--base", type=INPUT, help="The base model: both are sent, and compared.")
@click.option("--no-run", is_flag=True, help="Only send: analyse nothing.")
@click.option("--wait", is_flag=True, help="End when the analysis has ended: exit code 3 unless it is done.")
@click.option("--json", "as_json", is_flag=True, help="Print ids and addresses as JSON.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=3600.0, show_default=True,
    help="Time limit in seconds.",
)  # fmt: skip
def upload_command(
    files: tuple[Path, ...], server: str, token_name: str, name: str | None, base: Path | None, no_run: bool,
    wait: bool, as_json: bool, timeout: float,
) -> None:  # fmt: skip
    """Send a checkpoint to a service, which analyses it: a file, all its shards, or their folder.

    Bytes that the service has already are not sent again. Exit codes: 0 it is there; 2 wrong usage; 3 the server or
    the analysis failed; 4 the time was up.
    """
    with outcomes(timeout), Remote(server, os.environ.get(token_name) or None, timeout) as remote:
        paths = ([base] if base else []), list(files)
        ids = [
            remote.upload(to_send(each), name_upload(each, name if each is paths[1] else None))
            for each in paths
            if each
        ]
        told: dict[str, Any] = {"checkpoints": [{"id": i, "url": f"{remote.address}/checkpoints/{i}"} for i in ids]}
        if not no_run:
            run = remote.run({"checkpoints": ids})
            told["run"] = {"id": run, "url": f"{remote.address}/runs/{run}"}
            if wait:
                _check_end(remote.end_of(run), told)
    _say(told, as_json)


def _check_end(run: dict[str, Any], told: dict[str, Any]) -> None:
    """Adds the state. Raises RunEnded where the run has ended otherwise than done."""
    told["run"]["state"] = run.get("state")
    if run.get("state") != "done":
        reason = (run.get("reason") or {}).get("message") or "see its page"
        text = f"run {told['run']['id']} is {run.get('state')}: {for_terminal(reason)} ({told['run']['url']})"
        raise RunEnded("run-ended", text)


def _say(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        write_object(told)
        return
    for checkpoint in told["checkpoints"]:
        click.echo(f"Checkpoint {checkpoint['id']}: {for_terminal(checkpoint['url'])}")
    if run := told.get("run"):
        click.echo(f"Report: {for_terminal(run['url'])}")
