"""The pictures that every numeric column has without declaring them: by depth, in order, by role, and as a map."""

from collections.abc import Callable, Mapping

from analysis.diagnostic import Column, Diagnostic, Figure, FigureKind
from analysis.figure import ByDepth, Distribution, Flow, Heatmap, Plot

MAIN: Mapping[FigureKind, str] = {  # the part that a column plays in the pictures of one column
    FigureKind.DEPTH: "y",
    FigureKind.FLOW: "y",
    FigureKind.DISTRIBUTION: "x",
    FigureKind.HEATMAP: "color",
}
TITLES: Mapping[FigureKind, Callable[[str], str]] = {
    FigureKind.DEPTH: "{} by depth".format,
    FigureKind.FLOW: "{} along the layers".format,
    FigureKind.DISTRIBUTION: "{} by role".format,
    FigureKind.HEATMAP: "{} by block and role".format,
}
CAPTIONS: Mapping[FigureKind, str] = {
    FigureKind.DEPTH: "Each line is one role.",
    FigureKind.FLOW: "All layers, their blocks in order, as one line.",
    FigureKind.DISTRIBUTION: "Each mark is one matrix; upright lines are medians.",
    FigureKind.HEATMAP: "Each cell is one matrix.",
}


def view(diagnostic: Diagnostic, column: str, kind: FigureKind) -> Figure:
    """A column's picture of that kind: the declared one, else the one that every column has."""
    for figure in diagnostic.figures:
        if figure.kind is kind and figure.parts[MAIN[kind]] == column:
            return figure
    return standard(diagnostic, diagnostic.column(column), kind)


def standard(diagnostic: Diagnostic, column: Column, kind: FigureKind) -> Figure:
    """Named "alpha.flow"; hollow marks are those of the column's declared pictures."""
    all_parts = (f.parts for f in diagnostic.figures if column.name in f.parts.values())
    weak = next((parts["hollow"] for parts in all_parts if "hollow" in parts), None)
    plot = _plot(kind, column, weak)
    hollow = " Hollow marks: low-confidence fit." if isinstance(plot, ByDepth | Flow) and weak is not None else ""
    caption = f"{CAPTIONS[kind]}{hollow} {column.meaning}"
    return Figure(f"{column.name}.{kind}", TITLES[kind](column.title), caption, plot)


def _plot(kind: FigureKind, column: Column, weak: str | None) -> Plot:
    match kind:
        case FigureKind.DEPTH:
            return ByDepth(y=column.name, error=column.error, hollow=weak)
        case FigureKind.FLOW:
            return Flow(y=column.name, hollow=weak)
        case FigureKind.DISTRIBUTION:
            return Distribution(x=column.name)
        case FigureKind.HEATMAP:
            return Heatmap(color=column.name)
        case _:
            raise ValueError(f"{kind} is not a picture of one column")


def figure(diagnostic: Diagnostic, name: str) -> Figure | None:
    """The declared figure of that name, or a numeric column's "COLUMN.KIND"."""
    for candidate in diagnostic.figures:
        if candidate.name == name:
            return candidate
    column_name, _, kind = name.rpartition(".")
    for column in diagnostic.columns:
        if column.name == column_name and column.kind in ("number", "integer") and kind in {str(each) for each in MAIN}:
            return standard(diagnostic, column, FigureKind(kind))
    return None
