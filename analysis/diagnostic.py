"""What a diagnostic is: one frozen record from which the API, the CSV, the docs and the figures all come.

A `Diagnostic` declares its columns, options and figures, computes a `Measurement` from the weights of one group, and
summarises the `Table` of all measurements into numbers and findings. To add one, write a file in
`analysis/diagnostics/` and name it in `DIAGNOSTICS` there.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.linalg import LinAlgError
from numpy.typing import NDArray

from analysis.errors import TensorError
from analysis.figure import Figure as Figure
from analysis.figure import FigureKind as FigureKind
from analysis.finding import Cause as Cause
from analysis.finding import Finding as Finding
from analysis.finding import Severity as Severity
from analysis.names.order import network_order
from analysis.names.short import abbreviate as abbreviate
from analysis.names.short import cut_shared as cut_shared
from analysis.option import Option as Option
from analysis.option import Options as Options
from analysis.option import Scalar as Scalar
from analysis.option import settle as settle
from analysis.other_tensors import OtherTensors
from analysis.weight import Weight, WeightInfo

Curve = NDArray[np.float32]


class Scope(StrEnum):
    """What a diagnostic looks at, out of a run's ordered checkpoints."""

    ONE = "one"  # each checkpoint by itself
    PAIR = "pair"  # (base, tuned), for each tuned one
    UPDATES = "updates"  # (base, tuned a, tuned b), for each two tuned ones
    FAMILY = "family"  # all together, in their order


def groups(scope: Scope, checkpoints: int) -> list[tuple[int, ...]]:
    """The groups of checkpoint positions that a scope looks at; position 0 is the base.

    >>> groups(Scope.PAIR, 3)
    [(0, 1), (0, 2)]
    """
    everyone = range(checkpoints)
    match scope:
        case Scope.ONE:
            return [(i,) for i in everyone]
        case Scope.PAIR:
            return [(0, i) for i in everyone[1:]]
        case Scope.UPDATES:
            return [(0, i, j) for i, j in combinations(everyone[1:], 2)]
        case Scope.FAMILY:
            return [tuple(everyone)] if checkpoints > 1 else []


NOT_FINITE = "values are NaN or infinite"  # the end of a note on such a weight


def without_name(note: str, *names: str) -> str:
    """A note on a weight where its name stands beside it already, or that of its tensor: without these in front.

    >>> without_name("h.0.fc: 2 values are NaN or infinite", "h.0.fc")
    '2 values are NaN or infinite'
    """
    for name in names:
        note = note.removeprefix(f"{name}: ")
    return note


def _always(row: "Row") -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Column:
    """One named quantity. `meaning` says what it is and what high or low implies; `absent` when it is None."""

    name: str
    title: str  # for headings and axes: "α"
    meaning: str
    kind: Literal["number", "integer", "text", "flag", "curve"] = "number"
    unit: str = ""  # "" where it is a pure number or a count
    absent: str = ""
    choices: tuple[str, ...] = ()  # of a text: all that it can be, where the list is closed
    usual: tuple[float, float] | None = None  # the usual range, ends included, outside which a reader should look
    usual_in: str = ""  # where values lie in that range: "in published well-trained models (KS)"
    judges: "Callable[[Row], bool]" = _always  # whether a row's value may be compared with that range at all
    error: str | None = None  # the column that holds its standard error
    scaled: bool = False  # depends on the scale: not the same for a matrix and for a multiple of it
    shown: bool = False  # among the few that a table shows where nobody chooses
    usual_words: str = ""  # the usual values in words, where `usual` draws no range
    caveat: str = ""  # when not to trust it; "" where the diagnostic's caveat says it all
    source: str = ""  # "" where it is the diagnostic's reference


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a diagnostic found on one weight. A value that cannot be had is None, and `note` says why."""

    values: Mapping[str, Scalar]
    curves: Mapping[str, Curve] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement with the weight and the group of checkpoints it belongs to."""

    weight: WeightInfo
    group: tuple[int, ...]
    measurement: Measurement

    def value(self, column: str) -> Scalar:
        return self.measurement.values.get(column)

    @property
    def reason(self) -> str:
        """The note where the weight's name stands beside it already: without that."""
        return without_name(self.measurement.note or "", self.weight.name, self.weight.tensor)

    @property
    def is_not_finite(self) -> bool:
        """Whether it has no values because the weight holds NaN or infinity."""
        return (self.measurement.note or "").endswith(NOT_FINITE)


