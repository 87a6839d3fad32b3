"""`--html FILE`: the report as one file that opens anywhere, as the service has it in its menu Export."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from analysis.facts import series_steps
from analysis.report import Report
from app.cli.output import put
from frontend.document import report as document


class Known(Protocol):
    """A checkpoint with the facts that its files state."""

    @property
    def facts(self) -> Mapping[str, Any]: ...


def write_document(path: Path, report: Report, names: Sequence[str], checkpoints: Sequence[Known]) -> None:
    """Writes the file. Raises click.UsageError where it cannot be written."""
    title = ", ".join(dict.fromkeys(names))
    put(path, document.write(report, title, metadata.version("eigenscope"), steps(checkpoints)))


def steps(checkpoints: Sequence[Known]) -> dict[int, float]:
    """The training step of each tuned checkpoint, by its place; of none where they are no series."""
    return dict(enumerate(series_steps([checkpoint.facts for checkpoint in checkpoints[1:]]) or (), start=1))
