"""One layer in words and numbers: the facts, the tag and the reading of the panel beside the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Column, Row, Table
from frontend.numbers import shape, short
from frontend.rows import number, rows_at

# The facts of the panel, by diagnostic; "All numbers" below them lists every column.
FACTS: Mapping[str, tuple[str, ...]] = {
    "esd": ("alpha", "D", "num_pl_spikes"),
    "norms": ("stable_rank", "erank_s", "matrix_rank", "sv_max"),
}
TOTALS = {"num_pl_spikes": "num_evals"}  # columns that count part of another
FEW = 4  # facts of diagnostics that are not named above
FEW_IN_TAIL = 20  # below, the standard error (α − 1)/√n exceeds a fifth of α − 1


@dataclass(frozen=True, slots=True)
class Fact:
    title: str
    value: str
    small: str = ""
    term: str = ""  # its name in the glossary
    exact: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    name: str
    label: str
    facts: tuple[Fact, ...]
    everything: tuple[tuple[str, tuple[Fact, ...]], ...]  # diagnostic's title, its columns
    tag: tuple[str, str]  # css class and words
    reading: str


def panel(tables: Sequence[Table], weight: str, position: int = 0) -> Panel:
    """What is known of one weight. KeyError where no table holds it."""
    by_name = {
        table.diagnostic.name: (table, row)
        for table in tables
        for row in rows_at(table, position)
        if row.weight.name == weight
    }
    if not by_name:
        raise KeyError(weight)
    info = next(iter(by_name.values()))[1].weight
    facts = [fact for table, row in by_name.values() for fact in _facts(table, row)]
    if not facts:  # none of the diagnostics that FACTS knows: the first numbers of the first
        first, row = next(iter(by_name.values()))
        facts = [_fact(first, c, row) for c in first.diagnostic.columns if c.kind in ("number", "integer")][:FEW]
    size = shape((info.rows, info.columns)) + (f" × {info.slices} slices" if info.slices > 1 else "")
    facts.insert(min(3, len(facts)), Fact("Shape", size, term="shape"))
    values: dict[str, object] = {}
    for _, row in by_name.values():  # of two tables with a column of one name, the first is meant
        values = {**row.measurement.values, **values}
    return Panel(
        name=info.name,
        label=info.label,
        facts=tuple(facts),
        everything=tuple((table.diagnostic.title, _all_facts(table, row)) for table, row in by_name.values()),
        tag=tag(values, all(_is_firm(table, row) for table, row in by_name.values())),
        reading=reading(values),
    )


def _facts(table: Table, row: Row) -> list[Fact]:
    columns = {column.name: column for column in table.diagnostic.columns}
    return [_fact(table, columns[name], row) for name in FACTS.get(table.diagnostic.name, ()) if name in columns]


def _fact(table: Table, column: Column, row: Row) -> Fact:
    error, total = number(row, column.error), number(row, TOTALS.get(column.name))
    small = f"± {short(error)}" if error is not None else f"of {total:.0f}" if total is not None else column.unit
    value = row.value(column.name)
    return Fact(column.title, short(value), small if value is not None else "", _term(table, column))


def _all_facts(table: Table, row: Row) -> tuple[Fact, ...]:
    """Every scalar column, with its exact value beside the short one."""
    columns = [column for column in table.diagnostic.columns if column.kind != "curve"]
    return tuple(
        Fact(c.title, short(row.value(c.name), 4), c.unit, _term(table, c), exact=str(row.value(c.name)))
        for c in columns
    )


def _term(table: Table, column: Column) -> str:
    return f"{table.diagnostic.name}.{column.name}"


def _is_firm(table: Table, row: Row) -> bool:
    """Whether α may be held against its usual range, where the table has one."""
    return all(column.judges(row) for column in table.diagnostic.columns if column.name == "alpha")


def tag(values: Mapping[str, object], firm: bool) -> tuple[str, str]:
    """The state of a weight, as a css class and words with their own sign; of a fit that is not firm no more."""
    alpha, warning = values.get("alpha"), values.get("warning")
    if "alpha" not in values:
        return "", ""
    if not isinstance(alpha, float):
        return "", "no fit"
    if not firm:
        return "", "weak fit"
    if warning == "under-trained":
        return "note", "▲ α above 6"
    if warning == "over-trained":
        return "note", "▼ α below 2"
    return "good", "✓ α in 2–6"


def reading(values: Mapping[str, object]) -> str:
    """What the numbers of a weight say, in a sentence or two."""
    alpha, tail, total = values.get("alpha"), values.get("num_pl_spikes"), values.get("num_evals")
    if not isinstance(alpha, float):
        return ""
    if not isinstance(tail, int) or not isinstance(total, int):
        return _by_alpha(alpha)
    share = f"{tail:,} of {total:,} eigenvalues"
    if tail < FEW_IN_TAIL:
        sense = "high" if alpha > 6 else "low" if alpha < 2 else "between 2 and 6"
        return f"{_by_alpha(alpha)} Only {share} carry the fit: read α as {sense}, not as a number."
    return f"{_by_alpha(alpha)} The fit rests on {share}."


def _by_alpha(alpha: float) -> str:
    if alpha > 6:
        return (
            "The tail falls steeply, as it does in noise and in long matrices: read how many eigenvalues are above "
            "random before saying that the layer learned little."
        )
    if alpha < 2:
        return (
            "A few directions carry most of the weight: usual in small language models and in tables of simple "
            "structure, and no sign of memorising."
        )
    return "Large eigenvalues grow rare as a power law, with an exponent where most trained layers have theirs."
