"""Every cause says all that a reader needs."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from analysis.finding import Cause, Finding
from analysis.findings import causes

CAUSE = [field.name for field in fields(Finding)].index("cause")


def test_the_list_holds_every_cause_once() -> None:
    defined = [value for value in vars(causes).values() if isinstance(value, Cause)]
    assert sorted(c.name for c in defined) == sorted(c.name for c in causes.CAUSES)
    assert len({cause.name for cause in causes.CAUSES}) == len(causes.CAUSES)


def test_nothing_is_left_empty() -> None:
    for cause in causes.CAUSES:
        assert all(getattr(cause, field.name) for field in fields(cause)), cause.name
        assert cause.page == f"docs/findings.md#{cause.name}"


def findings_without_cause(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                has_cause = len(node.args) > CAUSE or any(key.arg == "cause" for key in node.keywords)
                if not has_cause:
                    yield f"{path.name}, line {node.lineno}"


def test_no_finding_is_without_a_cause() -> None:
    """So that each says what to check, what to do, and where that is known from."""
    assert list(findings_without_cause(Path(causes.__file__).parents[1])) == []
