"""The commands of the service under their names; what they do is tested in test_main."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from app.access import kept_token
from app.cli import service
from app.settings import Settings


def test_the_groups_of_access_share_the_settings() -> None:
    assert sorted(service.token_group.commands) == ["create", "list", "revoke"]
    assert sorted(service.project_group.commands) == ["create", "list"]


def test_settings_take_what_the_command_line_says() -> None:
    assert service.settings(port=8123, host=None).port == 8123


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What `serve` is asked to serve."""
    found: list[Settings] = []
    monkeypatch.setattr("app.main.serve", found.append)
    return found


def test_a_new_token_is_kept_and_used_until_the_next(tmp_path: Path, served: list[Settings]) -> None:
    run = CliRunner().invoke
    for options in (["--new-token"], [], ["--new-token"], ["--host", "0.0.0.0"]):
        assert run(service.serve_command, ["--data-dir", str(tmp_path / "data"), *options]).exit_code == 0
    first, same, second, open_to_all = (found.token and found.token.get_secret_value() for found in served)
    assert first
    assert first == same
    assert second == open_to_all == kept_token.read(tmp_path / "data") != first


def test_without_one_nothing_is_asked_for(tmp_path: Path, served: list[Settings]) -> None:
    assert CliRunner().invoke(service.serve_command, ["--data-dir", str(tmp_path)]).exit_code == 0
    assert served[0].token is None


def test_the_token_of_the_environment_goes_before(
    tmp_path: Path, served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_token.make(tmp_path)
    monkeypatch.setenv("EIGENSCOPE_TOKEN", "of-the-environment")
    assert CliRunner().invoke(service.serve_command, ["--data-dir", str(tmp_path)]).exit_code == 0
    assert served[0].token is not None
    assert served[0].token.get_secret_value() == "of-the-environment"
    refused = CliRunner().invoke(service.serve_command, ["--data-dir", str(tmp_path), "--new-token"])
    assert refused.exit_code == 2
    assert "EIGENSCOPE_TOKEN is set" in refused.output
