"""The rules of the house (docs/decisions/0001-house.md), kept by reading the sources' imports.

1. analysis imports numerical libraries; nothing of ours, no web, database, queue or plotting library.
   analysis.gate, the grammar of policies, has pydantic (decision 10).
2. frontend imports analysis.diagnostic only.
3. app's flat modules import analysis; only app.api, app.pages and app.main also import frontend; none imports workers.
4. workers import analysis and app's flat modules.
5. One library, one home.
6. No cycles; every module has a test of its name.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("analysis", "frontend", "app", "workers")
Imports = Mapping[str, frozenset[str]]  # module -> the modules it imports, ours as modules, others as written

# --- what the sources say -------------------------------------------------------------------------------------------


def modules(root: Path) -> dict[str, Path]:
    """Every module of the four packages by its dotted name; a package's __init__ goes by the package's name."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def named(tree: ast.AST) -> Iterator[str]:
    """The dotted names that a source imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(sources: Mapping[str, str]) -> dict[str, frozenset[str]]:
    def resolved(name: str) -> str:
        longest = name
        while longest and longest not in sources:
            longest = longest.rpartition(".")[0]
        return longest or name

    return {module: frozenset(map(resolved, named(ast.parse(text)))) - {module} for module, text in sources.items()}


def inside(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


# --- the rules ------------------------------------------------------------------------------------------------------

NUMERICAL = {"jaxtyping", "numpy", "peft", "regex", "safetensors", "scipy", "threadpoolctl", "torch"}
DOORS = ("app.api", "app.pages", "app.web", "app.main")
ROWS = (
    "app.access", "app.queue", "app.uploads", "app.gate", "app.webhooks", "app.work",
    "app.db", "app.models", "app.checkpoints", "app.runs", "app.plans", "app.reports", "app.mitigations", "app.tenancy",
    "app.retention", "app.idempotency", "app.counts", "app.etags", "app.listings",
)  # fmt: skip
HOMES = {
    "fastapi": DOORS,
    "starlette": DOORS,
    "uvicorn": ("app.main",),
    "sqlalchemy": (*ROWS, "app.migrations"),
    "alembic": ("app.db", "app.migrations"),
    "celery": ("app.queue.broker", "workers"),
    "kombu": ("app.queue.broker", "workers"),
    "plotly": ("frontend", "app.main", "app.pages"),
    "jinja2": ("app.pages",),
    "prometheus_client": ("app.web", "app.api"),
    "pickle": ("analysis.formats",),
    "peft": ("analysis.adapters",),
    "obstore": ("workers.ingest.sources",),
    "huggingface_hub": ("workers.ingest.sources",),
    "yaml": ("app.gate.policy_file",),
    "httpx": ("app.webhooks.sending", "app.cli.client"),
    "standardwebhooks": ("app.webhooks",),
    "cachetools": ("app.web",),
}


def strays(found: Imports, of: str, allowed: Callable[[str, str], bool]) -> Iterator[str]:
    for module, names in found.items():
        if inside(module, of):
            yield from (f"{module} imports {name}" for name in sorted(names) if not allowed(module, name))


def standard(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


def analysis_stands_alone(found: Imports) -> Iterator[str]:
    yield from strays(
        found,
        "analysis",
        lambda module, name: (
            standard(name)
            or inside(name, "analysis")
            or name.split(".")[0] in NUMERICAL
            or (inside(module, "analysis.gate") and inside(name, "pydantic", "pydantic_core"))
        ),
    )


def frontend_sees_the_record_only(found: Imports) -> Iterator[str]:
    ours = ("analysis", "app", "workers")
    yield from strays(found, "frontend", lambda _, name: not inside(name, *ours) or name == "analysis.diagnostic")


def app_knows_no_worker(found: Imports) -> Iterator[str]:
    def allowed(module: str, name: str) -> bool:
        if inside(name, "workers"):
            return False
        return inside(module, *DOORS) or not inside(name, "frontend", *DOORS) or _starts(module, name)

    yield from strays(found, "app", allowed)


def _starts(module: str, name: str) -> bool:
    """The command line starts the service, so it alone among the flat modules may name app.main."""
    return module == "app.cli.main" and name == "app.main"


def workers_use_flat_modules(found: Imports) -> Iterator[str]:
    yield from strays(found, "workers", lambda _, name: not inside(name, "frontend", *DOORS))


def one_library_one_home(found: Imports) -> Iterator[str]:
    for module, names in found.items():
        for name in sorted(names):
            homes = HOMES.get(name.split(".")[0])
            if homes is not None and not inside(module, *homes):
                yield f"{module} imports {name}, whose home is {', '.join(homes)}"


def no_cycles(found: Imports) -> Iterator[str]:
    finished: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> Iterator[str]:
        if module in path:
            yield " -> ".join((*path[path.index(module) :], module))
        elif module not in finished:
            for name in sorted(found.get(module, ())):
                yield from walk(name, (*path, module))
            finished.add(module)

    for module in found:
        yield from walk(module, ())


RULES = (
    analysis_stands_alone,
    frontend_sees_the_record_only,
    app_knows_no_worker,
    workers_use_flat_modules,
    one_library_one_home,
    no_cycles,
)


def untested(root: Path) -> list[str]:
    """Modules without a test of their name in the mirrored place. Bare __init__ files and migrations need none."""
    missing = []
    for module, path in modules(root).items():
        place = path.relative_to(root)
        if place.name == "__init__.py":
            bare = not re.search(r"^(def|class|[A-Z_]+ *[:=])", path.read_text(), re.MULTILINE)
            test = root / "tests" / place.parent / f"test_{place.parent.name}.py"
        else:
            bare = "versions" in place.parts or place.name == "env.py"
            test = root / "tests" / place.parent / f"test_{place.stem.strip('_')}.py"
        if not bare and not test.exists():
            missing.append(f"{module}: {test.relative_to(root)}")
    return missing


# --- the tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_imports_follow(rule: Callable[[Imports], Iterable[str]]) -> None:
    found = imports({module: path.read_text() for module, path in modules(ROOT).items()})
    assert len(found) > 20
    assert list(rule(found)) == []


def test_every_module_has_its_test() -> None:
    assert untested(ROOT) == []


PLANTED = [
    (analysis_stands_alone, {"analysis.x": "import fastapi"}),
    (analysis_stands_alone, {"analysis.x": "import pydantic"}),
    (analysis_stands_alone, {"analysis.x": "def f():\n    from app.db import session", "app.db": ""}),
    (frontend_sees_the_record_only, {"frontend.x": "from analysis.report import record", "analysis.report": ""}),
    (app_knows_no_worker, {"app.runs": "import workers.tasks", "workers.tasks": ""}),
    (app_knows_no_worker, {"app.runs": "from frontend.figures.draw import draw", "frontend.figures.draw": ""}),
    (app_knows_no_worker, {"app.runs": "from app import main", "app.main": ""}),
    (workers_use_flat_modules, {"workers.tasks": "from app.api import runs", "app.api": "", "app.api.runs": ""}),
    (one_library_one_home, {"app.settings": "from sqlalchemy import text"}),
    (one_library_one_home, {"app.storage.blobs": "import pickle"}),
    (no_cycles, {"app.a": "import app.b", "app.b": "from app.c import x", "app.c": "import app.a"}),
]


@pytest.mark.parametrize(("rule", "sources"), PLANTED)
def test_a_planted_violation_is_caught(rule: Callable[[Imports], Iterable[str]], sources: dict[str, str]) -> None:
    assert list(rule(imports(sources)))


def test_a_missing_test_is_caught(tmp_path: Path) -> None:
    for place in ("analysis/tail.py", "app/__init__.py", "app/db.py", "tests/app/test_db.py"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert untested(tmp_path) == ["analysis.tail: tests/analysis/test_tail.py"]
