"""`--html FILE`: the report as one file that opens anywhere, as the service has it in its menu Export."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

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
    """The training step of each checkpoint that states one, by its place."""
    values = {place: checkpoint.facts.get("step") for place, checkpoint in enumerate(checkpoints)}
    return {place: float(step) for place, step in values.items() if isinstance(step, int | float)}
