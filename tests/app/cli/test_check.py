"""`eigenscope check` and `eigenscope policy`, by their exit codes and by what they say."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from app.cli.main import main
from app.client.remote import ATTEMPTS
from tests import comparisons as made
from tests.receiver import Receiver, receiving
from tests.service import model, tensors

GOOD = "rules: [{name: rank, column: norms.rank_loss, max: 0}]"
BAD = "rules: [{name: rank, column: norms.rank_loss, min: 1}]"
UNKNOWN = "rules: [{column: norms.rank_loss, max: 0, layers: {name: nothing}}]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(model())
    return tmp_path


def check(policy: str, *more: str, file: str = "model.safetensors") -> Result:
    Path("eigenscope.yml").write_text(policy)
    return CliRunner().invoke(main, ["check", file, "--policy", "eigenscope.yml", *more])


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (GOOD, 0),
        (BAD, 1),
        (BAD.replace("min: 1", "min: 1, severity: warn"), 0),
        (UNKNOWN, 1),  # not enough evidence, which closes the gate
        (f"insufficient: pass\n{UNKNOWN}", 0),
        ("rules: []", 2),
        ("rules: [", 2),
    ],
)
def test_exit_codes(folder: Path, policy: str, code: int) -> None:
    assert check(policy).exit_code == code


def test_what_it_says(folder: Path) -> None:
    said = check(BAD).stdout
    assert "norms.rank_loss is at least 1 in 0 of 5 layers." in said
    assert "model.embed_tokens.weight: 0" in said
    assert said.rstrip().endswith("The gate is closed: 2 of 3 rules hold, 1 failed.")


def test_what_it_writes(folder: Path) -> None:
    found = check(BAD, "--json", "--junit", "junit.xml", "--markdown", "verdict.md")
    assert json.loads(found.stdout)["passed"] is False
    assert 'failures="1"' in Path("junit.xml").read_text()
    assert Path("verdict.md").read_text().startswith("### ❌")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--policy", "nothing.yml"], "nothing.yml cannot be read"),
        (["--baseline", "nothing.json"], "the file does not exist, and a run needs --server"),
        (["--baseline", "7"], "a run needs --server"),
        (["--baseline", "model.safetensors"], "not valid JSON"),
        (["--baseline", "other.json"], "the baseline is not a report"),
        (["--timeout", "0"], "Invalid value"),
        (["--colour", "red"], "No such option"),
    ],
)
def test_wrong_usage(folder: Path, more: list[str], said: str) -> None:
    Path("other.json").write_text("[]")
    found = check(GOOD, *more)
    assert found.exit_code == 2
    assert said in " ".join(found.stderr.split())


@pytest.mark.parametrize("option", ["--junit", "--markdown"])
def test_a_place_that_cannot_be_written_to_is_told_before_the_analysis(
    folder: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("app.cli.check.check_locally", None)
    found = check(GOOD, option, "nowhere/file")
    assert (found.exit_code, "nowhere/file cannot be written: No such file" in found.stderr) == (2, True)
    Path("file").touch()
    assert "cannot be written" in check(GOOD, option, "file/inside").stderr


def test_a_place_that_can_no_longer_be_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.check.writable", lambda path: None)
    found = check(GOOD, "--junit", "nowhere/junit.xml")
    assert (found.exit_code, "nowhere/junit.xml cannot be written" in found.stderr) == (2, True)


def test_what_was_written_before_stays_where_there_is_no_verdict(folder: Path) -> None:
    Path("junit.xml").write_text("before")
    assert check("rules: []", "--junit", "junit.xml", "--markdown", "verdict.md").exit_code == 2
    assert (Path("junit.xml").read_text(), Path("verdict.md").exists()) == ("before", False)


def test_files_that_cannot_be_analysed(folder: Path) -> None:
    Path("empty.safetensors").write_bytes(b"")
    found = check(GOOD, file="empty.safetensors")
    assert (found.exit_code, "empty-file" in found.stderr) == (3, True)
    assert check(GOOD, file="nothing.safetensors").exit_code == 2  # no such file: a usage error


def test_the_time_is_up(folder: Path) -> None:
    found = check(GOOD, "--timeout", "0.000001")
    assert (found.exit_code, "time-out" in found.stderr) == (4, True)


def test_against_a_report(folder: Path) -> None:
    rule = {"column": "norms.stable_rank", "aggregate": "mean", "max_regression": "1%", "better": "higher"}
    policy = yaml.safe_dump({"rules": [rule]})
    report = CliRunner().invoke(main, ["analyze", "model.safetensors", "--diagnostic", "norms", "--json"]).stdout
    Path("main.json").write_text(report)
    assert check(policy, "--baseline", "main.json").exit_code == 0
    weights = tensors()
    for weight in weights.values():
        weight[..., 0] *= 10.0
    save_file(weights, "model.safetensors")
    worse = check(policy, "--baseline", "main.json")
    assert worse.exit_code == 1
    assert "worse by" in worse.stdout
    assert check(policy).exit_code == 1  # without the baseline there is not enough evidence


def test_a_fine_tune_with_its_base(folder: Path) -> None:
    save_file(made.base(), "base.safetensors")
    save_file(made.full(), "full.safetensors")
    policy = "rules: [{column: update.relative_norm, above: 0}, {column: norms.sv_max, above: 0}]"
    found = check(policy, "--base", "base.safetensors", "--json", file="full.safetensors")
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["verdict"] == "pass"
    alone = check(policy, file="full.safetensors")
    assert "update was not measured" in " ".join(alone.stdout.split())


# --- a server that gives way ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client.remote.PAUSE", 0.01)


def by(server: str, *more: str) -> Result:
    return check(GOOD, "--server", server, *more)


def test_a_server_that_is_not_there(folder: Path) -> None:
    found = by("http://127.0.0.1:1")
    assert (found.exit_code, "server-unreachable" in found.stderr) == (3, True)
    assert by("http://").exit_code == 3
    assert by("not a url").exit_code == 3


def test_a_server_that_answers_500(folder: Path) -> None:
    with receiving(Receiver(500, body=b'{"code": "internal-error", "detail": "oh"}')) as there:
        found = by(there.url)
    assert (found.exit_code, "internal-error" in found.stderr) == (3, True)
    assert [heard.method for heard in there.heard] == ["HEAD", *["PUT"] * ATTEMPTS]  # it was tried again


def test_a_run_that_failed_there_is_a_failure_and_no_verdict(folder: Path) -> None:
    ended = "the run failed: the file is empty"
    told = {"id": 1, "state": "done", "verdict": "insufficient", "passed": False, "headline": "Closed.", "rules": []}
    body = json.dumps({**told, "ended": ended, "policy": {"insufficient": "pass"}}).encode()
    with receiving(Receiver(200, body=body)) as there:
        found = by(there.url, "--junit", "junit.xml")
    assert (found.exit_code, f"run-ended {ended}" in " ".join(found.stderr.split())) == (3, True)
    assert 'errors="1"' in Path("junit.xml").read_text()


def test_a_server_that_is_another(folder: Path) -> None:
    for body in (b"<html>", b"[]", b'{"id": "x"}'):
        with receiving(Receiver(200, body=body)) as there:
            assert by(there.url).exit_code == 3


def test_a_server_that_hangs(folder: Path) -> None:
    import time

    with receiving(Receiver(lambda handler: time.sleep(3))) as there:
        found = by(there.url, "--timeout", "0.5")
    assert (found.exit_code, "time-out" in found.stderr) == (4, True)


def test_a_server_that_drops_in_the_middle(folder: Path) -> None:
    def drop(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

    with receiving(Receiver(drop)) as there:
        found = by(there.url)
    assert (found.exit_code, "server-unreachable" in found.stderr) == (3, True)


@pytest.mark.parametrize(("status", "code"), [(400, 2), (401, 3), (404, 3), (409, 3), (413, 3), (422, 2), (507, 3)])
def test_a_server_that_refuses(folder: Path, status: int, code: int) -> None:
    with receiving(Receiver(status, body=b'{"code": "a-code", "detail": "because"}')) as there:
        found = by(there.url)
    assert (found.exit_code, "a-code" in found.stderr, "because" in found.stderr) == (code, True, True)


def test_the_token_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "esc_1_secret")
    with receiving(Receiver(401)) as there:
        by(there.url, "--token-from-env", "MINE")
    assert there.heard[0].headers["Authorization"] == "Bearer esc_1_secret"
