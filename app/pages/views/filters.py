"""Which rows of a table the address lets through. The page's own filter (static/js/table.js) goes by the same rule."""

from collections.abc import Sequence
from dataclasses import dataclass

from frontend import numbers
from frontend.tables.layers import Layer


@dataclass(frozen=True, slots=True)
class Filter:
    rows: Sequence[Layer]
    text: str
    flagged_only: bool

    def visible(self, row: Layer) -> bool:
        return self.text.strip().lower() in row.search and (not self.flagged_only or row.flagged)

    @property
    def any_visible(self) -> bool:
        return any(map(self.visible, self.rows))

    @property
    def count(self) -> str:
        """How many rows are seen, in words."""
        visible_count = sum(map(self.visible, self.rows))
        all_of_them = numbers.plural(len(self.rows), "matrix", "matrices")
        return (f"{visible_count} of " if visible_count < len(self.rows) else "") + all_of_them
