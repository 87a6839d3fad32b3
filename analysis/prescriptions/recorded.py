"""A report that was written earlier, as a rule reads it: tables again, each with the options it was measured with."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.diagnostic import Measurement, Request, Row, Scalar, Table
from analysis.diagnostics import diagnostic
from analysis.errors import IncompleteReport, OptionError
from analysis.weight import WeightInfo

PLACE = ("weight", "tensor", "label", "role", "depth", "shape", "slices", "group", "checkpoints", "note")
AGAIN = "write it anew with `eigenscope analyze --json`, or give the checkpoint"


@dataclass(frozen=True)
class RecordedReport:
    """Tables by the name of their diagnostic, the options of each, and the sha-256 of the report."""

    tables: Mapping[str, Table]
    options: Mapping[str, Mapping[str, Scalar]]
    digest: str

    def table(self, request: Request, required: bool) -> Table | None:
        """The table of this request. None, or IncompleteReport where it is required, if the report lacks it."""
        name = request.diagnostic.name
        options = self.options.get(name)
        if name in self.tables and options is not None and dict(options) == dict(request.options):
            return self.tables[name]
        if required:
            raise IncompleteReport(self._lacks(request))
        return None

    def _lacks(self, request: Request) -> str:
        name = request.diagnostic.name
        other = {
            option.name: request.options[option.name]
            for option in request.diagnostic.options
            if request.options[option.name] != option.default
        }
        arguments = " ".join(
            [f"--diagnostic {name}", *(f"--option {name}.{key}={value}" for key, value in other.items())]
        )
        if name not in self.tables:
            reason = f"the report has no table {name}"
        elif name not in self.options:
            reason = f"the report does not say with which options {name} was measured"
        else:
            reason = f"the report has {name} with other options"
        return f"{reason}: run `eigenscope analyze --json {arguments}`, or give the checkpoint"


def read_report(content: bytes) -> RecordedReport:
    """The report in the JSON that `eigenscope analyze --json` prints. Raises IncompleteReport where it is none."""
    try:
        report = json.loads(content)
        tables = {str(name): _table(str(name), rows) for name, rows in report["tables"].items()}
        options = {str(name): dict(values) for name, values in report.get("options", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError, OptionError, RecursionError) as error:
        raise IncompleteReport(f"this JSON is not a report of Eigenscope: {AGAIN}") from error
    return RecordedReport(tables, options, hashlib.sha256(content).hexdigest())


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    entry = diagnostic(name)
    columns = {column.name for column in entry.columns}
    return Table(entry, tuple(_row(row, columns) for row in rows))


def _row(told: dict[str, Any], columns: set[str]) -> Row:
    rows, width = told["shape"]
    info = WeightInfo(
        str(told["weight"]), str(told["tensor"]), int(rows), int(width), int(told["slices"]), str(told["role"]),
        None if told["depth"] is None else int(told["depth"]),
    )  # fmt: skip
    values = {key: _scalar(value) for key, value in told.items() if key in columns and key not in PLACE}
    return Row(info, tuple(map(int, told["group"])), Measurement(values, note=told.get("note")))


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError("no scalar")
