"""The terminal that a listing is written for: its width, its grids, and names that fit."""

import os
import sys
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from analysis.diagnostic import Column
from app.escaping import for_terminal

UNBOUNDED = 100_000  # characters: a pipe has lines of any length
LEAST = 5  # characters of a column whose heading goes over several lines
LONGEST = 30  # characters of a name in a terminal
NARROW = 100  # characters of a terminal below which shapes are left out


def console() -> Console:
    """Standard output: as wide as the terminal or `COLUMNS` says, without line breaks where it is a pipe."""
    bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if bounded else UNBOUNDED)


def plain_grid() -> Grid:
    """An empty table without rules, its headings bold."""
    return Grid(box=None, pad_edge=False, header_style="bold")


def layer_grid(headings: Sequence[str], columns: Sequence[Column], names: Sequence[str]) -> Grid:
    """An empty table whose first columns are names, which stay on one line; headings go over several."""
    grid = plain_grid()
    width = min(LONGEST, max((len(name) for name in names), default=0))
    for heading in headings:
        if heading == "Shape":
            grid.add_column(heading, justify="right", style="dim", no_wrap=True)
        else:
            least = width if heading == "Layer" else None
            grid.add_column(Text(for_terminal(heading)), no_wrap=True, overflow="ellipsis", min_width=least)
    for column in columns:
        side: Literal["left", "right"] = "left" if column.kind == "text" else "right"
        grid.add_column(Text(column.title), justify=side, min_width=LEAST, overflow="fold")
    return grid
