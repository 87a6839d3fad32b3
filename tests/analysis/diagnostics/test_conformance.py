"""What every diagnostic must keep, whoever writes the next one."""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import cycle

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.diagnostic import Diagnostic, Measurement, Request, Row, Scalar, Scope, Table, measure
from analysis.diagnostics import DIAGNOSTICS
from analysis.linalg.kernels import threads
from analysis.weight import Factors, Weight, WeightInfo

IMPLIES = re.compile(r"high|low|above|below|more|less|fewer|near|small|large|grows|true", re.IGNORECASE)
Tuned = tuple[Tensor, Factors | None]  # slices, and the factors of the update


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
    "half zeros": randn(1, 40, 30) * (torch.rand(1, 40, 30, generator=torch.Generator().manual_seed(1)) < 0.5),
    "few": randn(1, 30, 5),  # eigenvalues
    "deficient": torch.cat([randn(1, 40, 30), randn(1, 40, 30)[:, :, :6]], dim=2),
    "ties": torch.diag(torch.tensor([1.0, 2.0, 3.0]).repeat_interleave(20))[None],
    "denormal": randn(1, 40, 30) * 1e-42,
    "outlier": randn(1, 40, 30).index_put((torch.tensor(0), torch.tensor(3), torch.tensor(4)), torch.tensor(1e6)),
    "far outlier": torch.ones(1, 64, 64).index_put((torch.tensor(0),) * 3, torch.tensor(1e30)),
    "one hot": torch.nn.functional.one_hot(torch.arange(30) % 20).float()[None],
    "nan": torch.full((1, 20, 20), math.nan),
}


CHANGES: Mapping[str, Callable[[Weight], Tuned]] = {
    "double": lambda base: (base.slices * 2, None),
    "same": lambda base: (base.slices.clone(), None),
    "dense": lambda base: (base.slices + 0.01 * size(base) * randn(*base.slices.shape), None),
    "in half": lambda base: ((base.slices * 1.01).to(torch.bfloat16), None),
    "unrelated": lambda base: (size(base) * randn(*base.slices.shape), None),
    "zeroed": lambda base: (torch.zeros_like(base.slices), None),
    "lora": lambda base: low_rank(base, 2, 0.1),
    "rank 1": lambda base: low_rank(base, 1, 10.0),
    "untrained lora": lambda base: low_rank(base, 2, 0.0),
}
OTHERS = ("lora", "dense", "same", "double")  # what stands beside each of them in turn, where two are compared
TUNED = {Scope.ONE: 0, Scope.PAIR: 1, Scope.UPDATES: 2, Scope.FAMILY: 2}


def size(base: Weight) -> float:
    largest = float(base.slices.abs().max())
    return largest if largest > 0.0 else 1.0


def low_rank(base: Weight, rank: int, scale: float) -> Tuned:
    """The base with an update of that rank, in float32, and the update's factors."""
    rows, columns = base.matrix.shape
    left, right = scale * size(base) * randn(rows, rank), randn(rank, columns)
    grid = (left @ right).reshape(rows, -1, len(base.slices)).permute(2, 0, 1)
    return base.slices.float() + grid, Factors(left, right)


def weight(name: str) -> Weight:
    slices = MATRICES[name]
    count, rows, columns = slices.shape
    role = "conv" if count > 1 else "up"
    return Weight(WeightInfo(name, name, rows, columns, count, role, 3), slices)


def tuned(base: Weight, change: str) -> Weight:
    slices, factors = CHANGES[change](base)
    return Weight(base.info, slices, base, factors)


def measured(diagnostic: Diagnostic, name: str, *changes: str, **options: Scalar) -> Measurement:
    """On a matrix, and as many changes of it as the scope asks for."""
    base = weight(name)
    given = (changes or ("lora", "dense"))[: TUNED[diagnostic.scope]]
    return measure(
        Request(diagnostic, diagnostic.settings(options)), (base, *(tuned(base, change) for change in given))
    )


def ways(diagnostic: Diagnostic) -> list[tuple[str, ...]]:
    """What is done to each matrix: nothing, every change, or every change beside some other."""
    match diagnostic.scope:
        case Scope.PAIR:
            return [(change,) for change in CHANGES]
        case Scope.UPDATES:
            return [*zip(CHANGES, cycle(OTHERS), strict=False), ("same", "same"), ("lora", "lora")]
        case _:
            return [()]


@cache
def once(place: int, name: str, way: tuple[str, ...]) -> Measurement:
    """Of the diagnostic in that place: all tests look at the same measurement."""
    return measured(DIAGNOSTICS[place], name, *way)


def everything(diagnostic: Diagnostic, name: str) -> list[Measurement]:
    place = DIAGNOSTICS.index(diagnostic)
    return [once(place, name, way) for way in ways(diagnostic)]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """A second thread is waited for on a busy machine, for nothing: these matrices are small."""
    with threads(1):
        yield


@pytest.fixture(autouse=True)
def _nothing_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Warnings are errors (pyproject.toml); LAPACK and BLAS print theirs past Python."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture(params=DIAGNOSTICS, ids=lambda diagnostic: diagnostic.name)
def diagnostic(request: pytest.FixtureRequest) -> Diagnostic:
    found: Diagnostic = request.param
    return found


