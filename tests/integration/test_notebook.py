"""The notebook of the documentation, run from its first cell to its last against a running service."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from tests.integration.conftest import ROOT, Deployment
from tests.service import tensors

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
ALLOWED = {"httpx", "pandas"}
TELL = """
import json
found = {"base": base, "tuned": tuned, "rows": len(layers), "known": again.status_code, "size": len(again.content)}
print(json.dumps({**found, "columns": list(moved.columns), "norms": update["relative_norm"].notna().sum().item()}))
"""


def cells() -> list[str]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def test_it_needs_httpx_and_pandas_alone() -> None:
    imported = set()
    for node in ast.walk(ast.parse("\n".join(cells()))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert imported - set(sys.stdlib_module_names) == ALLOWED


def test_every_cell_runs_in_its_order(deploy: Callable[[str], Deployment], tmp_path: Path) -> None:
    service = deploy("embedded")
    base = tensors(layers=2, width=32)
    save_file(base, tmp_path / "base.safetensors")
    save_file({name: each + 0.01 * each.abs().mean() for name, each in base.items()}, tmp_path / "tuned.safetensors")
    places = {
        "URL": str(service.client.base_url),
        "BASE": tmp_path / "base.safetensors",
        "TUNED": tmp_path / "tuned.safetensors",
    }
    environment = {**os.environ, **{f"EIGENSCOPE_{name}": str(value) for name, value in places.items()}}
    script = "\n\n".join([*cells(), TELL])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"], input=script, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "base": 1, "tuned": 2, "rows": 5, "known": 304, "size": 0, "columns": ["base", "tuned"], "norms": 5,
    }  # fmt: skip
