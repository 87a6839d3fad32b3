"""`eigenscope check`: a checkpoint held to a policy, here or by a service.

Exit codes: 0 the gate is open; 1 it is closed; 2 wrong usage, policy or baseline; 3 the server or the analysis failed;
4 the time was up.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from analysis.diagnostics import check_scopes, requests
from analysis.engine.comparison import compare
from analysis.engine.single import analyze
from analysis.errors import OptionError, PolicyError, WrongBase
from analysis.formats import open_checkpoint
from analysis.gate.baseline import check_baseline
from analysis.gate.evidence import Evidence
from analysis.gate.judge import judge
from analysis.gate.policy import Policy
from analysis.outcome import Outcome
from app.cli.analyze import name_paths, open_path, progress
from app.cli.options import INPUT, device_option
from app.cli.output import OUT, end, put, writable, write_object
from app.cli.policy import read_policy
from app.cli.remote.files import to_send
from app.cli.remote.outcomes import BROKEN, outcomes
from app.client.remote import Remote
from app.escaping import for_terminal
from app.gate import junit, markdown

CLOSED = 1


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=INPUT)
@click.option("--policy", "policy_file", required=True, type=click.Path(path_type=Path), help="eigenscope.yml.")
@click.option("--base", type=INPUT, help="The base model, for rules about what the training changed.")
@click.option(
    "--baseline",
    metavar="REPORT.json|RUN|NAME",
    help="A report to compare with; with --server also a run's id, or a checkpoint's name.",
)
@click.option("--server", metavar="URL", help="Run the check on this server: http://127.0.0.1:8000.")
@click.option(
    "--token-from-env",
    "token_name",
    default="EIGENSCOPE_TOKEN",
    show_default=True,
    metavar="NAME",
    help="The environment variable with the server's token.",
)
@click.option("--name", help="Name of the checkpoint on the server, for example model@main.")
@click.option("--junit", "junit_file", type=OUT, help="Also write the verdict as JUnit XML.")
@click.option("--markdown", "markdown_file", type=OUT, help="Also write the verdict as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=3600.0,
    show_default=True,
    help="Time limit in seconds.",
)
@device_option
def check_command(
    files: tuple[Path, ...],
    policy_file: Path,
    base: Path | None,
    baseline: str | None,
    server: str | None,
    token_name: str,
    name: str | None,
    junit_file: Path | None,
    markdown_file: Path | None,
    as_json: bool,
    timeout: float,
    device: str,
) -> None:
    """Check a checkpoint against a policy: a file, all its shards, or their folder."""
    for path in (junit_file, markdown_file):
        if path is not None:
            writable(path)
    with outcomes(timeout):
        text, policy = read_policy(policy_file)
        reference = _baseline(baseline, server)
        if server is None:
            verdict = check_locally(files, base, policy, reference, device)
        else:
            token = os.environ.get(token_name) or None
            verdict = check_remotely(files, base, text, reference, server, token, name, timeout)
    for path, write in ((junit_file, junit.write), (markdown_file, markdown.write)):
        if path is not None:
            put(path, write(verdict))
    say(verdict, as_json)
    if verdict.get("ended"):
        end("run-ended", verdict["ended"], BROKEN)
    sys.exit(0 if verdict["passed"] else CLOSED)


def _baseline(asked: str | None, server: str | None) -> Any:
    """The report in a file, or what the server knows: a run's id, a checkpoint's name."""
    if asked is None:
        return None
    path = Path(asked)
    if path.is_file():
        try:
            return check_baseline(json.loads(path.read_bytes()))
        except ValueError as error:
            raise click.BadParameter(f"--baseline {asked}: not valid JSON") from error
    if server is None:
        raise click.BadParameter(f"--baseline {asked}: the file does not exist, and a run needs --server")
    return int(asked) if asked.isascii() and asked.isdigit() else asked


def check_locally(
    files: Sequence[Path], base: Path | None, policy: Policy, baseline: Any, device: str
) -> dict[str, Any]:
    """The verdict, made in this process."""
    try:
        selection = requests(policy.diagnostics(1 if base is None else 2))
        check_scopes(selection, 1 if base is None else 2)
    except OptionError as error:
        raise PolicyError(str(error)) from error
    if base is None:
        checkpoint = open_checkpoint(files)
        if checkpoint.kind == "adapter":
            raise WrongBase("this is an adapter: compare it with its base: add --base BASE", "adapter-alone")
        with progress([checkpoint]) as callback:
            report = analyze(checkpoint, selection, device, callback)
    else:
        checkpoints = [open_path(base), open_checkpoint(files)]
        with progress(checkpoints[:1]) as callback:
            report = compare(checkpoints, selection, name_paths([base, files[0]]), device, callback)
    verdict = judge(policy, Evidence(report.to_json()), baseline).to_json()
    return {**verdict, "policy": policy.to_json(), "checkpoint": name_paths(files[:1])[0]}


def check_remotely(
    files: Sequence[Path], base: Path | None, policy: str, baseline: Any, server: str, token: str | None,
    name: str | None, seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """The verdict of a service."""
    with Remote(server, token, seconds) as remote:
        ids = [] if base is None else [remote.upload(to_send([base]), name_paths([base])[0])]
        ids.append(remote.upload(to_send(files), name or name_paths(files[:1])[0]))
        body = {"checkpoints": ids, "policy": policy, **({} if baseline is None else {"baseline": baseline})}
        run = remote.run(body)
        return {**remote.verdict(run), "link": f"{remote.address}/runs/{run}"}


def say(verdict: dict[str, Any], as_json: bool) -> None:
    if as_json:
        write_object(verdict)
        return
    console = Console()
    for rule in verdict["rules"]:
        console.print(
            Text(f"{rule['outcome']:<13}", Outcome(rule["outcome"]).color), Text(for_terminal(rule["rule"]), "bold")
        )
        for line in (rule["sentence"], *junit.layers(rule)):
            console.print(Text(f"              {for_terminal(line)}"), soft_wrap=True)
    console.print(Text(verdict["headline"], "bold"))
