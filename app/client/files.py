"""Which files of those that are named go to a service, and what they are called there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from analysis.errors import CheckpointError
from analysis.formats.companions import choose, files_in

Named = list[tuple[str, Path]]


def choose_files(paths: Sequence[Path]) -> tuple[Named, Mapping[str, str]]:
    """The files with what to call them, of a folder those that make a checkpoint; then what is left out, and why."""
    files: Named = []
    left_out: dict[str, str] = {}
    for path in paths:
        if path.is_dir():
            choice = choose(file.relative_to(path).as_posix() for file in files_in(path))
            names = [*choice.weights, *choice.companions] if choice.weights else []
            files += [(f"{path.absolute().name}/{name}", path / name) for name in names]
            left_out |= choice.left_out
        else:
            files.append((path.name, path))
    if not files:
        raise CheckpointError(f"{paths[0]} contains no checkpoint file", "missing-file")
    return files, left_out
