"""The tree of errors: codes, and names that no message lets through raw."""

import pytest

from analysis.errors import (
    LONGEST_NAME,
    REJECTIONS,
    CheckpointError,
    DamagedFile,
    MissingShard,
    UnknownFormat,
    UnsafeFile,
    escape,
)


@pytest.mark.parametrize("kind", [CheckpointError, UnknownFormat, DamagedFile, UnsafeFile, MissingShard])
def test_every_kind_of_rejection_has_a_code_that_is_explained(kind: type[CheckpointError]) -> None:
    assert kind("why").code in REJECTIONS
    assert kind("why", "pickle-code").code == "pickle-code"
    assert kind("why", "pickle-code").message == "why"
    assert kind("why").code != "pickle-code", "the class keeps its own"


def test_codes_are_kebab_case_and_explained_in_a_sentence() -> None:
    for code, meaning in REJECTIONS.items():
        assert all(word.isalnum() and word.islower() for word in code.replace("hdf5", "hdf").split("-")), code
        assert meaning[0].isupper() or meaning.startswith("gzip")
        assert meaning.endswith(".")


@pytest.mark.parametrize("name", ["a\0b", "\x1b[31m", "\ud800", "x" * 65536, "a\nb", "‮abc"])
def test_shown_names_are_short_plain_and_on_one_line(name: str) -> None:
    assert escape(name).isprintable()
    assert escape(name).replace("…", "").isascii()
    assert len(escape(name)) <= LONGEST_NAME + 1


def test_shown_keeps_what_is_plain() -> None:
    assert escape("model.layers.0.weight") == "model.layers.0.weight"
