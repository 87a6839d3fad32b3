"""The command line: `eigenscope serve`, `analyze`, `compare`, `check` and the others, each with --help.

Exit codes: 0 success; 1 the doctor found a problem; 2 wrong usage; 3 a file could not be analysed.
`check` has its own: app.cli.check.
"""

import click

from app.cli.lazy import Entry, LazyGroup

COMMANDS = {
    "analyze": Entry("app.cli.analyze:analyze_command", "Analyse one checkpoint."),
    "compare": Entry("app.cli.analyze:compare_command", "Compare fine-tunes and adapters with their base."),
    "check": Entry("app.cli.check:check_command", "Check a checkpoint against a policy, for CI."),
    "policy": Entry("app.cli.policy:policy_group", "Create a policy, or check one."),
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


@click.group(cls=LazyGroup, entries=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eigenscope")
def main() -> None:
    r"""What the spectra of your network's weights say.

    \b
    eigenscope analyze model.safetensors
    eigenscope compare base.safetensors adapter/ tuned.safetensors
    """
