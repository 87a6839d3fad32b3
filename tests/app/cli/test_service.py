"""The commands of the service under their names; what they do is tested in test_main."""

from app.cli import service


def test_the_groups_of_access_share_the_settings() -> None:
    assert sorted(service.token_group.commands) == ["create", "list", "revoke"]
    assert sorted(service.project_group.commands) == ["create", "list"]


def test_settings_take_what_the_command_line_says() -> None:
    assert service.settings(port=8123, host=None).port == 8123
