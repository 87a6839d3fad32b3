"""The words that users meet: standard terms in messages, pages and docs, none of the project's own old ones.

A short list, each word with the term that replaces it. Messages are the strings of the packages that hold a space
and are no docstrings; pages are the text of the templates.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure import PACKAGES

ROOT = Path(__file__).parents[1]
WORDS = {
    r"\bmend(s|ed|ing)?\b": "fix, mitigate",
    r"\bwhoever\b": "the client",
    r"\bstrangers?\b": "untrusted, unauthenticated",
    r"\b(courier|parcel)s?\b": "webhook sender, pending delivery",
    r"\b(shelf|squeezed)\b": "response cache, compressed",
    r"\bgood now\b": "valid",
    r"\bNothing was made\b": "Could not create",
    r"\bis there already\b": "already exists",
    r"\bin hand\b": "current",
    r"\bfell silent\b": "stopped responding",
    r"\bforesees?\b": "predicts",
    r"\bwhose word counts\b": "trusted",
    r"\b[Tt]he tuned\b(?! (model|weight|checkpoint|matri|file|one|side|tensor|layer))": "the fine-tuned weight",
}
NOT_A = r"(?<!there )(?<!There )\b(is|are) no (?!(longer|room|more)\b)\w+"  # "is not a valid X"
PARTS_WITHOUT = ("app", "workers", "analysis/formats", "analysis/adapters", "analysis/mitigation", "analysis/gate")
DOCS = sorted(p for p in (*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"))


def messages(source: str) -> Iterator[str]:
    """The strings of a module that hold a space and are no docstrings; an f-string's as one, with … for its values."""
    tree = ast.parse(source)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    known = parts | {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
        elif isinstance(node, ast.Constant) and id(node) not in known and " " in str(node.value):
            yield str(node.value)


def page_text(template: str) -> str:
    """A template's text and its titles and labels, without tags, code of Jinja and comments."""
    plain = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", template, flags=re.DOTALL)
    spoken = re.findall(r'(?:title|placeholder|aria-label|data-confirm)="([^"]*)"', plain)
    return " ".join([re.sub(r"<[^>]*>", " ", plain), *spoken])


def prose(text: str) -> str:
    """A page of the docs without what it quotes as code."""
    return re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL)


def unwanted(text: str, patterns: tuple[str, ...]) -> list[str]:
    return [found[0] for pattern in patterns for found in re.finditer(pattern, text)]


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_have_standard_words(package: str) -> None:
    assert [(p, w) for p in sources(package) for m in messages(p.read_text()) for w in unwanted(m, tuple(WORDS))] == []


@pytest.mark.parametrize("folder", PARTS_WITHOUT)
def test_what_is_refused_is_not_a_valid_x(folder: str) -> None:
    assert [(p, w) for p in sources(folder) for m in messages(p.read_text()) for w in unwanted(m, (NOT_A,))] == []


def test_pages_have_standard_words() -> None:
    templates = sorted((ROOT / "frontend/templates").rglob("*.html"))
    assert len(templates) > 10
    assert [(p, w) for p in templates for w in unwanted(page_text(p.read_text()), tuple(WORDS))] == []


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_docs_have_standard_words(path: Path) -> None:
    assert unwanted(prose(path.read_text()), tuple(WORDS)) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('raise X("how to mend it")', ["mend"]),
        ('raise X(f"{name} is there already")', ["is there already"]),
        ('"""How to mend it."""', []),  # a docstring
        ('raise X("amended, recommended")', []),
    ],
)
def test_a_planted_word_is_found(source: str, words: list[str]) -> None:
    assert [word for text in messages(source) for word in unwanted(text, tuple(WORDS))] == words


@pytest.mark.parametrize(
    ("text", "words"),
    [("it is no JSON", 1), ("there is no run 3", 0), ("it is no longer valid", 0), ("“x” is no file", 1)],
)
def test_is_no(text: str, words: int) -> None:
    assert len(unwanted(text, (NOT_A,))) == words
