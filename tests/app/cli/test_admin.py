"""`eigenscope token` and `eigenscope project`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from tests.service import Service, settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIGENSCOPE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_a_token_made_here_opens_the_service_and_a_revoked_one_does_not(folder: Path) -> None:
    assert run("project", "create", "vision").exit_code == 0
    shown = run("token", "create", "CI of main", "--project", "vision").output.strip()
    service = Service(settings(folder, token="a-token-of-some-length"))
    caller = service.caller(shown)
    assert caller.get("/api/v1/me").json()["project"]["name"] == "vision"
    answer = run("token", "revoke", "_".join(shown.split("_")[:2]))
    assert answer.output == f"CI of main ({'_'.join(shown.split('_')[:2])}) is revoked.\n"
    assert caller.get("/api/v1/me").status_code == 401
    service.close()


def test_listing_shows_no_secret(folder: Path) -> None:
    shown = run("token", "create", "CI", "--scope", "admin", "--all-projects", "--days", "0").output.strip()
    (told,) = json.loads(run("token", "list", "--json").output)
    assert (told["name"], told["scope"], told["project"], told["expires_at"]) == ("CI", "admin", None, None)
    plain = run("token", "list").output
    assert "all projects" in plain
    assert "until it is revoked" in plain
    assert shown.split("_")[2] not in plain + json.dumps(told)
    run("token", "revoke", shown)
    assert "revoked 20" in run("token", "list").output


def test_projects_are_listed_by_name(folder: Path) -> None:
    run("project", "create", "audio")
    assert run("project", "list").output.split() == ["audio", "default"]


@pytest.mark.parametrize(
    "words",
    [("token", "create", "CI", "--project", "nowhere"), ("token", "revoke", "esc_x"), ("project", "create", "a b"),
     ("token", "create", "CI", "--days", "-1"), ("token", "create", "CI", "--all-projects")],
)  # fmt: skip
def test_what_makes_no_sense_is_a_usage_error(folder: Path, words: tuple[str, ...]) -> None:
    answer = run(*words)
    assert answer.exit_code == 2
    assert "Traceback" not in answer.output
