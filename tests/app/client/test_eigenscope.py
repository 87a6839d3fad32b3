"""`import eigenscope`: what it offers, how light it is, and that it and its types are in the package."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import eigenscope
from setuptools.config.pyprojecttoml import read_configuration

ROOT = Path(__file__).parents[3]
PUBLIC = ROOT / "app" / "client" / "public"


def test_it_offers_what_it_names() -> None:
    assert [name for name in eigenscope.__all__ if not hasattr(eigenscope, name)] == []
    assert issubclass(eigenscope.Late, eigenscope.RemoteError)


def test_it_imports_no_heavy_library() -> None:
    code = "import sys, eigenscope; print(*sys.modules)"
    around = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(PUBLIC)))}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=around)
    names = {name.partition(".")[0] for name in ended.stdout.split()}
    assert "httpx" in names
    assert not names & {"torch", "scipy", "numpy", "pandas", "fastapi", "sqlalchemy", "celery"}


def test_the_package_holds_it_once_and_with_its_types() -> None:
    told: dict[str, Any] = read_configuration(ROOT / "pyproject.toml")["tool"]["setuptools"]
    assert told["package-dir"]["eigenscope"] == "app/client/public/eigenscope"
    assert "app.client" in told["packages"]
    assert not [name for name in told["packages"] if name.startswith("app.client.public")]
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for package, folder in (
        ("eigenscope", PUBLIC / "eigenscope"),
        ("app", ROOT / "app"),
        ("analysis", ROOT / "analysis"),
    ):
        assert "py.typed" in data[package]
        assert (folder / "py.typed").is_file()
