"""Commands that are imported when they are used."""

import click
import pytest
from click.testing import CliRunner

from app.cli.lazy import Entry, LazyGroup
from app.cli.main import COMMANDS


def test_an_entry_loads_its_command() -> None:
    assert COMMANDS["analyze"].load().name == "analyze"


def test_an_entry_that_is_no_command_is_refused() -> None:
    with pytest.raises(TypeError, match="Entry is no command"):
        Entry("app.cli.lazy:Entry", "").load()


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
