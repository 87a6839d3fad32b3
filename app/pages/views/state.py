"""The state of a report's page. All of it is in the address, so that a link shows what its sender saw."""

from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from app.web.dependencies import Identity

LONGEST = 200_000  # characters of a weight's name: files may hold names of 64 KB


class ShownColumns(BaseModel):
    """What of a report is shown, and how. A default stays out of the address."""

    weight: str = Field("", max_length=LONGEST)
    sort: str = Field("", max_length=80)  # a column's name, "-" in front for the largest first
    q: str = Field("", max_length=500)  # filter of the layers
    show: str = Field("", max_length=20)  # "flagged", or all
    color: str = Field("", max_length=80)  # the column that colours the grid
    view: str = Field("", max_length=20)  # the picture beside it: "flow", "distribution", or by depth
    columns: list[Annotated[str, Field(max_length=80)]] = Field([], max_length=40)  # of the table of layers
    rows: str = Field("", max_length=5)  # "all": every row of a long table in the page itself
    position: int = Field(0, ge=0, le=1000)  # the checkpoint's place in the run
    part: int = Field(0, ge=0, le=10**6)  # of a report too long for one page: which part, from 1; 0 is the first
    target: int = Field(0, ge=0, le=10**9)  # of width scaling: the width to write a recipe for
    widths: bool = False  # of a run that compares checkpoints too: width scaling
    alone: bool = False  # of a comparison: each checkpoint by itself
    k: int = Field(0, ge=0, le=4096)  # of a comparison: directions looked at, where not as many as the run did
    epsilon: float | None = Field(None, ge=0, le=1)  # and below which best match one is an intruder


@dataclass(frozen=True, slots=True)
class State:
    """A run's page as its address says it."""

    run: int
    shown: ShownColumns

    def link(self, **changes: Any) -> str:
        """The address of the same page with some of its state changed."""
        return replace(self, shown=self.shown.model_copy(update=changes)).address

    @property
    def address(self) -> str:
        query = urlencode(self.parameters(), doseq=True, errors="replace")
        return f"/runs/{self.run}" + (f"?{query}" if query else "")

    def parameters(self) -> dict[str, list[str]]:
        values = self.shown.model_dump(exclude_defaults=True)
        return {
            name: [str(one) for one in (value if isinstance(value, list) else [value])]
            for name, value in values.items()
        }

    def form_fields(self, *without: str) -> list[tuple[str, str]]:
        """What a form must carry along so that sending it changes its own fields only."""
        return [(name, one) for name, values in self.parameters().items() if name not in without for one in values]


async def _state(identity: Identity, shown: Annotated[ShownColumns, Query()]) -> State:
    return State(identity, shown)


StateOf = Annotated[State, Depends(_state)]
