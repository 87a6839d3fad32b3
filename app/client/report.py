"""A report as the client gives it: what it says, and the layers as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
ABOUT = ("weight", "tensor", "label", "role", "depth", "shape", "slices", "group", "checkpoints")  # the layer's own


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found: the object that the API gives, and `eigenscope analyze --json` prints."""

    body: Mapping[str, Any] = field(repr=False)

    @property
    def headlines(self) -> dict[str, str]:
        """What each diagnostic says, in one sentence."""
        return {name: part["headline"] for name, part in self.body["summary"].items()}

    @property
    def findings(self) -> list[Row]:
        """Worst first, each with its severity, text, weights and evidence."""
        return list(self.body["findings"])

    @property
    def coverage(self) -> Mapping[str, Any]:
        """How much was analysed, and what was left out with the reason."""
        found: Mapping[str, Any] = self.body["coverage"]
        return found

    def table(self, diagnostic: str) -> list[Row]:
        """The rows of one diagnostic. Raises KeyError where the run has none of that name."""
        return list(self.body["tables"][diagnostic])

    @property
    def layers(self) -> list[Row]:
        """The rows of all diagnostics, those of a layer as one; columns are called as in Parquet: "esd.alpha"."""
        lines: dict[tuple[object, ...], Row] = {}
        for name, rows in self.body["tables"].items():
            for row in rows:
                key = (*row["group"], row["tensor"], row["weight"])
                line = lines.setdefault(key, {part: row[part] for part in ABOUT if part in row})
                line |= {f"{name}.{column}": value for column, value in row.items() if column not in ABOUT}
        return list(lines.values())

    def to_pandas(self) -> "pd.DataFrame":
        """The layers as a data frame. Needs pandas, which is not installed with Eigenscope."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("the layers as a data frame need pandas: pip install pandas") from error
        return pd.DataFrame(_fill_columns(self.layers))


def _fill_columns(rows: Sequence[Row]) -> list[Row]:
    """The same rows, each with the columns of all: what a row lacks is None."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]
