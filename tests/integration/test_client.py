"""The examples of docs/client.md, run in their order against a running service."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from markdown_it import MarkdownIt
from safetensors.torch import save_file

from tests.integration.conftest import ROOT, Deployment
from tests.service import tensors

ADDRESS = "http://127.0.0.1:8000"


def examples() -> str:
    tokens = MarkdownIt().parse((ROOT / "docs" / "client.md").read_text(encoding="utf-8"))
    return "\n".join(token.content for token in tokens if token.type == "fence" and token.info == "python")


def test_the_examples_run(deploy: Callable[[str], Deployment], tmp_path: Path) -> None:
    service = deploy("embedded")
    base = tensors(layers=2, width=32)
    save_file(base, tmp_path / "base.safetensors")
    (tmp_path / "tuned").mkdir()
    moved = {name: each + 0.01 * each.abs().mean() for name, each in base.items()}
    save_file(moved, tmp_path / "tuned" / "model.safetensors")
    paths = (str(ROOT), str(ROOT / "app" / "client" / "public"))
    code = examples()
    assert code.count(ADDRESS) == 1
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"], input=code.replace(ADDRESS, str(service.client.base_url).rstrip("/")),
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{str(service.client.base_url).rstrip('/')}/runs/1 ")
    assert any(line.startswith("[") and line.count(",") == 4 for line in lines)  # a change of each of five layers
    assert lines[-1].split()[0] in ("True", "False")
    assert service.get("runs/2")["state"] == "done"
    assert service.get("checkpoints/2")["name"] == "model@main"
