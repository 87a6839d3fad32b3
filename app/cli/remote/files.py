"""Which files of those that are named go to a service, and what they are called there."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from analysis.errors import CheckpointError
from analysis.formats.companions import choose, files_in
from app.cli.output import errors
from app.escaping import for_terminal


def to_send(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """The files with what to call them; of a folder those that a checkpoint is made of."""
    files: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            files += [(f"{path.absolute().name}/{name}", path / name) for name in _names_to_send(path)]
        else:
            files.append((path.name, path))
    if not files:
        raise CheckpointError(f"{paths[0]} contains no checkpoint file", "missing-file")
    return files


def _names_to_send(folder: Path) -> list[str]:
    """The names of the folder's files that make a checkpoint; says which ones are not sent, and why."""
    choice = choose(file.relative_to(folder).as_posix() for file in files_in(folder))
    for name, reason in choice.left_out.items():
        errors.print(Text(for_terminal(f"not sent: {name} ({reason})")), style="dim", soft_wrap=True)
    return [*choice.weights, *choice.companions] if choice.weights else []
