"""What is measured in models that keep the law."""

from pathlib import Path

import pytest

from examples.widths.measure import by_rule, ended, measure
from examples.widths.recipes import DRIFTS, Recipe
from tests.examples.widths.made import write


def test_each_rule_drifts_as_the_law_says(tmp_path: Path) -> None:
    recipes = list(write(tmp_path))
    found = by_rule(recipes, tmp_path)
    assert list(found) == ["sqrt", "constant", "linear"]
    for rule, measured in found.items():
        assert [recipe.width for recipe in measured.recipes] == [64, 96, 128]
        overall = measured.fits.overall
        assert overall is not None
        assert overall.fit.drift is not None
        assert overall.fit.exponent is not None
        assert overall.fit.drift.value == pytest.approx(DRIFTS[rule], abs=1e-4)
        assert overall.fit.exponent.value == pytest.approx(0.75, abs=1e-4)


def test_together_they_tell_both_exponents_apart(tmp_path: Path) -> None:
    overall = measure(list(write(tmp_path)), tmp_path).fits.overall
    assert overall is not None
    assert overall.fit.joint is not None
    assert overall.fit.ratio is not None
    assert (overall.fit.joint.value, overall.fit.ratio.value) == pytest.approx((0.75, 0.5), abs=1e-4)


def test_what_has_ended_is_known_by_its_file(tmp_path: Path) -> None:
    written = write(tmp_path, (64, 96))
    assert ended(tmp_path) == list(written)
    (tmp_path / Recipe(96, "linear").name / "trained.json").unlink()
    assert Recipe(96, "linear") not in ended(tmp_path)
