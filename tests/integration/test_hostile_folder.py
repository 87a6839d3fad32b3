"""`eigenscope serve` and `eigenscope worker`, started as people do, in a folder full of files named like modules."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, Deployment, a_database, redis
from tests.service import model

FILES = ("analysis", "torch", "json", "celery", "billiard", "numpy", "logging", "sitecustomize", "usercustomize")
FOLDERS = ("app", "workers", "frontend", "kombu", "sqlalchemy")


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """Whichever of its modules is imported leaves its name in `sprung`."""
    folder = tmp_path / "traps"
    for name in (*FILES, *(f"{package}/__init__" for package in FOLDERS)):
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"open({str(tmp_path / 'sprung')!r}, 'a').write({name!r} + chr(10))\n")
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of this source installed into it."""
    folder = tmp_path_factory.mktemp("wheel")
    source, pip = folder / "source", [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source.mkdir()
    for name in ("analysis", "app", "workers", "frontend"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source], check=True, cwd=folder
    )
    (built,) = folder.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", folder / "site", built], check=True, cwd=folder
    )
    return folder / "site"


@pytest.fixture(params=["this source", "the wheel"])
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The command, and what its environment needs beside."""
    if request.param == "this source":
        code = "from app.cli.main import main; main(prog_name='eigenscope')"
        yield [sys.executable, "-P", "-c", code], {"PYTHONPATH": str(ROOT)}
    else:
        site: Path = request.getfixturevalue("wheel")
        path = {"PYTHONPATH": str(site)}
        ask = [sys.executable, "-P", "-c", "import app, workers; print(app.__file__, workers.__file__)"]
        found = subprocess.run(
            ask, env={**os.environ, **path}, cwd=tmp_path, check=True, capture_output=True, text=True
        )
        assert found.stdout.count(str(site)) == 2  # and not the source
        yield [str(site / "bin" / "eigenscope")], path


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_no_module_comes_from_the_folder_that_it_is_started_in(
    kind: str,
    installed: tuple[list[str], dict[str, str]],
    traps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file is read, in its own process, and analysed; embedded by the worker of `serve`, else by one beside it."""
    command, environment = installed
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        places = {}
        if kind == "redis":
            places = {"DATABASE_URL": stack.enter_context(a_database()), "BROKER_URL": stack.enter_context(redis())}
        deployment = Deployment(
            tmp_path / "data", places, kind == "embedded", stack, [*command, "serve"], [*command, "worker"], traps
        )
        run = deployment.run(deployment.upload(model()))
        assert deployment.finished(run, 120)["state"] == "done"
    assert not (tmp_path / "sprung").exists(), (tmp_path / "sprung").read_text()
