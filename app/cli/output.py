"""What every command prints: JSON, CSV, and the error that ends it; and the files that it writes."""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from analysis.report import Report

errors = Console(stderr=True)
OUT = click.Path(path_type=Path, dir_okay=False)


def write_json(report: Report) -> None:
    write_object(report.to_json())


def write_object(value: object) -> None:
    """JSON on the standard output, as every command's --json has it."""
    json.dump(value, sys.stdout, allow_nan=False, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def write_csv(report: Report) -> None:
    """The first diagnostic's table, as the API gives it."""
    from app.runs.tables import to_csv

    sys.stdout.writelines(to_csv(report.tables[0]))


def end(code: str, text: str, status: int) -> NoReturn:
    """Ends the command: the code and the text on the standard error, the status for the shell."""
    errors.print(f"[bold red]{code}[/]", end=" ")
    errors.print(text, markup=False, highlight=False)
    sys.exit(status)


def writable(path: Path) -> None:
    """Refuses a place that a file cannot be written to, before there is anything to write; leaves it as it is."""
    is_present = os.path.lexists(path)
    if is_present and not path.is_file():
        return  # a pipe, which is opened once
    try:
        path.open("a").close()
    except OSError as error:
        raise _unwritable(path, error) from error
    if not is_present:
        path.unlink(missing_ok=True)


def put(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> click.UsageError:
    return click.UsageError(f"{path} cannot be written: {error.strerror or error}")
