"""`eigenscope policy`: writes a policy and checks one; `check` reads it here too."""

from pathlib import Path

import click

from analysis.errors import PolicyError
from analysis.gate.policy import Policy, notes
from analysis.gate.starter import starter
from app.cli.output import OUT, end, put
from app.gate import policy_file as policies

USAGE = 2


@click.group("policy")
def policy_group() -> None:
    """Create a policy, or check one."""


@policy_group.command("init")
@click.argument("file", default="eigenscope.yml", type=OUT)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init_command(file: Path, force: bool) -> None:
    """Write a policy with good defaults and their reasons to FILE (default: eigenscope.yml)."""
    if file.exists() and not force:
        raise click.UsageError(f"{file} already exists: --force overwrites it")
    put(file, starter())
    click.echo(f"{file}: eigenscope check model.safetensors --policy {file}")


@policy_group.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def policy_check_command(file: Path) -> None:
    """Report errors in a policy, or summarise it."""
    try:
        _, policy = read_policy(file)
    except PolicyError as error:
        end(error.code, f"{file}: {error}", USAGE)
    needs = [*(["a base"] if policy.needs_base else []), *(["a baseline"] if policy.needs_baseline else [])]
    asks = f"; some ask for {' and '.join(needs)}" if needs else ""
    for note in notes(policy):
        click.echo(f"{file}: note: {note}", err=True)
    click.echo(f"{file}: {len(policy.rules)} rules over {', '.join(policy.measure) or 'the coverage'}{asks}")


def read_policy(path: Path) -> tuple[str, Policy]:
    """The policy as it is written, and as it is understood; a file that cannot be read is wrong usage."""
    try:
        text = policies.text_of(path)
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror or error}") from error
    return text, policies.read(text)
