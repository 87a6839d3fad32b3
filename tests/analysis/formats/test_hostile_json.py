"""JSON that nobody vouches for."""

from pathlib import Path

import pytest

from analysis.errors import DamagedFile, UnknownFormat
from analysis.formats import hostile_json
from analysis.formats.hostile_json import (
    LONGEST_FACT,
    MOST_FACTS,
    parse,
    parse_file,
    plain,
    printable,
    read_if_small,
    text_facts,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "bad-header"),
        (b"[]", "bad-header"),
        (b"3", "bad-header"),
        (b"\xff", "bad-header"),
        (b'{"a":' * 100_000, "bad-header"),
        (b'{"a": Infinity}', "bad-header"),
        (b'{"a": {"b": 1, "b": 2}}', "duplicate-tensor"),
        (b'{"a": {"\\udc00": 1}}', "bad-name"),
    ],
)
def test_what_is_no_object_is_refused(text: bytes, code: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        parse(text, "the header")
    assert caught.value.code == code
    assert "the header" in caught.value.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"r": 8, "lora_alpha": NaN}', "lora_alpha: NaN is not a number"),
        (b'{"a": {"b": -Infinity}}', "(b: -Infinity is not a number"),
        (b'{"a": [1, NaN]}', "(NaN is not a number"),
        (b"[NaN]", "(NaN is not a number"),
    ],
)
def test_what_is_no_number_is_named_with_its_key(text: bytes, said: str) -> None:
    with pytest.raises(DamagedFile) as caught:
        parse(text, "the header")
    assert said in caught.value.message


def test_what_is_one_is_read() -> None:
    assert parse('{"λ": [1, 2.5, null, true, "\\u0000"]}'.encode(), "it") == {"λ": [1, 2.5, None, True, "\0"]}


def test_a_file_beyond_the_bound_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile_json, "LARGEST_FILE", 3)
    (tmp_path / "index").write_text("{   }")
    with pytest.raises(UnknownFormat, match="at most 3"):
        parse_file(tmp_path / "index")


@pytest.mark.parametrize("value", [None, [1], {}, float("nan"), float("inf"), 2**53, -(10**400), b"x", object()])
def test_what_is_no_plain_fact(value: object) -> None:
    assert plain(value) is None


@pytest.mark.parametrize("value", [0, -3, True, 1e-5, "text"])
def test_what_is_a_plain_fact(value: object) -> None:
    assert plain(value) == value


def test_a_file_beside_the_weights_may_be_absent_large_or_damaged(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    assert read_if_small(path, 9) == {}
    path.write_text('{"a": 1}')
    assert read_if_small(path, 8) == {"a": 1}
    assert read_if_small(path, 7) == {}
    path.write_text("[1]")
    assert read_if_small(path, 9) == {}


def test_facts_are_few_short_and_storable() -> None:
    found = text_facts({f"key{n}": "x" * 10_000 for n in range(1000)})
    assert len(found) == MOST_FACTS
    assert all(len(str(value)) == LONGEST_FACT for value in found.values())
    assert text_facts({3: "x", "a\0": "\0\ud800", "y" * 1000: 1}) == {"a�": "�?"}


def test_text_that_is_printable_stays() -> None:
    assert printable("λ ≤ 3") == "λ ≤ 3"
