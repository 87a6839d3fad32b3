import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.errors import NotFinite
from analysis.prescriptions.traps.places import (
    bulk_law,
    carrying_line,
    largest_entries,
    locate_traps,
    participation,
    strongest,
)

GOLDEN = Path(__file__).parents[3] / "golden" / "prescriptions"


def gaussian(seed: int, rows: int = 128, columns: int = 96) -> Any:
    return np.random.default_rng(seed).normal(size=(rows, columns))


def order_of(matrix: Any, seed: int = 0) -> Any:
    return np.random.default_rng(seed).permutation(matrix.size)


def test_the_golden_trap_is_where_it_was_planted() -> None:
    golden = json.loads((GOLDEN / "prescriptions.json").read_text())["traps"]
    arrays = np.load(GOLDEN / "arrays.npz")
    found = locate_traps(arrays["trap_W"], arrays["trap_perm"])
    assert found.edge == pytest.approx(golden["edge"], rel=1e-4)
    assert len(found.traps) == len(golden["rows"]) == 1
    (trap,), (row,) = found.traps, golden["rows"]
    assert trap.eigenvalue == pytest.approx(row["lambda"], rel=1e-4)
    assert trap.delta == pytest.approx(row["delta"], rel=1e-4)
    assert trap.ipr == pytest.approx(row["ipr"], rel=1e-4)
    assert trap.q == pytest.approx(row["q_porter_thomas"], rel=1e-4)
    assert trap.q_uniform == pytest.approx(row["q_uniform"], rel=1e-4)
    assert [trap.row, trap.column] == golden["planted"]
    assert trap.value == arrays["trap_W"][tuple(golden["planted"])]
    assert trap.label == "localized_risky"


@pytest.mark.parametrize(("shape", "place"), [((128, 96), (17, 41)), ((60, 200), (3, 199)), ((90, 90), (89, 0))])
def test_one_entry_of_40_sigma_is_one_trap_with_its_coordinates(shape: tuple[int, int], place: tuple[int, int]) -> None:
    matrix = gaussian(1, *shape)
    matrix[place] = 40.0
    found = locate_traps(matrix, order_of(matrix))
    assert [(trap.row, trap.column) for trap in found.traps] == [place]
    assert found.traps[0].q > 0.75
    assert found.traps[0].risk == 1.0
    line: Any = carrying_line(matrix)
    assert line.kind == "entry"
    assert (largest_entries(matrix)[0].row, largest_entries(matrix)[0].column) == place
    assert largest_entries(matrix)[0].sigmas == pytest.approx(40.0, rel=0.05)


def test_a_gaussian_has_none_in_99_of_100_seeds() -> None:
    counts = [
        len(locate_traps(gaussian(seed, 64, 48), order_of(gaussian(seed, 64, 48), seed)).traps) for seed in range(100)
    ]
    assert sum(count > 0 for count in counts) <= 1


def test_a_constant_row_is_a_diffuse_trap_and_is_named() -> None:
    matrix = gaussian(2)
    matrix[5] = 30.0
    found = locate_traps(matrix, order_of(matrix))
    trap: Any = strongest(found.traps)
    assert trap.label == "benign_diffuse"
    assert np.median([each.q for each in found.traps]) < 0.45
    line: Any = carrying_line(matrix)
    assert (line.kind, line.index, line.far, line.inside) == ("row", 5, 96, 96)


def test_a_column_is_named_and_scattered_entries_are_not() -> None:
    matrix = gaussian(3)
    matrix[:, 7] = 30.0
    line: Any = carrying_line(matrix)
    assert (line.kind, line.index) == ("column", 7)
    spread = gaussian(4)
    for i in range(5):
        spread[10 * i, 15 * i] = 40.0
    line = carrying_line(spread)
    assert (line.kind, line.index) == ("scattered", None)
    assert carrying_line(gaussian(5)) is None


def test_the_traps_own_place_in_the_leading_directions_counts_for_the_burden() -> None:
    matrix = gaussian(6)
    matrix[17, 41] = 40.0
    (trap,) = locate_traps(matrix, order_of(matrix)).traps
    assert 0.0 <= trap.overlap <= 1.0
    whole = locate_traps(matrix, order_of(matrix), leading=96)
    assert whole.traps[0].overlap == pytest.approx(1.0)
    assert whole.burden == pytest.approx(trap.delta**2 * trap.q)


def test_participation_of_known_vectors() -> None:
    one = np.eye(10)[3]
    assert participation(one) == pytest.approx((1.0, 1.0, 1.0))
    flat = np.full(10, 10**-0.5)
    assert participation(flat) == pytest.approx((0.1, 0.0, 0.0))
    assert participation(np.ones(1)) == (1.0, 1.0, 1.0)
    random = np.random.default_rng(0).normal(size=(500, 200))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert np.mean([participation(v)[0] for v in random]) == pytest.approx(3 / 202, rel=0.02)


def test_scale_changes_nothing_but_the_eigenvalues() -> None:
    matrix = gaussian(7)
    matrix[3, 4] = -40.0
    one, other = (locate_traps(scale * matrix, order_of(matrix)) for scale in (1.0, 1e-4))
    assert one.traps[0].delta == pytest.approx(other.traps[0].delta)
    assert bulk_law(1e-4 * matrix).variance == pytest.approx(1e-8 * bulk_law(matrix).variance)


def test_equal_entries_have_no_trap() -> None:
    for value in (0.0, 2.5):
        matrix = np.full((20, 10), value)
        assert locate_traps(matrix, order_of(matrix)).traps == ()
        assert largest_entries(matrix) == ()
    assert strongest(()) is None


def test_a_matrix_with_nan_is_refused() -> None:
    matrix = gaussian(8)
    matrix[0, 0] = np.nan
    with pytest.raises(NotFinite, match="1 of 12288 values"):
        locate_traps(matrix, order_of(matrix))
