"""Real text that is on every machine: the docstrings of installed packages, to be told apart by package.

The base's knowledge is probed on text from elsewhere, the docstrings of the standard library. Sources are parsed, never
imported. What comes out depends on the installed versions (constraints.txt) and on nothing else.
"""

import ast
import hashlib
import importlib.util
import re
import sysconfig
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS = ("matplotlib", "networkx", "pandas", "scipy", "sklearn", "sqlalchemy", "sympy", "torch")
TRAIN_EACH, TEST_EACH = 160, 50  # texts of each label
PROBES = 200  # unrelated texts: 19,900 pairs
TEST_SHARE = 0.25  # of the modules: a module's texts are all of one split, so that near-copies do not cross
SHORTEST, LONGEST = 60, 180  # characters

PASSED_OVER = {"tests", "test", "testing", "conftest.py", "site-packages", "idlelib", "lib2to3", "externals", "_vendor"}
# A text must not name its own label, nor the alias by which one imports it.
GIVEAWAY = re.compile(
    r"\b(matplotlib|pyplot|plt|mpl|networkx|nx|pandas|pd|scipy|sklearn|scikit-learn|sqlalchemy|sympy|torch|pytorch)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Split:
    """Texts and the positions of their labels in LABELS, in a fixed order."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a function or class says of itself, and the module that it stands in."""

    module: str
    text: str


def task() -> tuple[Split, Split]:
    """The texts to train on and those to test on."""
    found = [unique(docstrings(package_folder(label))) for label in LABELS]
    return split(found, test=False, each=TRAIN_EACH), split(found, test=True, each=TEST_EACH)


def unrelated() -> tuple[str, ...]:
    """Held-out text that no label has to do with: docstrings of the standard library."""
    found = unique(docstrings(Path(sysconfig.get_path("stdlib"))))
    return tuple(each.text for each in shuffled(found)[:PROBES])


def split(found: Sequence[Sequence[Docstring]], *, test: bool, each: int) -> Split:
    """So many texts of each label, out of the modules of one split."""
    texts, labels = [], []
    for label, docs in enumerate(found):
        chosen = shuffled([doc for doc in docs if is_test(doc.module) is test])[:each]
        texts += [doc.text for doc in chosen]
        labels += [label] * len(chosen)
    return Split(tuple(texts), tuple(labels))


def is_test(module: str) -> bool:
    return int(digest(module)[:8], 16) < TEST_SHARE * 16**8


def shuffled(docs: Sequence[Docstring]) -> list[Docstring]:
    """An order that is as good as random and the same everywhere."""
    return sorted(docs, key=lambda doc: digest(doc.text))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def unique(docs: Iterator[Docstring]) -> list[Docstring]:
    """The first of each text, by its letters alone."""
    return list({re.sub(r"\W+", "", doc.text).lower(): doc for doc in reversed(list(docs))}.values())


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"The package {name} is not installed, and its docstrings are wanted: make setup")
    return Path(spec.origin).parent


def docstrings(folder: Path) -> Iterator[Docstring]:
    """The cleaned docstrings of every function and class under a folder, by path and line."""
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder)
        if PASSED_OVER.isdisjoint(place.parts):
            yield from (Docstring(f"{folder.name}/{place.as_posix()}", text) for text in texts_in(path))


def texts_in(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other people's sources
            tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            text = cleaned(ast.get_docstring(node) or "")
            if len(text) >= SHORTEST:
                yield text


def cleaned(docstring: str) -> str:
    """Prose on one line: no doctests, no underlines, no name that gives the label away."""
    lines = [line.strip() for line in docstring.splitlines()]
    prose = " ".join(line for line in lines if not re.match(r">>>|\.\.\. |[-=~^]{3,}$", line))
    return textwrap.shorten(GIVEAWAY.sub("it", prose), LONGEST, placeholder="")
