"""The commands of the four task pages run as they stand, on small files of the names that they use."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import main
from tests import families
from tests.analysis.mitigation import planted
from tests.analysis.prescriptions.golden import FOLDER

ROOT = Path(__file__).parents[3]
TASKS = ("well-trained", "broken-lora", "transfer", "what-to-prune")
PARTS = [
    "Do this", "Look at this first", "How to read it", "What is known", "What to do next", "When not to trust it",
]  # fmt: skip


def text(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def commands(page: str) -> list[list[str]]:
    """The words of each line of a page's shell blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, a base with an adapter of one intruder, and three widths, by the names that the pages use."""
    shutil.copy(FOLDER / "model.safetensors", tmp_path)
    planted.base(tmp_path / "base")
    planted.adapted(tmp_path / "lora", planted.adapter(("layers.0.q",)))
    for name, path in zip(("small", "medium", "large"), families.write(tmp_path, "λ ∝ √d"), strict=False):
        shutil.copy(path, tmp_path / f"{name}.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", TASKS)
def test_its_commands_run(folder: Path, name: str) -> None:
    found = commands(text(name))
    assert found
    for program, *arguments in found:
        assert program == "eigenscope"
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert result.output
        if "--out" in arguments:
            assert list((folder / arguments[arguments.index("--out") + 1]).iterdir())


@pytest.mark.parametrize("name", TASKS)
def test_it_has_the_same_parts_as_the_others(name: str) -> None:
    assert re.findall(r"^## (.*)$", text(name), re.MULTILINE) == PARTS
