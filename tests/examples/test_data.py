from pathlib import Path

import pytest

from examples import data
from examples.data import Docstring, cleaned, docstrings, is_test, shuffled, split, texts_in, unique

SOURCE = '''
"""The module's own, which is not taken."""

def long_enough():
    """Returns the eigenvalues of a symmetric matrix, in ascending order.

    >>> long_enough()
    ... more
    Notes
    -----
    Works for pandas and torch alike, says scikit-learn.
    """

def short():
    """Too short."""

class Kept:
    """A class whose docstring is long enough to be taken, to be sure of that."""
'''


def test_texts_are_prose_without_the_label(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    assert list(texts_in(path)) == [
        "Returns the eigenvalues of a symmetric matrix, in ascending order. Notes Works for it and it alike, says it.",
        "A class whose docstring is long enough to be taken, to be sure of that.",
    ]


@pytest.mark.parametrize("content", [b"def broken(:", b'"""\xff\xfe"""'])
def test_a_source_that_is_none_has_no_texts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "module.py"
    path.write_bytes(content)
    assert list(texts_in(path)) == []


def test_texts_are_cut_at_a_word() -> None:
    found = cleaned("word " * 200)
    assert len(found) <= data.LONGEST
    assert found.endswith("word")


@pytest.mark.parametrize("label", data.LABELS)
def test_no_label_names_itself(label: str) -> None:
    assert label not in cleaned(f"Use {label}, or {label.upper()}, as {label}.thing says.").lower()


def test_tests_and_vendored_code_are_passed_over(tmp_path: Path) -> None:
    for place in ("package/a.py", "package/tests/b.py", "package/externals/c.py"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCE)
    assert {found.module for found in docstrings(tmp_path / "package")} == {"package/a.py"}


def test_the_same_words_count_once() -> None:
    docs = [Docstring("a", "Fit the model."), Docstring("b", "fit, the model"), Docstring("c", "Fit it.")]
    assert {doc.module for doc in unique(iter(docs))} == {"a", "c"}


def test_no_module_is_in_both_splits() -> None:
    docs = [Docstring(f"module{i % 40}", f"text {i}") for i in range(400)]
    halves = [split([docs], test=test, each=1000) for test in (False, True)]
    modules = [{f"module{int(text.split()[1]) % 40}" for text in half.texts} for half in halves]
    assert modules[0] | modules[1] == {f"module{i}" for i in range(40)}
    assert modules[0].isdisjoint(modules[1])
    assert 1 <= sum(map(is_test, sorted(modules[0] | modules[1]))) <= 20


def test_a_split_takes_as_many_of_each_label() -> None:
    docs = [[Docstring(f"m{i}", f"{label} {i}") for i in range(100)] for label in "ab"]
    found = split(docs, test=False, each=5)
    assert found.labels == (0,) * 5 + (1,) * 5
    assert [text[0] for text in found.texts] == ["a"] * 5 + ["b"] * 5


def test_the_order_does_not_hang_on_where_texts_came_from() -> None:
    docs = [Docstring(str(i), f"text {i}") for i in range(20)]
    assert shuffled(docs) == shuffled(docs[::-1])
    assert shuffled(docs) != docs


def test_a_missing_package_is_named() -> None:
    with pytest.raises(SystemExit, match="no_such_package"):
        data.package_folder("no_such_package")
