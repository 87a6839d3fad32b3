"""`eigenscope policy`: a policy is written once, and checked before it judges."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from analysis.gate.reading import policy_of
from app.cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def policy(*words: str) -> Result:
    return CliRunner().invoke(main, ["policy", *words])


def test_init_writes_a_policy_once(folder: Path) -> None:
    assert policy("init").exit_code == 0
    assert len(policy_of(yaml.safe_load(Path("eigenscope.yml").read_text())).rules) == 7
    assert policy("init").exit_code == 2
    assert policy("init", "--force").exit_code == 0
    assert policy("init", "other.yml").exit_code == 0
    nowhere = policy("init", "nowhere/x.yml")
    assert (nowhere.exit_code, "nowhere/x.yml cannot be written" in nowhere.stderr) == (2, True)


def test_check_says_what_it_asks_for_or_what_is_wrong(folder: Path) -> None:
    policy("init")
    found = policy("check", "eigenscope.yml")
    said = "eigenscope.yml: 7 rules over entries, esd, norms; some ask for a baseline\n"
    assert (found.exit_code, found.stdout) == (0, said)
    Path("wrong.yml").write_text("rules: [{column: esd.alfa, min: 2}]")
    wrong = policy("check", "wrong.yml")
    assert wrong.exit_code == 2
    assert "bad-policy wrong.yml: rule 1, column: 'esd.alfa' is not valid" in wrong.stderr
    assert policy("check", "nothing.yml").exit_code == 2


def test_check_tells_what_cannot_fail(folder: Path) -> None:
    Path("weak.yml").write_text("rules: [{summary: esd.share_usual, min: 0, severity: warn}]")
    found = policy("check", "weak.yml")
    assert found.exit_code == 0
    assert found.stderr.splitlines() == [
        "weak.yml: note: 1: esd.share_usual: No value can break this rule: it is always from 0 to 1.",
        "weak.yml: note: Every rule of the policy only warns, so that nothing but the coverage can close the gate.",
    ]
