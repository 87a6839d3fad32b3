"""Which files go to a service; the command says which ones do not."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from app.cli.output import errors
from app.client.files import Named, choose_files
from app.escaping import for_terminal


def to_send(paths: Sequence[Path]) -> Named:
    """The files with what to call them; says which ones of a folder are not sent, and why."""
    files, left_out = choose_files(paths)
    for name, reason in left_out.items():
        errors.print(Text(for_terminal(f"not sent: {name} ({reason})")), style="dim", soft_wrap=True)
    return files
