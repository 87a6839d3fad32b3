"""Tuned checkpoints side by side: the numbers of each group, one quantity in a line, with a bar where bars compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Row, Scalar, Summary, Table
from frontend.compared import Compared, name_group, style_of
from frontend.numbers import ABSENT, minus, share, short
from frontend.rows import number


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a group's summary as a reader sees it. Words may hold {names} of other numbers or columns."""

    name: str
    title: str
    words: str = ""
    style: str = "number"  # "share" of one as percent, "signed", or "number"
    bars: bool = True
    strong: bool = False
    term: str = ""  # its name in the glossary, where it is no column's


# The numbers that stand beside each other, by diagnostic; of others, the first few.
CHOSEN: Mapping[str, tuple[Quantity, ...]] = {
    "intruders": (
        Quantity("intruders", "Intruder dimensions", "among the {k} strongest directions of each matrix", strong=True,
                 term="intruders.count"),
        Quantity("matrices_with", "Matrices with an intruder", "of {matrices}", term="intruder"),
    ),
    "update": (
        Quantity("relative_norm", "Size of the update", "its norm over the norm of the base, median", "share"),
        Quantity("effective_rank", "Effective rank of the update", "how many directions it really uses, median"),
        Quantity("share_in_base", "Inside the base’s leading directions", "{share_chance} would be chance", "share"),
        Quantity("alpha_shift", "Shift of α", "negative: heavier tail than the base", "signed", bars=False),
    ),
    "overlap": (
        Quantity("left_overlap", "Output directions shared", "chance {chance_left}", "share"),
        Quantity("right_overlap", "Input directions shared", "chance {chance_right}", "share"),
        Quantity("cosine", "Cosine of the updates", "0 unrelated, 1 the same", "signed", bars=False),
    ),
}  # fmt: skip
FEW = 3
SHARES = frozenset({"share_chance", "chance_left", "chance_right"})  # numbers inside words that are shares of one


@dataclass(frozen=True, slots=True)
class Entry:
    text: str
    bar: float | None  # 0 … 1, of the largest in its line
    words: str  # what it is to be held against, where that differs from group to group


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    term: str  # its name in the glossary
    words: str  # where they are the same for all groups
    strong: bool
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    group: tuple[int, ...]
    name: str
    looks: tuple[Compared, ...]  # of the tuned checkpoints in the group


@dataclass(frozen=True, slots=True)
class Contrast:
    headings: tuple[Heading, ...]
    lines: tuple[Line, ...]


def contrast(tables: Sequence[Table], summaries: Mapping[str, Summary]) -> Contrast:
    """The groups of tables that look at the same kind of group, beside each other."""
    groups = sorted({group for table in tables for group in summaries[table.diagnostic.name].groups})
    names = tables[0] if tables else None
    headings = tuple(heading(names, group) for group in groups) if names else ()
    lines = [line for table in tables for line in _lines(table, summaries[table.diagnostic.name], groups)]
    return Contrast(headings, tuple(lines))


def heading(table: Table, group: tuple[int, ...]) -> Heading:
    looks = tuple(style_of(table.name_at(position), position) for position in (group[1:] or group))
    return Heading(group, name_group(table, group), looks)


def _lines(table: Table, summary: Summary, groups: Sequence[tuple[int, ...]]) -> list[Line]:
    quantities = CHOSEN.get(table.diagnostic.name) or _first(table, summary)
    lines = [_line(quantity, table, summary, groups) for quantity in quantities]
    return [line for line in lines if any(entry.text != ABSENT for entry in line.entries)]


def _first(table: Table, summary: Summary) -> tuple[Quantity, ...]:
    """The first numbers of a diagnostic that is not named above, with its columns' titles where they are medians."""
    titles = {column.name: column.title for column in table.diagnostic.columns}
    names = list(next(iter(summary.groups.values()), {}))
    return tuple(Quantity(name, titles.get(name, name.replace("_", " ").capitalize())) for name in names[:FEW])


def _line(quantity: Quantity, table: Table, summary: Summary, groups: Sequence[tuple[int, ...]]) -> Line:
    values = [_value(summary.groups.get(group, {}).get(quantity.name)) for group in groups]
    words = [_words(quantity, table, group, summary.groups.get(group, {})) for group in groups]
    same = len(set(words)) == 1
    top = max((abs(value) for value in values if value is not None), default=0.0)
    entries = [
        Entry(
            _text(quantity, value, summary.groups.get(group, {}).get(quantity.name)),
            abs(value) / top if quantity.bars and value is not None and top > 0 else None,
            "" if same or value is None else text,
        )
        for group, value, text in zip(groups, values, words, strict=True)
    ]
    term = quantity.term or _term(quantity, table)
    return Line(quantity.title, term, words[0] if same else "", quantity.strong, tuple(entries))


def _term(quantity: Quantity, table: Table) -> str:
    """The column's name in the glossary; "" where the number is of no column."""
    names = {column.name for column in table.diagnostic.columns}
    return f"{table.diagnostic.name}.{quantity.name}" if quantity.name in names else ""


def _value(value: Scalar) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(quantity: Quantity, value: float | None, exact: Scalar) -> str:
    if value is None:
        return ABSENT
    match quantity.style:
        case "share":
            return share(value)
        case "signed":
            return minus(f"{value:+.2f}") if abs(value) >= 0.005 else "0.00"
        case _:
            return short(exact)


def _words(quantity: Quantity, table: Table, group: tuple[int, ...], numbers: Mapping[str, Scalar]) -> str:
    """The words with their numbers; none where a number is missing."""
    names = [part.partition("}")[0] for part in quantity.words.split("{")[1:]]
    values = {name: _look_up(name, table, group, numbers) for name in names}
    return "" if ABSENT in values.values() else quantity.words.format(**values)


def _look_up(name: str, table: Table, group: tuple[int, ...], numbers: Mapping[str, Scalar]) -> str:
    """A number of the group; or the largest value of a column, which for a setting is the setting."""
    value = numbers[name] if name in numbers else _largest(name, [row for row in table.rows if row.group == group])
    if isinstance(value, float) and name in SHARES:
        return share(value)
    return short(value)


def _largest(name: str, rows: Sequence[Row]) -> Scalar:
    top = max((value for row in rows if (value := number(row, name)) is not None), default=None)
    return int(top) if top is not None and top.is_integer() else top
