"""What every command prints: JSON, CSV and errors."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from app.cli.main import main
from app.cli.output import end
from app.runs.tables import to_csv


def test_csv_is_what_the_api_sends(small: Path) -> None:
    report = analyze(open_checkpoint([small]), requests())
    printed = CliRunner().invoke(main, ["analyze", str(small), "--csv"]).stdout_bytes.decode()
    assert printed == "".join(to_csv(report.tables[0]))


def test_an_error_has_its_code_and_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        end("bad-file", "[red]x is empty", 3)
    assert ended.value.code == 3
    assert "bad-file [red]x is empty" in " ".join(capsys.readouterr().err.split())
