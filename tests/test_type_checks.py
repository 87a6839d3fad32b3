"""Calls into the analysis are checked in tests: arrays with their shapes, all else by beartype alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Float64, TypeCheckError

from analysis import names
from analysis.linalg import spectrum
from tests.type_checks import checked, with_shapes

Rows = Float64[np.ndarray, " rows"]


def dot(left: Rows, right: Rows) -> float:
    return float(left @ right)


def many(arrays: list[Rows] | None) -> int:
    return len(arrays or [])


def unknown(rows: "Rows") -> int:
    return len(rows)


def length(text: str, unit: Literal["word", "letter"] = "letter") -> int:
    return len(text.split() if unit == "word" else text) if text else None  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Named:
    name: str


def decorated(made: Any) -> Any:
    return checked(typechecker=beartype)(made)


def test_shapes_of_one_call_must_agree() -> None:
    assert decorated(dot)(np.ones(3), np.ones(3)) == 3.0
    with pytest.raises(TypeCheckError, match="rows"):
        decorated(dot)(np.ones(3), np.ones(4))


@pytest.mark.parametrize("function", [many, unknown])
def test_an_array_is_found_wherever_it_is_named(function: Callable[..., int]) -> None:
    with pytest.raises(TypeCheckError):
        decorated(function)("text")


def test_without_arrays_arguments_and_results_are_checked_too() -> None:
    assert decorated(length)("two words", "word") == 2
    for wrong in ((3,), ("text", "line"), ("",)):
        with pytest.raises(TypeCheckError):
            decorated(length)(*wrong)


def test_a_dataclass_is_checked_when_it_is_made() -> None:
    assert decorated(Named)("a").name == "a"
    with pytest.raises(TypeCheckError):
        Named(3)  # type: ignore[arg-type]


def test_the_analysis_is_checked() -> None:
    with pytest.raises(TypeCheckError):
        names.label_of(3, "up", 1)  # type: ignore[arg-type]
    with pytest.raises(TypeCheckError):
        spectrum.decompose("text")  # type: ignore[arg-type]
    assert with_shapes.__module__.startswith("jaxtyping")
