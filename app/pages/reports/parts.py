"""Which part of a report a page shows, where the report has too many layers for one page."""

from collections.abc import Sequence
from dataclasses import dataclass

from app import models
from app.db import Session
from app.lists.parts import parts_of, place_of
from app.pages.views.state import State
from frontend import numbers


@dataclass(frozen=True, slots=True)
class PartView:
    """A part, its neighbours' addresses ("" where there is none), and what was found in the whole."""

    places: range
    words: str
    previous: str
    next: str
    whole: str

    @property
    def of_whole(self) -> str:
        """What was found in the whole, as a sentence."""
        return (
            f"Of all layers: {self.whole}" if self.whole else "What is found in all layers is told when the run ends."
        )


def find_part(session: Session, run: models.Run, state: State) -> PartView | None:
    """The part with the weight that the address names, else the one that it asks for; None of a report in one piece."""
    parts = parts_of(session, run)
    if not parts:
        return None
    shown = state.shown
    named = place_of(session, run, parts, shown.weight) if shown.weight else None
    place = min(max(shown.part - 1, 0), len(parts) - 1) if named is None else named
    total = sum(member.checkpoint.tensors or 0 for member in run.members)
    part = parts[place]
    words = f"Part {place + 1} of {len(parts)}: tensors {part.start + 1:,} to {part.stop:,} of {total:,}"
    return PartView(
        places=part,
        words=words,
        previous=state.link(part=place, weight="") if place else "",
        next=state.link(part=place + 2, weight="") if place + 1 < len(parts) else "",
        whole=_whole(session, run.id, shown.position),
    )


def _whole(session: Session, run: int, position: int) -> str:
    """The headline and the worst finding of all layers, as the worker found them."""
    told = session.get(models.Overview, (run, position))
    parts: Sequence[str | None] = () if told is None else (told.headline, told.finding)
    found = " ".join(part for part in parts if part)
    return found if told is None or not told.findings else f"{found} ({numbers.plural(told.findings, 'finding')})"
