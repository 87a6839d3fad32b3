"""The columns of a run's tables by the names that an address gives them, and which of them a reader sees first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.diagnostic import Column, Table

FEW = 3  # columns of a run in which none is marked to be shown


@dataclass(frozen=True, slots=True)
class Place:
    """A column, the table that holds it, and its name among all columns of the run."""

    key: str
    table: Table
    column: Column

    @property
    def term(self) -> str:
        """The column's name in the glossary."""
        return f"{self.table.diagnostic.name}.{self.column.name}"

    @property
    def numeric(self) -> bool:
        return self.column.kind in ("number", "integer")


def places(tables: Sequence[Table]) -> dict[str, Place]:
    """Every scalar column by its key. The first table that has a name keeps it; in others it is "erg.alpha"."""
    by_key: dict[str, Place] = {}
    for table in tables:
        for column in table.diagnostic.columns:
            if column.kind != "curve":
                full = f"{table.diagnostic.name}.{column.name}"
                key = full if column.name in by_key else column.name
                by_key[key] = Place(key, table, column)
    return by_key


def place_named(known: Mapping[str, Place], name: str) -> Place | None:
    """The place of a key, or of a column's full name."""
    if name in known:
        return known[name]
    diagnostic, _, column = name.partition(".")
    return next((p for p in known.values() if (p.table.diagnostic.name, p.column.name) == (diagnostic, column)), None)


def pick_columns(tables: Sequence[Table], names: Sequence[str] = ()) -> list[Place]:
    """The columns of these names, in the order of the tables; where there are none, the numbers to be seen first."""
    all_places = places(tables)
    keys = {place.key for name in names if (place := place_named(all_places, name)) is not None}
    numbers = [place for place in all_places.values() if place.numeric]
    return (
        [place for key, place in all_places.items() if key in keys]
        or [place for place in numbers if place.column.shown]
        or numbers[:FEW]
    )


def group_places(places: Sequence[Place]) -> list[tuple[str, list[Place]]]:
    """The places by their diagnostic's title, in their order."""
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(place.table.diagnostic.title, []).append(place)
    return list(groups.items())
