"""Reports of tables made by hand, for the tests of their views."""

from collections.abc import Sequence

from analysis.coverage import Coverage, Skipped
from analysis.diagnostic import Table
from analysis.weight import WeightInfo
from app.pages.views.report import OneCheckpoint, ReportView
from app.pages.views.state import ShownColumns, State
from tests.frontend.examples import DIAGNOSTIC, blocks

COVERED = Coverage(3, 2, 1000, 999, (Skipped("b", (4,), "one-dimensional"),))


def all_curves(weight: WeightInfo) -> frozenset[tuple[str, str]]:
    return frozenset((DIAGNOSTIC.name, column.name) for column in DIAGNOSTIC.columns if column.kind == "curve")


def view_of(tables: Sequence[Table], moving: bool = False, **shown: object) -> ReportView:
    shown_columns = ShownColumns.model_validate(shown)
    return ReportView(
        OneCheckpoint(tables, COVERED, shown_columns.position), State(5, shown_columns), moving, all_curves
    )


def view(moving: bool = False, **shown: object) -> ReportView:
    return view_of([blocks()], moving, **shown)
