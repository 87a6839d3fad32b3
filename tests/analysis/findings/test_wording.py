import pytest

from analysis.findings.wording import (
    blocks,
    format_value,
    join_words,
    lower_first,
    percent,
    quantity,
    short,
    two_places,
)


def test_listed() -> None:
    assert [join_words(["a"]), join_words(["a", "b"]), join_words(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_counted() -> None:
    assert [quantity(1, "fit"), quantity(2, "fit"), quantity(0, "matrix", "matrices")] == [
        "1 fit",
        "2 fits",
        "0 matrices",
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12.36, "12.4"),
        (8.44, "8.4"),
        (0.135, "0.135"),
        (384.0, "384"),
        (0.0, "0"),
        (1.0 - 1e-16, "1.0"),
        (99.96, "100"),
        (99.94, "99.9"),
        (1e-7, "1e-07"),
        (123456.0, "1.23e+05"),
    ],
)
def test_short(value: float, said: str) -> None:
    assert short(value) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0, "0 %"),
        (0.00862, "0.86 %"),
        (0.0413, "4.1 %"),
        (0.5, "50 %"),
        (0.143, "14.3 %"),
        (1.0, "100 %"),
        (7.3, "730 %"),
    ],
)
def test_percent(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(("words", "said"), [("Value", "value"), ("MLP up", "MLP up"), ("O", "o"), ("", "")])
def test_midway(words: str, said: str) -> None:
    assert lower_first(words) == said


@pytest.mark.parametrize(
    ("depths", "said"),
    [
        ([4], "block 4"),
        ([5, 4], "blocks 4 and 5"),
        ([0, 1, 2, 5], "blocks 0–2 and 5"),
        ([1, 1, 3, 5], "blocks 1, 3 and 5"),
    ],
)
def test_blocks(depths: list[int], said: str) -> None:
    assert blocks(depths) == said


def test_two_places_with_a_true_minus() -> None:
    assert [two_places(value) for value in (-0.001, -0.25, 0.004, 1.005e3)] == ["0.00", "−0.25", "0.00", "1005.00"]
    assert [two_places(value, sign=True) for value in (0.25, 0.001, -0.25)] == ["+0.25", "0.00", "−0.25"]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (20_000.0, 4, "20000"), (20_000, None, "20000"), (1e12, 4, "1e+12"), (0.123456, 4, "0.1235"),
        (12.36, None, "12.4"), (12.36, 3, "12.4"), (3.14159, None, "3.1"), (3.14159, 3, "3.14"), (True, None, "true"),
        ("adamw", 4, "adamw"), (float("inf"), 4, "inf"), (float("nan"), None, "nan"),
    ],
)  # fmt: skip
def test_a_value_of_any_type(value: object, digits: int | None, text: str) -> None:
    assert format_value(value, digits) == text
