"""What every command prints: JSON, CSV, and the error that ends it."""

import json
import sys
from typing import NoReturn

from rich.console import Console

from analysis.report import Report

errors = Console(stderr=True)


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
