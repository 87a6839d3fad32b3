"""What the law takes for granted: each thing that a family may lack is named, with what can be said all the same."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analysis.diagnostic import Severity
from analysis.width_scaling.advice import recipe_of
from analysis.width_scaling.family import family, scaling
from analysis.width_scaling.law import Setting
from analysis.width_scaling.premises import premises
from tests.families import facts, settings, table

RULE = "λ constant"


def texts(given: Sequence[Setting], *changes: dict[str, float | str | None]) -> dict[str, Severity]:
    """The findings on these models, with changes to the facts of the first of them."""
    padded = [*changes, *({} for _ in given[len(changes) :])]
    stated = [{**facts(setting), **change} for setting, change in zip(given, padded, strict=True)]
    found = family(table(given, stated))
    assert found is not None
    return {finding.text: finding.severity for finding in premises(scaling(found))}


def test_nothing_is_said_of_a_family_that_has_all() -> None:
    given = [Setting(d, 0.64 / d, decay, 10_000.0) for d in (16.0, 24.0, 32.0) for decay in (0.5, 2.0)]
    assert texts(given) == {}


def test_a_missing_rate_is_named() -> None:
    found = texts(settings(RULE), {"learning_rate": None}, {"weight_decay": None})
    assert found["Not known: the learning rate of d16 and the weight decay of d24"] is Severity.NOTE


def test_missing_steps_are_named() -> None:
    assert "Not known: the number of steps of d16" in texts(settings(RULE), {"step": None})


def test_without_decay() -> None:
    found = texts(settings(RULE), {"weight_decay": 0.0})
    assert found["d16 trained without weight decay: the law says nothing there"] is Severity.WARN


def test_before_the_steady_state() -> None:
    assert texts(settings(RULE), {"step": 20.0})["d16 did not reach the steady state"] is Severity.WARN


def test_a_width_that_contradicts_the_shapes() -> None:
    assert texts(settings(RULE), {"width": 99.0})["The stated width of d16 contradicts the shapes"] is Severity.WARN


@pytest.mark.parametrize(
    ("fact", "wanted"),
    [
        ({"optimizer": "sgd"}, "The optimizer is sgd, not AdamW"),
        ({"learning_rate_from": "the highest in the log"}, "The learning rate of d16 is the highest in the log"),
        ({"schedule": "cosine"}, "The learning rate of d16 decays, and its mean is not known"),
        ({"parametrisation": "mup"}, "The parametrisation is not the standard one"),
    ],
)
def test_training_that_the_law_does_not_speak_of(fact: dict[str, float | str | None], wanted: str) -> None:
    assert wanted in texts(settings(RULE), fact)


def test_training_that_it_speaks_of() -> None:
    fact: dict[str, float | str | None] = {
        "optimizer": "AdamW",
        "schedule": "cosine",
        "mean_learning_rate": 0.02,
        "parametrisation": "standard",
    }
    assert texts(settings(RULE), fact).keys() == texts(settings(RULE)).keys()


def test_nothing_of_adamws_law_is_said_of_another_optimizer() -> None:
    """Muon decays too, and reaches a steady state of its own: neither steps · η · λ nor a missing λ is of interest."""
    changes: list[dict[str, float | str | None]] = [
        {"optimizer": "Muon", "step": 3.0, "schedule": "cosine"}, {"weight_decay": 0.0}, {"learning_rate": None},
    ]  # fmt: skip
    found = texts(settings(RULE), *changes)
    assert found == {"The optimizer is Muon, not AdamW": Severity.NOTE}


def test_a_width_that_half_of_the_matrices_do_not_have_is_a_guess() -> None:
    given = settings(RULE)
    whole = table(given)
    curves = {"widths": np.array([20.5, 30.5, 40.5, 60.5], dtype=np.float32)}
    rows = tuple(
        replace(row, measurement=replace(row.measurement, curves={**row.measurement.curves, **curves}))
        for row in whole.rows
    )
    unsure = family(replace(whole, rows=rows))
    assert unsure is not None
    said = [f for f in premises(scaling(unsure)) if "guess" in f.text]
    assert [f.text for f in said] == ["The width of d16, d24, d32 and d48 is a guess from the shapes"]
    assert "d16: 20.5" in said[0].why
    assert "width=" in said[0].why
    stated = family(replace(whole, rows=rows, facts=tuple({**facts(s), "width": s.width} for s in given)))
    assert stated is not None
    assert not [f for f in premises(scaling(stated)) if "guess" in f.text]
    assert str(recipe_of(unsure, 96)).startswith("No recipe yet: say first how wide")
    assert not isinstance(recipe_of(stated, 96), str)


def test_one_and_two_widths() -> None:
    assert "All models have the width 16" in texts([Setting(16.0, 0.01, 1.0), Setting(16.0, 0.01, 2.0)])
    assert "Two widths: no exponents" in texts(settings(RULE, (16.0, 32.0)))


def test_exponents_that_cannot_be_told_apart() -> None:
    (said,) = (text for text in texts(settings(RULE)) if "told apart" in text)
    assert said == "η/λ and the width change together: their exponents cannot be told apart"


@pytest.mark.parametrize("fact", [{}, {"weight_decay": 0.0}])
def test_nothing_is_told_apart_where_there_is_no_exponent(fact: dict[str, float | str | None]) -> None:
    assert not [text for text in texts(settings(RULE, (16.0, 24.0)), fact) if "told apart" in text]
    found = texts(settings(RULE, (16.0, 24.0, 32.0)), fact)
    assert bool([text for text in found if "told apart" in text]) is not bool(fact)


def test_few_blocks_are_said_of_two_widths_too() -> None:
    given = table(settings(RULE, (16.0, 32.0)))
    rows = tuple(row for row in given.rows if row.weight.depth != 2)
    found = family(replace(given, rows=rows))
    assert found is not None
    (few,) = (f for f in premises(scaling(found)) if "resampling" in f.text)
    assert few.text == "2 blocks for each kind of weight: intervals by resampling blocks are too narrow"
    assert few.why == "They say how blocks differ."
