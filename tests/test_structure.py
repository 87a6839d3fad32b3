from pathlib import Path

from tests.structure import (
    arrows_of,
    circles_of,
    count_floors,
    find_modules,
    folder_sizes,
    imports_of,
    report_lines,
)

SOURCES = {
    "app": "",
    "app.main": "from app.web import guard\nimport json",
    "app.web": "",
    "app.web.guard": "from app.web.cache import Cache\nfrom app.db import Session",
    "app.web.cache": "import app.db",
    "app.db": "",
}


def write_sources(root: Path) -> None:
    for module, text in SOURCES.items():
        path = root / module.replace(".", "/")
        path = path / "__init__.py" if module in ("app", "app.web") else path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_imports() -> None:
    imports = imports_of(SOURCES)
    assert imports["app.main"] == {"app.web.guard", "json"}
    assert imports["app.web.guard"] == {"app.web.cache", "app.db"}


def test_modules_and_folders(tmp_path: Path) -> None:
    write_sources(tmp_path)
    modules = find_modules(tmp_path)
    assert set(modules) == set(SOURCES)
    assert folder_sizes(modules) == {"app": 2, "app.web": 2}


def test_arrows_are_counted_once_between_parts() -> None:
    arrows = arrows_of(imports_of(SOURCES), "app")
    assert arrows == {"app.main": {"app.web"}, "app.web": {"app.db"}, "app.db": frozenset()}
    assert count_floors(arrows) == 3
    assert circles_of(arrows) == []


def test_a_circle_is_one_floor() -> None:
    arrows = {name: frozenset(targets) for name, targets in {"a": "b", "b": "c", "c": "bd", "d": "", "e": ""}.items()}
    assert circles_of(arrows) == [{"b", "c"}]
    assert count_floors(arrows) == 3


def test_the_report(tmp_path: Path) -> None:
    write_sources(tmp_path)
    for package in ("analysis", "workers", "frontend"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "one.py").write_text("def found(seen, rows): ...\ndef find(): ...")
    lines = list(report_lines(tmp_path))
    assert "| app | 4 | app: 2 | 3 | 2 | 3 |" in lines
    assert lines[-2:] == [
        "functions named by a participle or an adverb: 3 of 6 (50.0 %)",
        "variables named by a participle or an adverb: 3 of 6 (50.0 %)",
    ]
