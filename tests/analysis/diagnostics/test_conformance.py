"""What every diagnostic must keep, whoever writes the next one."""

import json
import math
import re
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Diagnostic, FigureKind, Measurement, Request, Row, Scope, Table, groups, measure
from analysis.diagnostics import DIAGNOSTICS
from analysis.weight import Weight, WeightInfo

IMPLIES = re.compile(r"high|low|above|below|more|less|fewer|near|small|large|grows|true", re.IGNORECASE)
PARTS = {
    FigureKind.DENSITY: {"values"},
    FigureKind.LINE: {"x", "y", "x0", "y0"},
    FigureKind.DEPTH: {"y"},
    FigureKind.HEATMAP: {"color"},
    FigureKind.SCATTER: {"x", "y"},
    FigureKind.FLOW: {"y"},
    FigureKind.DISTRIBUTION: {"x"},
}


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


MATRICES: Mapping[str, Tensor] = {
    "gaussian": randn(1, 60, 40),
    "wide": randn(1, 30, 70),
    "half": randn(1, 50, 50).to(torch.bfloat16),
    "conv": randn(9, 20, 30),
    "small": randn(1, 12, 12),
    "zero": torch.zeros(1, 30, 20),
    "zero conv": torch.zeros(4, 30, 20),
    "constant": torch.full((1, 30, 20), 0.3),
    "identity": torch.eye(40)[None],
    "orthogonal": torch.linalg.qr(randn(40, 40)).Q[None],
    "rank 1": (randn(40, 1) @ randn(1, 30))[None],
    "rank 1 conv": (randn(4, 40, 1) @ randn(4, 1, 30)),
    "row": randn(1, 1, 50),
    "column": randn(1, 50, 1),
    "number": randn(1, 1, 1),
    "tiny": randn(1, 40, 30) * 1e-30,
    "huge": randn(1, 40, 30) * 1e30,
    "half dead": torch.cat([randn(1, 40, 30), torch.zeros(1, 40, 30)], dim=2),
    "one hot": torch.nn.functional.one_hot(torch.arange(30) % 20).float()[None],
    "nan": torch.full((1, 20, 20), math.nan),
}


def weight(name: str) -> Weight:
    slices = MATRICES[name]
    count, rows, columns = slices.shape
    role = "conv" if count > 1 else "up"
    return Weight(WeightInfo(name, name, rows, columns, count, role, 3), slices)


def measured(diagnostic: Diagnostic, name: str) -> Measurement:
    """On as many checkpoints as the scope asks for: the first, then ever larger multiples of it."""
    count = {Scope.ONE: 1, Scope.PAIR: 2, Scope.UPDATES: 3, Scope.FAMILY: 3}[diagnostic.scope]
    group = groups(diagnostic.scope, count)[0]
    given = weight(name)
    weights = [Weight(given.info, given.slices * (1 + position)) for position in group]
    return measure(Request(diagnostic, diagnostic.settings({})), weights)


@pytest.fixture(params=DIAGNOSTICS, ids=lambda diagnostic: diagnostic.name)
def diagnostic(request: pytest.FixtureRequest) -> Diagnostic:
    found: Diagnostic = request.param
    return found


@pytest.mark.parametrize("name", MATRICES)
def test_scalars_are_those_declared_finite_and_of_their_kind(diagnostic: Diagnostic, name: str) -> None:
    kinds = {"number": (float, int), "integer": (int,), "text": (str,), "flag": (bool,)}
    found = measured(diagnostic, name)
    assert list(found.values) == [c.name for c in diagnostic.columns if c.kind != "curve"]
    for column, value in found.values.items():
        if value is not None:
            assert type(value) in kinds[diagnostic.column(column).kind], (column, value)
            assert not isinstance(value, float) or math.isfinite(value), column
    json.dumps(dict(found.values), allow_nan=False)


@pytest.mark.parametrize("name", MATRICES)
def test_absent_is_none_with_a_note(diagnostic: Diagnostic, name: str) -> None:
    found = measured(diagnostic, name)
    missing = [column for column, value in found.values.items() if value is None]
    assert not missing or found.note or all(diagnostic.column(column).absent for column in missing)
    assert -1 not in [value for value in found.values.values() if isinstance(value, int)]


