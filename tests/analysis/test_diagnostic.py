import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Measurement,
    Option,
    Options,
    Request,
    Row,
    Scope,
    Summary,
    Table,
    absent,
    groups,
    measure,
)
from analysis.errors import NotFinite, OptionError
from analysis.figure import ByDepth, Figure, Plot
from analysis.weight import Weight, WeightInfo

WEIGHT = Weight(WeightInfo("w", "w", 2, 2, 1, "other", None), torch.eye(2)[None])


def diagnostic(found: Measurement | Exception) -> Diagnostic:
    def compute(weights: Sequence[Weight], options: Options) -> Measurement:
        if isinstance(found, Exception):
            raise found
        return found

    columns = (Column("a", "A", "a"), Column("b", "B", "b"), Column("line", "L", "l", kind="curve"))
    return Diagnostic("d", "D", Scope.ONE, "", "", columns, compute, lambda table: Summary("", {}))


def measured(found: Measurement | Exception) -> Measurement:
    return measure(Request(diagnostic(found), Options({})), (WEIGHT,))


@pytest.mark.parametrize(
    ("scope", "checkpoints", "expected"),
    [
        (Scope.ONE, 2, [(0,), (1,)]),
        (Scope.PAIR, 1, []),
        (Scope.PAIR, 3, [(0, 1), (0, 2)]),
        (Scope.UPDATES, 4, [(0, 1, 2), (0, 1, 3), (0, 2, 3)]),
        (Scope.FAMILY, 3, [(0, 1, 2)]),
        (Scope.FAMILY, 1, []),
    ],
)
def test_groups(scope: Scope, checkpoints: int, expected: list[tuple[int, ...]]) -> None:
    assert groups(scope, checkpoints) == expected


def test_columns_come_in_their_order_and_what_is_not_finite_is_none() -> None:
    found = measured(Measurement({"b": np.float64(2.0), "a": math.nan}))
    assert list(found.values.items()) == [("a", None), ("b", 2.0)]
    assert type(found.values["b"]) is float
    assert measured(Measurement({"a": -math.inf})).values == {"a": None, "b": None}


def test_a_stray_column_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="stray"):
        measured(Measurement({"stray": 1.0}))


def test_a_reason_leaves_out_the_name_that_stands_beside_it() -> None:
    info = WeightInfo("stack.0", "stack", 4, 8, 1, "up", 0)
    notes = ("stack: 1 of 9 values are NaN or infinite", "stack.0: too few", "tuned: too few", None)
    rows = [Row(info, (0,), Measurement({}, {}, note)) for note in notes]
    assert [row.reason for row in rows] == ["1 of 9 values are NaN or infinite", "too few", "tuned: too few", ""]
    assert [row.is_not_finite for row in rows] == [True, False, False, False]


@pytest.mark.parametrize("error", [NotFinite("w: 3 of 9 values are NaN or infinite"), np.linalg.LinAlgError("stuck")])
def test_what_cannot_be_measured_is_a_note(error: Exception) -> None:
    found = measured(error)
    assert found == absent(diagnostic(error), str(error))
    assert found.values == {"a": None, "b": None}


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        measured(ZeroDivisionError())


COUNT = Option("k", 3, "", minimum=1.0)
FLAG = Option("f", False, "")


def test_settings_fill_in_defaults_and_refuse_strangers() -> None:
    made = Diagnostic(
        "d", "", Scope.ONE, "", "", (), lambda w, o: Measurement({}), lambda t: Summary("", {}), (COUNT, FLAG)
    )
    assert made.settings({"k": 5}) == {"k": 5, "f": False}
    with pytest.raises(OptionError, match="d has no option x; it has: k, f"):
        made.settings({"x": 1})


def test_a_table_gives_the_numbers_that_are_there() -> None:
    rows = [Row(WEIGHT.info, (0,), Measurement({"a": value})) for value in (1, None, 2.5, True)]
    assert Table(diagnostic(Measurement({})), tuple(rows)).numbers("a") == [1.0, 2.5]


def test_a_column_is_found_by_name() -> None:
    assert diagnostic(Measurement({})).column("b").title == "B"
    with pytest.raises(KeyError):
        diagnostic(Measurement({})).column("z")


def with_figure(plot: Plot) -> Diagnostic:
    return replace(diagnostic(Measurement({})), figures=(Figure("f", "F", "", plot),))


def test_figures_name_columns_that_are_declared() -> None:
    assert with_figure(ByDepth(y="a", error="b")).figures[0].parts == {"y": "a", "error": "b"}
    with pytest.raises(ValueError, match="d: figure f, error: there is no column 'bb'"):
        with_figure(ByDepth(y="a", error="bb"))
    with pytest.raises(ValueError, match="d: column a, error: there is no column 'c'"):
        replace(diagnostic(Measurement({})), columns=(Column("a", "A", "", error="c"),))
    with pytest.raises(ValueError, match="d: summary_curves: 'a' is not a curve"):
        replace(diagnostic(Measurement({})), summary_curves=("a",))


def test_a_table_in_network_order_keeps_groups_apart() -> None:
    infos = [WeightInfo(f"h.{block}.q", "w", 2, 2, 1, "q", block) for block in (0, 10, 2)]
    rows = tuple(Row(info, group, Measurement({})) for group in ((0,), (1,)) for info in infos)
    found = Table(diagnostic(Measurement({})), rows).in_network_order()
    assert [(row.group[0], row.weight.depth) for row in found.rows] == [
        (0, 0),
        (0, 2),
        (0, 10),
        (1, 0),
        (1, 2),
        (1, 10),
    ]
