"""What clients may ask of the lists, in an address or a body: the same for the API and the pages."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.lists.labels import LONGEST_NOTES, MOST_TAGS, TAG, Change
from app.lists.selection import Part, Selection
from app.states import CheckpointState, RunState

Severity = Literal["note", "warn", "bad"]
SEVERITIES: tuple[Severity | None, ...] = (None, "note", "warn", "bad")  # by app.models.Overview.severity
Tag = Annotated[str, Field(pattern=TAG)]
NO_NUL = "^[^\\u0000]*$"  # an address with NUL is refused
WORDS = "Words that are all in the name, tags, notes, kind, format or facts (`width=384`), whatever the case."


class Filters(BaseModel):
    """Which rows of a list."""

    model_config = ConfigDict(extra="forbid")

    q: str = Field("", pattern=NO_NUL, max_length=500, description=WORDS, examples=["minilm width=384"])
    tag: str = Field("", pattern=NO_NUL, max_length=40, examples=["best"], description="Only what has this tag.")
    severity: Severity | None = Field(
        None, examples=["warn"], description="Only what has a finding that is at least so severe."
    )
    show: Part = Field(Part.ACTIVE, examples=["active"], description="Which part of the list.")

    @property
    def least_severity(self) -> int:
        return SEVERITIES.index(self.severity)


class CheckpointFilters(Filters):
    """Which checkpoints, and in which order."""

    fact: str = Field(
        "", pattern=NO_NUL, max_length=200, examples=["width=384"], description="Only what has exactly this fact."
    )
    kind: Literal["model", "adapter"] | None = Field(None, examples=["model"])
    state: CheckpointState | None = Field(None, examples=["ready"])
    sort: Literal[
        "added", "-added", "name", "-name", "size", "-size", "parameters", "-parameters", "alpha", "-alpha",
        "intruders", "-intruders", "worst", "-worst",
    ] = Field(
        "-added", examples=["-worst"], description="With “-” descending. What is absent comes last."
    )  # fmt: skip

    def selection(self) -> Selection:
        state, kind = self.state or "", self.kind or ""
        return Selection(self.q, self.tag, self.fact, state, kind, self.least_severity, self.show, self.sort)


class RunFilters(Filters):
    """Which runs, and in which order."""

    state: RunState | None = Field(None, examples=["done"])
    sort: Literal["added", "-added", "ended", "-ended", "worst", "-worst"] = Field(
        "-added", examples=["-worst"], description="With “-” descending. What is absent comes last."
    )

    def selection(self) -> Selection:
        state = self.state or ""
        return Selection(self.q, self.tag, "", state, "", self.least_severity, self.show, self.sort)


class Labels(BaseModel):
    """What to change about the labels. Fields that are left out stay."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] | None = Field(None, max_length=MOST_TAGS, examples=[["best", "v2"]])
    notes: str | None = Field(None, max_length=LONGEST_NOTES, examples=["Warm start from run 6."])
    archived: bool | None = Field(None, description="Out of the list, and kept.", examples=[False])
    trashed: bool | None = Field(
        None, description="In the trash: it can be restored for some days, and then goes.", examples=[False]
    )

    def change(self) -> Change:
        return Change(self.tags, self.notes, self.archived, self.trashed)
