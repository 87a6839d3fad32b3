import doctest

import pytest

from frontend import numbers


def test_the_examples_of_its_docstrings_hold() -> None:
    found = doctest.testmod(numbers)
    assert found.attempted >= 7
    assert found.failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.996, "10.0"), (999.96, "1,000"), (-0.5, "−0.500"), (12345.6, "1.23 × 10⁴"), (0.0, "0"), (1e-9, "1.00 × 10⁻⁹"),
     (False, "no"), ("under-trained", "under-trained"), (0.0999996, "0.100")],
)  # fmt: skip
def test_three_digits(value: object, text: str) -> None:
    assert numbers.short(value) == text


def test_a_size_moves_to_the_next_unit_in_time() -> None:
    assert [numbers.size(n) for n in (1, 999, 999_499, 999_600, 10**15)] == [
        "1 byte", "999 bytes", "999 kB", "1.00 MB", "1,000 TB"
    ]  # fmt: skip


def test_a_share_is_never_rounded_to_all_or_none() -> None:
    assert [numbers.percent(n, 100_000) for n in (0, 1, 99_999, 100_000)] == ["0 %", "< 0.1 %", "> 99.9 %", "100 %"]
    assert numbers.percent(0, 0) == numbers.ABSENT
