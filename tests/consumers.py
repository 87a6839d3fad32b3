"""Single modules of tools that read our files, without the tools' other requirements.

The packages are installed without what they depend on (`make setup`), so that importing one as a whole fails. A module
is executed from its own file, with placeholders for what it imports and what no test calls.
"""

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.conftest import missing


def consumer(
    monkeypatch: pytest.MonkeyPatch, name: str, *placeholders: str, given: dict[str, dict[str, Any]] | None = None
) -> Any:
    """The module of this dotted name. `given` are the contents of modules that it needs more of than a placeholder."""
    path = file_of(name)
    for other in (name.rpartition(".")[0], *placeholders):
        for parent in parents(other):
            if not isinstance(sys.modules.get(parent), ModuleType | MagicMock):
                monkeypatch.setitem(sys.modules, parent, MagicMock(name=parent))
    for other, contents in (given or {}).items():
        module = ModuleType(other)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, other, module)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def file_of(name: str) -> Path:
    """Where the module's source is; skips the test where its package is not installed."""
    top, *rest = name.split(".")
    spec = PathFinder.find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        missing(f"the package {top} is not installed: make setup")
    assert spec is not None
    path = Path(next(iter(spec.submodule_search_locations or [])), *rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def parents(name: str) -> list[str]:
    """a, a.b and a.b.c."""
    words = name.split(".")
    return [".".join(words[:count]) for count in range(1, len(words) + 1)]