@pytest.mark.parametrize("name", MATRICES)
def test_scalars_are_those_declared_finite_and_of_their_kind(diagnostic: Diagnostic, name: str) -> None:
    kinds = {"number": (float, int), "integer": (int,), "text": (str,), "flag": (bool,)}
    for found in everything(diagnostic, name):
        assert list(found.values) == [c.name for c in diagnostic.columns if c.kind != "curve"]
        for column, value in found.values.items():
            if value is not None:
                assert type(value) in kinds[diagnostic.column(column).kind], (column, value)
                assert not isinstance(value, float) or math.isfinite(value), column
        json.dumps(dict(found.values), allow_nan=False)


@pytest.mark.parametrize("name", MATRICES)
def test_absent_is_none_with_a_note(diagnostic: Diagnostic, name: str) -> None:
    for found in everything(diagnostic, name):
        missing = [column for column, value in found.values.items() if value is None]
        assert not missing or found.note or all(diagnostic.column(column).absent for column in missing), missing
        counts = [column for column in diagnostic.columns if column.kind == "integer"]
        assert -1 not in [found.values[column.name] for column in counts]


@pytest.mark.parametrize("name", MATRICES)
def test_curves_are_those_declared_and_finite(diagnostic: Diagnostic, name: str) -> None:
    on = {option.name: True for option in diagnostic.options if option.default is False}  # every option that is off
    asked = [*everything(diagnostic, name), *([measured(diagnostic, name, **on)] if on else [])]
    for column, curve in (curve for found in asked for curve in found.curves.items()):
        assert diagnostic.column(column).kind == "curve"
        assert curve.dtype == np.float32
        assert curve.ndim == 1
        assert np.isfinite(curve).all()


@pytest.mark.parametrize("name", MATRICES)
def test_twice_is_the_same(diagnostic: Diagnostic, name: str) -> None:
    again = [measured(diagnostic, name, *way) for way in ways(diagnostic)]
    for one, other in zip(everything(diagnostic, name), again, strict=True):
        assert (one.values, one.note) == (other.values, other.note)
        assert one.curves.keys() == other.curves.keys()
        assert all(np.array_equal(one.curves[column], other.curves[column]) for column in one.curves)


def test_nan_weights_have_no_value_and_say_so(diagnostic: Diagnostic) -> None:
    found = measured(diagnostic, "nan")
    assert set(found.values.values()) == {None}
    assert found.note == "nan: 400 of 400 values are NaN or infinite"


def of_scale(diagnostic: Diagnostic, factor: float) -> Mapping[str, Scalar]:
    """Of the same matrix times a factor, under the same name: what is drawn at random is drawn alike."""
    base = Weight(WeightInfo("w", "w", 60, 40, 1, "up", 3), MATRICES["gaussian"] * factor)
    changed = [tuned(base, change) for change in ("lora", "dense")[: TUNED[diagnostic.scope]]]
    return measure(Request(diagnostic, diagnostic.settings({})), (base, *changed)).values


def test_what_no_scale_should_change(diagnostic: Diagnostic) -> None:
    """Of a matrix 2⁻⁹⁰ and 2⁹⁰ times as large every column is the same, but for those that declare otherwise."""
    small, large = of_scale(diagnostic, 2.0**-90), of_scale(diagnostic, 2.0**90)
    for column, value in small.items():
        if diagnostic.column(column).scaled:
            assert value is None or value != large[column], column
        elif isinstance(value, float):
            assert value == pytest.approx(large[column], rel=1e-9, abs=1e-12), column
        else:
            assert value == large[column], column


def test_every_column_says_what_it_means(diagnostic: Diagnostic) -> None:
    names = [column.name for column in diagnostic.columns]
    assert len(set(names)) == len(names)
    for column in diagnostic.columns:
        assert column.title
        assert len(column.meaning.split()) >= 6, column.name
        assert column.meaning.endswith((".", ")")), column.name
        assert column.kind == "text" or IMPLIES.search(column.meaning), column.name
        assert column.error is None or column.error in names
        assert column.usual is None or column.usual[0] <= column.usual[1]


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
        assert set(figure.parts.values()) <= names
        assert figure.title
        assert figure.caption.endswith(".")


PLACES = range(1, 40)


def rows(diagnostic: Diagnostic) -> Iterator[Row]:
    """Every matrix in every way, each way a group of checkpoints."""
    for place, way in enumerate(ways(diagnostic)):
        group = (0, *(1 + 2 * place + i for i in range(len(way))))
        yield from (Row(weight(name).info, group, once(DIAGNOSTICS.index(diagnostic), name, way)) for name in MATRICES)


def test_a_table_is_summed_up_in_words(diagnostic: Diagnostic) -> None:
    summary = diagnostic.summarise(
        Table(diagnostic, tuple(rows(diagnostic)), ("base", *map("tuned {}".format, PLACES)))
    )
    assert summary.headline.endswith(".")
    for numbers in (summary.numbers, *summary.groups.values()):
        json.dumps(dict(numbers), allow_nan=False)
    for finding in summary.findings:
        assert finding.text
        assert finding.why
        assert set(finding.weights) <= set(MATRICES)
        said = finding.text.lower()
        for meant in ("nan could not", "nan or infinite", "(nan)"):
            said = said.replace(meant, "")
        assert "nan" not in said
        assert finding.cause is not None or diagnostic.scope is not Scope.ONE
        json.dumps(dict(finding.evidence), allow_nan=False)


def test_an_empty_table_is_summed_up_too(diagnostic: Diagnostic) -> None:
    summary = diagnostic.summarise(Table(diagnostic, ()))
    assert summary.headline
    assert summary.findings == ()
    assert summary.groups == {}