@pytest.mark.parametrize("name", MATRICES)
def test_curves_are_those_declared_and_finite(diagnostic: Diagnostic, name: str) -> None:
    for column, curve in measured(diagnostic, name).curves.items():
        assert diagnostic.column(column).kind == "curve"
        assert curve.dtype == np.float32
        assert curve.ndim == 1
        assert np.isfinite(curve).all()


@pytest.mark.parametrize("name", MATRICES)
def test_twice_is_the_same(diagnostic: Diagnostic, name: str) -> None:
    one, other = measured(diagnostic, name), measured(diagnostic, name)
    assert (one.values, one.note) == (other.values, other.note)
    assert one.curves.keys() == other.curves.keys()
    assert all(np.array_equal(one.curves[column], other.curves[column]) for column in one.curves)


def test_nan_weights_have_no_value_and_say_so(diagnostic: Diagnostic) -> None:
    found = measured(diagnostic, "nan")
    assert set(found.values.values()) == {None}
    assert found.note == "nan: 400 of 400 values are NaN or infinite"


def test_what_no_scale_should_change(diagnostic: Diagnostic) -> None:
    """Ranks, exponents and shares of a matrix 1e30 times smaller or larger, by the columns that have them."""
    free = {
        "alpha",
        "sigma",
        "D",
        "alpha_hill",
        "stable_rank",
        "erank_s",
        "erank_lam",
        "participation_ratio",
        "entropy",
    }
    tiny, huge = measured(diagnostic, "tiny").values, measured(diagnostic, "huge").values
    for column in free & tiny.keys():
        assert tiny[column] == pytest.approx(huge[column], rel=1e-5), column


def test_every_column_says_what_it_means(diagnostic: Diagnostic) -> None:
    names = [column.name for column in diagnostic.columns]
    assert len(set(names)) == len(names)
    for column in diagnostic.columns:
        assert column.title
        assert len(column.meaning.split()) >= 6, column.name
        assert column.meaning.endswith((".", ")")), column.name
        assert column.kind == "text" or IMPLIES.search(column.meaning), column.name
        assert column.error is None or column.error in names
        assert column.healthy is None or column.healthy[0] <= column.healthy[1]


def test_the_record_is_whole(diagnostic: Diagnostic) -> None:
    assert diagnostic.name.isidentifier()
    assert diagnostic.title
    assert diagnostic.reference
    assert diagnostic.description.endswith(".")
    for option in diagnostic.options:
        assert option.check(option.default) == option.default
        assert len(option.meaning.split()) >= 6


def test_figures_name_columns_that_exist(diagnostic: Diagnostic) -> None:
    assert diagnostic.figures
    names = {column.name for column in diagnostic.columns}
    assert len({figure.name for figure in diagnostic.figures}) == len(diagnostic.figures)
    for figure in diagnostic.figures:
        assert PARTS[figure.kind] <= figure.parts.keys()
        assert set(figure.parts.values()) <= names
        assert figure.title
        assert figure.caption.endswith(".")


def test_a_table_is_summed_up_in_words(diagnostic: Diagnostic) -> None:
    table = Table(diagnostic, tuple(Row(weight(name).info, (0,), measured(diagnostic, name)) for name in MATRICES))
    summary = diagnostic.summarise(table)
    assert summary.headline.endswith(".")
    json.dumps(dict(summary.numbers), allow_nan=False)
    for finding in summary.findings:
        assert finding.text
        assert finding.why
        assert set(finding.weights) <= set(MATRICES)
        assert "nan" not in finding.text.lower().replace("nan could not", "")
        json.dumps(dict(finding.evidence), allow_nan=False)


def test_an_empty_table_is_summed_up_too(diagnostic: Diagnostic) -> None:
    summary = diagnostic.summarise(Table(diagnostic, ()))
    assert summary.headline
    assert summary.findings == ()
