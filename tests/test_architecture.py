"""The architecture (docs/decisions/0001-four-packages.md and 0009-packages.md), checked by reading the sources.

1. analysis imports numerical libraries; nothing of ours, no web, database, queue or plotting library.
   analysis.gate, the grammar of policies, has pydantic (decision 10); analysis.prescriptions writes YAML.
2. frontend imports analysis.diagnostic and analysis.figure only.
3. app imports analysis; only its entry points, and the module of `--html`, also import frontend; none imports workers.
4. workers import analysis, and app without its entry points.
5. Every library has a home, said as folders; the settings and the errors are free of all of them.
6. A folder imports only folders that are below it, and no two parts of a package import each other.
7. No folder has more than 15 modules (20 in app.api); no import goes in a circle; every module has a test of its name.
8. At most 3 % of the functions are named by a participle or an adverb.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.naming import bare_functions, share_of
from tests.structure import (
    PACKAGES,
    Imports,
    arrows_of,
    circles_of,
    find_modules,
    folder_sizes,
    imports_of,
    name_shares,
)

ROOT = Path(__file__).parents[1]
NUMERICAL = {
    "gguf",
    "h5py",
    "jaxtyping",
    "ml_dtypes",
    "numpy",
    "peft",
    "psutil",
    "pyarrow",
    "regex",
    "safetensors",
    "scipy",
    "threadpoolctl",
    "torch",
    "weightwatcher",
}
ENTRIES = ("app.api", "app.pages", "app.web", "app.main")
PLAIN = ("app.settings", "app.errors", "app.logs", "app.states")
ROWS = (
    "app/",
    "app.access",
    "app.gate",
    "app.lists",
    "app.prescriptions",
    "app.runs",
    "app.uploads",
    "app.webhooks",
    "app.work",
    "app.models",
    "app.migrations",
)
HOMES = {  # a folder with all below it; "app/" is the modules directly in app
    "fastapi": ENTRIES,
    "starlette": ENTRIES,
    "uvicorn": ("app.main", "app.web"),
    "sqlalchemy": ROWS,
    "alembic": ("app/", "app.migrations"),
    "celery": ("app.queue", "workers"),
    "kombu": ("app.queue", "workers"),
    "plotly": ("frontend", "app.main", "app.pages"),
    "jinja2": ("app.pages", "frontend.document"),
    "prometheus_client": ("app.web", "app.api"),
    "pickle": ("analysis.formats",),
    "gguf": ("analysis.formats.readers",),
    "h5py": ("analysis.formats.hdf5",),
    "peft": ("analysis.adapters",),
    "psutil": ("analysis.engine",),
    "weightwatcher": ("analysis.diagnostics.reference",),
    "pyarrow": ("analysis.prescriptions.monitor", "app.runs"),
    "obstore": ("workers.ingest",),
    "huggingface_hub": ("workers.ingest",),
    "yaml": ("app.gate", "analysis.prescriptions"),
    "httpx": ("app.webhooks", "app.client"),
    "pandas": ("app.client",),
    "standardwebhooks": ("app.webhooks",),
    "cachetools": ("app.web", "app.runs"),
}
LAYERS = {  # of each package its folders, the highest first
    "analysis": (
        "gate", "prescriptions", "mitigation", "glossary", "diagnostics", "engine", "formats", "width_scaling",
        "statistics", "findings", "tensors", "adapters", "linalg", "names", "runtime",
    ),
    "app": (
        "cli", "client", "migrations", "pages", "api", "gate", "uploads", "web", "queue", "prescriptions", "lists",
        "demo", "runs", "webhooks", "access", "storage", "work", "models",
    ),
    "workers": ("ingest",),
    "frontend": ("document", "tables", "figures"),
}  # fmt: skip
MOST_MODULES = {"app.api": 20}
MOST_PARTICIPLES = 3.0  # percent

# --- the rules ------------------------------------------------------------------------------------------------------


def is_inside(module: str, *places: str) -> bool:
    """Whether a module is at or below one of the places; "app/" holds the modules directly in app."""
    return any(
        module.rpartition(".")[0] == place[:-1]
        if place.endswith("/")
        else module == place or module.startswith(place + ".")
        for place in places
    )


def find_strays(imports: Imports, of: str, is_allowed: Callable[[str, str], bool]) -> Iterator[str]:
    for module, names in imports.items():
        if is_inside(module, of):
            yield from (f"{module} imports {name}" for name in sorted(names) if not is_allowed(module, name))


def is_standard(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


def analysis_is_alone(imports: Imports) -> Iterator[str]:
    yield from find_strays(
        imports,
        "analysis",
        lambda module, name: (
            is_standard(name)
            or is_inside(name, "analysis")
            or name.split(".")[0] in NUMERICAL
            or (is_inside(module, "analysis.gate") and is_inside(name, "pydantic", "pydantic_core"))
            or (is_inside(module, "analysis.prescriptions") and is_inside(name, "yaml"))
        ),
    )


RECORDS = ("analysis.diagnostic", "analysis.figure")


def frontend_imports_the_record_only(imports: Imports) -> Iterator[str]:
    ours = ("analysis", "app", "workers")
    yield from find_strays(imports, "frontend", lambda _, name: not is_inside(name, *ours) or name in RECORDS)


def app_imports_no_worker(imports: Imports) -> Iterator[str]:
    def is_allowed(module: str, name: str) -> bool:
        if is_inside(name, "workers"):
            return False
        starts = module == "app.cli.service" and name == "app.main"  # the command line starts the service
        writes = module == "app.cli.document" and is_inside(name, "frontend.document")  # and writes a report's file
        return is_inside(module, *ENTRIES) or not is_inside(name, "frontend", *ENTRIES) or starts or writes

    yield from find_strays(imports, "app", is_allowed)


def workers_import_no_entry_point(imports: Imports) -> Iterator[str]:
    yield from find_strays(imports, "workers", lambda _, name: not is_inside(name, "frontend", *ENTRIES))


def libraries_are_at_home(imports: Imports) -> Iterator[str]:
    for module, names in imports.items():
        for name in sorted(names):
            homes = HOMES.get(name.split(".")[0])
            if homes is not None and (not is_inside(module, *homes) or module in PLAIN):
                yield f"{module} imports {name}, whose home is {', '.join(homes)}"


def folders_import_downwards(imports: Imports) -> Iterator[str]:
    for package, layers in LAYERS.items():
        level = {f"{package}.{folder}": at for at, folder in enumerate(layers)}
        for part, targets in arrows_of(imports, package).items():
            if part not in level and any(module.startswith(part + ".") for module in imports):
                yield f"{part} has no layer"
            for target in sorted(targets):
                if part in level and level.get(target, len(level)) < level[part]:
                    yield f"{part} imports {target}, which is above it"


def parts_import_one_way(imports: Imports) -> Iterator[str]:
    for package in PACKAGES:
        yield from (" <-> ".join(sorted(circle)) for circle in circles_of(arrows_of(imports, package)))


def modules_import_one_way(imports: Imports) -> Iterator[str]:
    yield from (" <-> ".join(sorted(circle)) for circle in circles_of(imports))


RULES = (
    analysis_is_alone,
    frontend_imports_the_record_only,
    app_imports_no_worker,
    workers_import_no_entry_point,
    libraries_are_at_home,
    folders_import_downwards,
    parts_import_one_way,
    modules_import_one_way,
)


def full_folders(root: Path) -> list[str]:
    sizes = folder_sizes(find_modules(root))
    return [f"{folder}: {size} modules" for folder, size in sizes.items() if size > MOST_MODULES.get(folder, 15)]


def untested_modules(root: Path) -> list[str]:
    """Modules without a test of their name in the mirrored place. Bare __init__ files and migrations need none."""
    missing = []
    for module, path in find_modules(root).items():
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


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    return {module: path.read_text() for module, path in find_modules(ROOT).items()}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_imports_follow(rule: Callable[[Imports], Iterable[str]], sources: dict[str, str]) -> None:
    assert len(sources) > 20
    assert list(rule(imports_of(sources))) == []


def test_every_module_has_its_test() -> None:
    assert untested_modules(ROOT) == []


def test_no_folder_is_too_full() -> None:
    assert full_folders(ROOT) == []


def test_functions_are_named_by_verbs_or_nouns() -> None:
    paths = list(find_modules(ROOT).values())
    functions, _ = name_shares(paths)
    assert functions.total > 1000
    assert functions.percent <= MOST_PARTICIPLES, "\n".join(bare_functions(paths))


PLANTED = [
    (analysis_is_alone, {"analysis.x": "import fastapi"}),
    (analysis_is_alone, {"analysis.x": "import pydantic"}),
    (analysis_is_alone, {"analysis.x": "def f():\n    from app.db import session", "app.db": ""}),
    (frontend_imports_the_record_only, {"frontend.x": "from analysis.report import record", "analysis.report": ""}),
    (app_imports_no_worker, {"app.runs.runs": "import workers.tasks", "workers.tasks": ""}),
    (app_imports_no_worker, {"app.runs.runs": "from frontend.figures.draw import draw", "frontend.figures.draw": ""}),
    (app_imports_no_worker, {"app.runs.runs": "from app import main", "app.main": ""}),
    (app_imports_no_worker, {"app.cli.x": "from frontend.document import report", "frontend.document.report": ""}),
    (workers_import_no_entry_point, {"workers.tasks": "from app.api import runs", "app.api": "", "app.api.runs": ""}),
    (libraries_are_at_home, {"app.settings": "from sqlalchemy import text"}),
    (libraries_are_at_home, {"app.storage.blobs": "from sqlalchemy import text"}),
    (libraries_are_at_home, {"app.storage.blobs": "import pickle"}),
    (folders_import_downwards, {"analysis.linalg.x": "import analysis.engine.y", "analysis.engine.y": ""}),
    (folders_import_downwards, {"app.drawer.x": ""}),
    (parts_import_one_way, {"app.a.x": "import app.b", "app.b": "import app.a.y", "app.a.y": ""}),
    (modules_import_one_way, {"app.a": "import app.b", "app.b": "from app.c import x", "app.c": "import app.a"}),
]


@pytest.mark.parametrize(("rule", "planted"), PLANTED)
def test_a_planted_violation_is_caught(rule: Callable[[Imports], Iterable[str]], planted: dict[str, str]) -> None:
    assert list(rule(imports_of(planted)))


def write_files(root: Path, *places: str) -> None:
    for place in places:
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def test_a_missing_test_is_caught(tmp_path: Path) -> None:
    write_files(tmp_path, "analysis/tail.py", "app/__init__.py", "app/db.py", "tests/app/test_db.py")
    assert untested_modules(tmp_path) == ["analysis.tail: tests/analysis/test_tail.py"]


@pytest.mark.parametrize(("folder", "most"), [("app/queue", 15), ("app/api", 20)])
def test_a_full_folder_is_caught(tmp_path: Path, folder: str, most: int) -> None:
    write_files(tmp_path, f"{folder}/__init__.py", *(f"{folder}/module_{n}.py" for n in range(most)))
    assert full_folders(tmp_path) == []
    write_files(tmp_path, f"{folder}/one_more.py")
    assert full_folders(tmp_path) == [f"{folder.replace('/', '.')}: {most + 1} modules"]


def test_participles_are_caught() -> None:
    verbs = [f"find_{n}" for n in range(97)]
    assert share_of([*verbs, "found", "told", "given_back"]).percent <= MOST_PARTICIPLES
    assert share_of([*verbs, "found", "told", "given_back", "again"]).percent > MOST_PARTICIPLES
