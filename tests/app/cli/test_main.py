"""The command line: what is wrong on this machine, and how the service and its worker start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from app.cli.main import COMMANDS, Entry, LazyGroup, main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_doctor_says_what_is_wrong_and_how_to_mend_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("EIGENSCOPE_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
    result = run("doctor")
    assert result.exit_code == 1
    assert "✗ database" in result.stdout
    assert "→ check EIGENSCOPE_DATABASE_URL" in result.stdout


def test_doctor_speaks_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", str(tmp_path))
    subjects = [check["subject"] for check in json.loads(run("doctor", "--json").stdout)]
    assert subjects[:5] == ["versions", "device", "disk", "database", "broker"]


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIGENSCOPE_PORT", "eighty")
    for command in ("serve", "doctor"):
        result = run(command)
        assert result.exit_code == 2
        assert "EIGENSCOPE_PORT" in result.stderr
        assert "Traceback" not in result.stderr


def test_an_open_address_needs_a_token() -> None:
    result = run("serve", "--host", "0.0.0.0")
    assert result.exit_code == 2
    assert "EIGENSCOPE_TOKEN" in result.stderr


def test_worker_becomes_the_celery_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    began: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda _, command, environment: began.append((command, environment)))
    assert run("worker").exit_code == 0
    command, environment = began[0]
    assert "--app=workers.tasks" in command
    assert Path.cwd() == tmp_path / "data"  # not where modules of anyone may lie
    assert environment["PYTHONSAFEPATH"] == "1"


HEAVY = ("torch", "scipy", "numpy", "plotly", "weightwatcher", "pandas")


def imported(*arguments: str) -> set[str]:
    """Modules that a command of its own process imports."""
    code = "import sys; from app.cli.main import main; main(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(ended.stdout.splitlines()[-1].split())


def test_the_help_imports_no_library_but_click() -> None:
    names = imported("--help")
    assert not names & {*HEAVY, "sqlalchemy", "fastapi", "celery", "pydantic"}
    assert "click" in names


@pytest.mark.parametrize(("words", "found"), [("eigenscope upl", "upload"), ("eigenscope analyze --dev", "--device")])
def test_a_shell_completes_commands_and_options(words: str, found: str) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_EIGENSCOPE_COMPLETE": "bash_complete"}
    code = "from app.cli.main import main; main(prog_name='eigenscope')"
    told = subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True)
    assert told.stdout.splitlines() == [f"plain,{found}"]


def test_the_version_imports_no_heavy_library() -> None:
    assert not imported("--version") & set(HEAVY)


def test_the_doctor_imports_no_heavy_library() -> None:
    code = "import sys, app.cli.doctor; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.partition(".")[0] for name in ended.stdout.split()} & set(HEAVY)


@pytest.mark.parametrize("command", [("analyze", "--help"), ("compare", "--help"), ("doctor",)])
def test_light_commands_import_neither_torch_nor_scipy(command: tuple[str, ...], tmp_path: Path) -> None:
    code = """
import sys
from app.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules)
"""
    around = {
        **os.environ,
        "EIGENSCOPE_DATA_DIR": str(tmp_path),
        "EIGENSCOPE_DATABASE_URL": "",
        "EIGENSCOPE_BROKER_URL": "",
    }
    around = {name: value for name, value in around.items() if value}
    ended = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, env=around)
    names = {name.partition(".")[0] for name in ended.stdout.splitlines()[-1].split()}
    assert "click" in names
    assert not names & {"torch", "scipy"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_report_on_safetensors_needs_no_torch(dtype: torch.dtype, tmp_path: Path) -> None:
    """Matrices of full rank and without, a convolution, a fused projection and vectors; all default diagnostics."""
    noise = torch.Generator().manual_seed(0)
    state = {
        "layers.0.mlp.up_proj.weight": torch.randn(60, 40, generator=noise),
        "layers.0.mlp.down_proj.weight": torch.randn(40, 3, generator=noise) @ torch.randn(3, 60, generator=noise),
        "layers.0.attn.c_attn.weight": torch.randn(96, 32, generator=noise),
        "conv.weight": torch.randn(24, 20, 3, 3, generator=noise),
        "layers.0.norm.weight": torch.ones(40),
    }
    save_file({name: tensor.to(dtype).contiguous() for name, tensor in state.items()}, tmp_path / "model.safetensors")
    names = imported("analyze", str(tmp_path / "model.safetensors"))
    assert "numpy" in names
    assert "torch" not in names
    assert not names & {
        "scipy.linalg",
        "scipy.special",
        "cffi",
        "regex",
    }  # 0.5 s of CPU


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_help_exists(name: str) -> None:
    command = COMMANDS[name].load()
    assert command.name == name
    assert command.help


def test_an_entry_loads_its_command() -> None:
    assert COMMANDS["analyze"].load().name == "analyze"


def test_an_entry_that_is_no_command_is_refused() -> None:
    with pytest.raises(TypeError, match="Entry is not a click command"):
        Entry("app.cli.main:Entry", "").load()


def test_the_help_shows_its_examples_a_line_each() -> None:
    shown = [line.strip() for line in CliRunner().invoke(main, ["--help"]).stdout.splitlines()]
    assert "eigenscope analyze model.safetensors" in shown
    assert "eigenscope compare base.safetensors adapter/ tuned.safetensors" in shown


def test_the_help_shows_the_entries_and_imports_none() -> None:
    group = LazyGroup(
        name="tool", entries={"second": Entry("no.such.module:x", "Does b."), "first": Entry("y:z", "A.")}
    )
    shown = CliRunner().invoke(group, ["--help"]).stdout
    assert shown.index("second  Does b.") < shown.index("first   A.")


def test_a_mistyped_command_is_answered_with_a_near_one() -> None:
    group = LazyGroup(name="tool", entries={"analyze": Entry("no.such.module:x", "")})
    result = CliRunner().invoke(group, ["analyse"])
    assert result.exit_code == 2
    assert "Did you mean 'analyze'?" in result.stderr


def test_a_group_is_a_click_group() -> None:
    assert isinstance(LazyGroup(name="tool", entries={}), click.Group)
