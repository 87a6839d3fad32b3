"""How the checkpoints of a comparison look: each has its colour, its dash and its marker, on every figure and table.

A checkpoint's look goes by its place in the run, so it never changes with what is shown. Place 0 is the base.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.diagnostic import Table, abbreviate, cut_shared


@dataclass(frozen=True, slots=True)
class Compared:
    """A checkpoint of a comparison for the eye. No two of a run share both colour and dash."""

    position: int
    name: str
    color: str  # of the token --m-…, and the class of its mark
    dash: str  # as Plotly names it
    strokes: str  # the same as an SVG's stroke-dasharray
    marker: str


DASHES = (  # as Plotly and as an SVG names them
    ("dot", "2 3"),
    ("dash", "7 3"),
    ("solid", ""),
    ("dashdot", "7 3 2 3"),
    ("longdash", "11 3"),
    ("longdashdot", "11 3 2 3"),
)
MARKERS = ("diamond", "circle", "square", "triangle-up", "cross", "pentagon", "hexagon")


def style_of(name: str, position: int) -> Compared:
    """The look of the checkpoint at this place. The colours come round after seven, each time with other dashes."""
    if position == 0:
        return Compared(0, name, "m-base", "solid", "", "circle")
    turn, index = divmod(position - 1, len(MARKERS))
    dash, strokes = DASHES[(position - 1 + turn) % len(DASHES)]
    return Compared(position, name, f"m-{index + 1}", dash, strokes, MARKERS[index])


def of_group(table: Table, group: Sequence[int]) -> Compared:
    """The look of a group: that of its last checkpoint, by the names of all but the base."""
    return style_of(name_group(table, group), group[-1])


def name_group(table: Table, group: Sequence[int]) -> str:
    """What a reader calls a group: its tuned checkpoints.

    A group of one checkpoint is that checkpoint.
    """
    return " and ".join(table.name_at(position) for position in (group[1:] or group))


def groups_in(table: Table) -> list[tuple[int, ...]]:
    """The groups that have rows, in order."""
    return sorted({row.group for row in table.rows})


def brief(names: Sequence[str], letters: int = 18) -> list[str]:
    """The names for narrow columns: where one is long, all without what they share, then without their middle.

    >>> brief(["MiniLM, full, high rate", "MiniLM, LoRA r=64 α=128, high rate"])
    ['full', 'LoRA r=64 α=128']
    >>> brief(["model", "model"]), brief(["fine-tuned-on-everything.safetensors"])
    (['model', 'model'], ['fine-tun…fetensors'])
    """
    if max(map(len, names), default=0) <= letters:
        return list(names)
    return [abbreviate(name, letters) for name in cut_shared(names)]


def labels(looks: Sequence[Compared], letters: int = 15) -> list[str]:
    """The names of checkpoints in one plot, as it holds them: the tuned ones told apart, the base by itself."""
    names = iter(brief([look.name for look in looks if look.position], letters))
    return [next(names) if look.position else abbreviate(look.name, letters) for look in looks]