@dataclass(frozen=True, slots=True)
class Table:
    """The measurements of one diagnostic in one run, in the order of the checkpoint's tensors."""

    diagnostic: "Diagnostic"
    rows: tuple[Row, ...]
    names: tuple[str, ...] = ()  # of the run's checkpoints, in their order
    facts: tuple[Mapping[str, Scalar], ...] = ()  # about them, in the same order: "width", "learning_rate", …
    found: tuple[Mapping[str, Scalar], ...] = ()  # what their files say of it, where people may have said otherwise
    others: tuple[OtherTensors | None, ...] = ()  # how their tensors that are no matrices compare with the base's

    def name_at(self, position: int) -> str:
        """What a reader calls the checkpoint at this place of the run."""
        return self.names[position] if position < len(self.names) else f"checkpoint {position}"

    def in_network_order(self) -> "Table":
        """The same rows, their blocks by number: a file may be sorted as text, which has 10 in front of 2."""
        rank = {name: position for position, name in enumerate(network_order(row.weight.name for row in self.rows))}
        return replace(self, rows=tuple(sorted(self.rows, key=lambda row: (row.group, rank[row.weight.name]))))

    def numbers(self, column: str) -> list[float]:
        """The values of a numeric column that are there."""
        values = (row.value(column) for row in self.rows)
        return [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]


@dataclass(frozen=True, slots=True)
class Summary:
    """A table in one sentence, a few model-level numbers, and findings, worst first."""

    headline: str
    numbers: Mapping[str, Scalar]
    findings: tuple[Finding, ...] = ()
    groups: Mapping[tuple[int, ...], Mapping[str, Scalar]] = field(default_factory=dict)  # the same for each group


@dataclass(frozen=True)
class Diagnostic:
    """A declared measurement."""

    name: str
    title: str
    scope: Scope
    reference: str  # paper and section
    description: str
    columns: tuple[Column, ...]
    compute: Callable[[Sequence[Weight], Options], Measurement]  # the weights of one group, in its order
    summarise: Callable[[Table], Summary]
    options: tuple[Option, ...] = ()
    figures: tuple[Figure, ...] = ()
    default: bool = False  # measured where nobody says what to measure
    copies: int = 0  # of a whole weight that it holds at a time, beside the weight
    whole: bool = False  # decomposes all that it looks at, so that others, measured after it, find that done
    tail: bool = False  # says something of the tail of a spectrum only, so nothing of a weight that has none
    named: bool = False  # draws at random by the weight's name: another name, other numbers
    summary_curves: tuple[str, ...] = ()  # the curves that `summarise` looks at: short ones
    caveat: str = ""  # when not to trust its columns

    def __post_init__(self) -> None:
        """Refuses, with ValueError, what names a column that is not declared, or one of the wrong kind."""
        kinds = {column.name: column.kind for column in self.columns}
        references = [(f"column {c.name}, error", c.error) for c in self.columns if c.error is not None]
        references += [(f"figure {f.name}, {part}", column) for f in self.figures for part, column in f.parts.items()]
        references += [("summary_curves", name) for name in self.summary_curves]
        for place, name in references:
            if name not in kinds:
                raise ValueError(f"{self.name}: {place}: there is no column {name!r}")
            if place == "summary_curves" and kinds[name] != "curve":
                raise ValueError(f"{self.name}: {place}: {name!r} is not a curve")

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def settings(self, asked: Mapping[str, object]) -> Options:
        """Every option's value: as asked, or its default. Raises OptionError."""
        return settle(self.name, self.options, asked)


@dataclass(frozen=True)
class Request:
    """A diagnostic with its settings."""

    diagnostic: Diagnostic
    options: Options


def measure(request: Request, weights: Sequence[Weight]) -> Measurement:
    """One diagnostic on the weights of one group; what cannot be measured becomes a note, never an exception."""
    diagnostic = request.diagnostic
    if diagnostic.tail and (reason := next((weight.info.unfit for weight in weights if weight.info.unfit), "")):
        return absent(diagnostic, reason)
    try:
        measurement = diagnostic.compute(weights, request.options)
    except (TensorError, LinAlgError) as error:
        return absent(diagnostic, str(error))
    notes = [note for note in (measurement.note, *(weight.grid.note() for weight in weights if weight.grid)) if note]
    return check_measurement(diagnostic, replace(measurement, note="; ".join(notes) or None))


def absent(diagnostic: Diagnostic, note: str) -> Measurement:
    """A measurement with no value at all, and the reason."""
    return Measurement({c.name: None for c in diagnostic.columns if c.kind != "curve"}, {}, note)


def check_measurement(diagnostic: Diagnostic, found: Measurement) -> Measurement:
    """The same measurement with every declared column there, in their order, and nothing that is not finite."""
    scalars = [c.name for c in diagnostic.columns if c.kind != "curve"]
    stray = set(found.values) - set(scalars)
    if stray:
        raise ValueError(f"{diagnostic.name} returned columns that it does not declare: {sorted(stray)}")
    return Measurement({name: _finite(found.values.get(name)) for name in scalars}, found.curves, found.note)


def _finite(value: Any) -> Scalar:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    scalar: Scalar = value
    return scalar
