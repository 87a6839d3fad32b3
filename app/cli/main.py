"""The command line: `eigenscope serve`, `analyze`, `compare`, `check` and the others, each with --help.

Exit codes: 0 success; 1 the doctor found a problem; 2 wrong usage; 3 a file could not be analysed.
`check` has its own: app.cli.check. Commands are imported when they are used, so that `--help` waits for no library.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoSuchCommand


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, as "module:attribute", and the line that the group's help shows for it."""

    place: str
    help: str

    def load(self) -> click.Command:
        module, attribute = self.place.split(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.place} is not a click command")
        return command


class LazyGroup(click.Group):
    """A group whose commands are declared as entries, in the order of its help."""

    def __init__(self, *args: Any, entries: Mapping[str, Entry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=self.entries, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])


COMMANDS = {
    "analyze": Entry("app.cli.analyze:analyze_command", "Analyse one checkpoint."),
    "compare": Entry("app.cli.analyze:compare_command", "Compare fine-tunes and adapters with their base."),
    "check": Entry("app.cli.check:check_command", "Check a checkpoint against a policy, for CI."),
    "policy": Entry("app.cli.policy:policy_group", "Create a policy, or check one."),
    "upload": Entry("app.cli.remote.upload:upload_command", "Send a checkpoint to a service, which analyses it."),
    "mitigate": Entry("app.cli.mitigate:mitigate_command", "Shrink the intruder dimensions of a fine-tune."),
    "prescribe": Entry(
        "app.cli.prescribe:prescribe_command", "What to train, prune or quantise, as files of other tools."
    ),
    "scaling": Entry("app.cli.scaling:scaling_command", "Whether a recipe transfers across widths."),
    "serve": Entry("app.cli.service:serve_command", "Serve the pages and the API, with a worker."),
    "worker": Entry("app.cli.service:worker_command", "Run one worker against a database and a broker."),
    "doctor": Entry("app.cli.service:doctor_command", "Check the machine, and say how to fix problems."),
    "demo": Entry("app.cli.service:demo_command", "Add demo checkpoints and reports."),
    "token": Entry("app.cli.service:token_group", "Create, list and revoke API tokens."),
    "project": Entry("app.cli.service:project_group", "Create and list projects."),
}


# A backspace of its own keeps the lines of a paragraph apart: click's convention.
HELP = """What the spectra of your network's weights say.

\b
eigenscope analyze model.safetensors
eigenscope compare base.safetensors adapter/ tuned.safetensors
"""


@click.group(cls=LazyGroup, entries=COMMANDS, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eigenscope")
def main() -> None:
    """Run one of the commands."""
