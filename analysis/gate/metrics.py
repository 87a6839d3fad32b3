"""What a rule can be about: every scalar column of every diagnostic, and the numbers of a summary."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from analysis.diagnostic import Column, Diagnostic, Scalar, Table
from analysis.diagnostics import DIAGNOSTICS

WEAK = "low_confidence"  # the column in which a diagnostic flags a fit that is a hint and no number
COVERAGE = {
    "parameters": "Share of the parameters that were analysed, 0 to 1.",
    "tensors": "Share of the tensors that were analysed, 0 to 1: biases and norms are not.",
    "unmeasured": "Weights, norms, biases and others with NaN or infinity; empty weights; weights no worker came to.",
}
SHARES = ("parameters", "tensors")
RENAMED = {"esd.healthy": "esd.usual", "esd.share_healthy": "esd.share_usual"}  # names of earlier versions


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of a table (one value for each layer), or a number of a summary (`column` is then None)."""

    diagnostic: str  # or "coverage"
    name: str
    column: Column | None = None

    @property
    def key(self) -> str:
        """How a policy names it: "esd.alpha"."""
        return f"{self.diagnostic}.{self.name}"

    @property
    def usual(self) -> tuple[float, float] | None:
        return None if self.column is None else self.column.usual

    @property
    def numeric(self) -> bool:
        return self.column is None or self.column.kind in ("number", "integer")


@cache
def columns() -> dict[str, Metric]:
    """Every scalar column by its key; a curve is no value that a bound could hold."""
    return {
        f"{entry.name}.{column.name}": Metric(entry.name, column.name, column)
        for entry in DIAGNOSTICS
        for column in entry.columns
        if column.kind != "curve"
    }


@cache
def summaries() -> dict[str, Metric]:
    """Every number of a summary by its key: those that a diagnostic gives of any table, and the coverage's."""
    numbers = [(entry.name, name) for entry in DIAGNOSTICS for name in entry.summarise(Table(entry, ())).numbers]
    return {
        f"{owner}.{name}": Metric(owner, name) for owner, name in [*numbers, *(("coverage", name) for name in COVERAGE)]
    }


def number_in(numbers: Mapping[str, Any], metric: Metric) -> Scalar:
    """A summary's number, in reports of earlier versions by its name there; None where it is not there."""
    names = [metric.key, *(former for former, key in RENAMED.items() if key == metric.key)]
    found: Iterator[Scalar] = (numbers[name] for key in names if (name := key.partition(".")[2]) in numbers)
    return next(found, None)


@cache
def weak_flagged(name: str) -> bool:
    """Whether the diagnostic flags weak fits."""
    return any(column.name == WEAK for entry in _diagnostics_named(name) for column in entry.columns)


def _diagnostics_named(name: str) -> list[Diagnostic]:
    return [entry for entry in DIAGNOSTICS if entry.name == name]
