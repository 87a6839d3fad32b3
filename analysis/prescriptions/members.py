"""What a rule looks at: opened checkpoints in their order, and the tables measured on them.

A table comes out of a report where that was measured with the same options, else it is measured now.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.cached import once
from analysis.checkpoint import OpenCheckpoint, grid_of
from analysis.diagnostic import Row, Scope, Table
from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.engine.single import analyze
from analysis.errors import WrongBase, WrongMembers
from analysis.formats.pytorch.optimizer import OptimizerState
from analysis.prescriptions.recorded import RecordedReport
from analysis.weight import TensorInfo


@dataclass(frozen=True)
class Members:
    """The checkpoints, the first of them the base of the others, with the names that a reader calls them by."""

    checkpoints: tuple[OpenCheckpoint, ...] = ()
    names: tuple[str, ...] = ()
    report: RecordedReport | None = None
    device: str = "cpu"
    progress: Callable[[TensorInfo], None] | None = None
    optimizer: OptimizerState | None = None
    no_optimizer: str = ""  # why one that lies beside the checkpoint is not read

    @once
    def digest(self) -> str:
        """sha-256 of the report, or of the one checkpoint's files; of several, of their digests in their order."""
        if self.report is not None:
            return self.report.digest
        digests = [digest_of(checkpoint) for checkpoint in self.checkpoints]
        return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()

    def table(self, diagnostic: str, options: Mapping[str, object] | None = None, position: int = 0) -> Table:
        """A diagnostic's table of the checkpoint at this place, or of all that a comparison of them gives.

        Raises IncompleteReport where the report does not have it and there is no checkpoint to measure.
        """
        (request,) = requests({diagnostic: options or {}})
        if self.report is not None:
            table = self.report.table(request, required=not self.checkpoints)
            if table is not None:
                return self._only(table, position)
        if len(self.checkpoints) > 1:
            table = compare(self.checkpoints, (request,), self.names, self.device, self.progress).tables[0]
            return self._only(table, position)
        self.check_whole()
        return analyze(self.checkpoints[0], (request,), self.device, self.progress).tables[0]

    def rows(self, diagnostic: str, options: Mapping[str, object] | None = None, position: int = 0) -> Sequence[Row]:
        return self.table(diagnostic, options, position).rows

    def check_whole(self) -> None:
        """Raises WrongBase where the first checkpoint is an adapter: what it changes cannot be measured alone."""
        if self.checkpoints and self.checkpoints[0].kind == "adapter":
            text = "this is an adapter, which says how a model changes: give its base first, or the merged model"
            raise WrongBase(text, "adapter-alone")

    def dequantised(self) -> list[str]:
        """Names of the first checkpoint's tensors whose values lie on the grid of a quantisation."""
        if not self.checkpoints:
            return []
        first = self.checkpoints[0]
        return [info.name for info in first.tensors if info.skip is None and grid_of(first, info) is not None]

    def checkpoint(self, position: int = 0) -> OpenCheckpoint:
        """Raises WrongMembers where only a report was given."""
        if position >= len(self.checkpoints):
            raise WrongMembers("this reads the weights: give the checkpoint, not a report alone")
        return self.checkpoints[position]

    def _only(self, table: Table, position: int) -> Table:
        if table.diagnostic.scope is not Scope.ONE:
            return table
        rows = tuple(row for row in table.rows if row.group == (position,))
        return Table(table.diagnostic, rows, table.names, table.facts, table.found, table.others)


def digest_of(checkpoint: OpenCheckpoint) -> str:
    """sha-256 of the file that the weights lie in; of several files, of their digests in the order of their names."""
    arrays = getattr(checkpoint, "stored", {})
    paths = sorted({Path(array.path) for array in arrays.values()})
    digests = [_of_file(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
