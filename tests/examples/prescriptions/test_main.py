import json
import sys
from pathlib import Path

import pytest

from examples.prescriptions import __main__ as main
from examples.prescriptions.data import Texts
from examples.prescriptions.trials import Outcome

FOUND = [Outcome("LLaMA", "s", "u", {"AlphaPruning": (1.0, 2.0), "uniform": (2.0, 3.0)}, 0)]


def test_the_command_writes_numbers_and_a_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, texts: Texts, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "texts", lambda out: texts)
    monkeypatch.setattr(main, "run", lambda *_: (FOUND, 3.2))
    monkeypatch.setattr(sys, "argv", ["prescriptions", "sparsity", "--out", str(tmp_path), "--seeds", "0", "1"])
    main.main()
    told = json.loads((tmp_path / "sparsity.json").read_text())
    assert told["seeds"] == [0, 1]
    assert told["processor_seconds"] == 3
    assert "better, −1.000" in told["sentence"]
    assert (tmp_path / "sparsity.md").read_text() in capsys.readouterr().out


def test_an_unknown_kind_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["prescriptions", "prune"])
    with pytest.raises(SystemExit):
        main.main()
    assert "there is no experiment prune; there are: sparsity, lora-rank" in capsys.readouterr().err
