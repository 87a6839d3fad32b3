"""Logs: a line is a line, whatever is in it."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from app import logs

HOSTILE = 'a\nlevel=INFO x\r\x1b[2J"\u2028\ud800'


@pytest.fixture
def lines() -> Iterator[Callable[[str], io.StringIO]]:
    """Sets the format, and gives what is written from then on; afterwards everything is as before."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def begin(kind: str) -> io.StringIO:
        stream = io.StringIO()
        logs.setup(kind, stream)
        return stream

    yield begin
    root.handlers[:] = before
    root.setLevel(level)


def test_json_lines_hold_what_belongs_to_them(lines: Callable[[str], io.StringIO]) -> None:
    out = lines("json")
    with logs.log_context(request="r1"), logs.log_context(run="7"):
        logging.getLogger("app.test").info("hello %s", "you", extra=logs.extra(status=200, absent=None))
    found = json.loads(out.getvalue())
    assert {name: found[name] for name in ("level", "logger", "message", "request", "run", "status")} == {
        "level": "info", "logger": "app.test", "message": "hello you", "request": "r1", "run": "7", "status": 200,
    }  # fmt: skip
    assert "absent" not in found
    assert found["time"].endswith("Z")


def test_text_is_key_and_value(lines: Callable[[str], io.StringIO]) -> None:
    out = lines("text")
    with logs.log_context(request="r1"):
        logging.getLogger("app.test").warning("hello", extra=logs.extra(caller="this machine", status=404))
    line = out.getvalue().rstrip("\n")
    assert line.endswith('WARNING app.test: hello request=r1 caller="this machine" status=404')


@pytest.mark.parametrize("kind", ["text", "json"])
def test_nothing_hostile_begins_a_line(kind: str, lines: Callable[[str], io.StringIO]) -> None:
    out = lines(kind)
    with logs.log_context(name=HOSTILE):
        logging.getLogger("app.test").info("about %s", HOSTILE, extra=logs.extra(other=HOSTILE))
    written = out.getvalue()
    assert len(written.splitlines()) == 1  # splitlines() knows of every way to end one
    assert "\x1b" not in written
    written.encode()


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_traceback_stays_with_its_line(kind: str, lines: Callable[[str], io.StringIO]) -> None:
    out = lines(kind)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("app.test").exception("failed")
    first, *rest = out.getvalue().splitlines()
    assert "failed" in first
    assert all(line.startswith("    ") for line in rest)
    assert "ValueError" in out.getvalue()
    assert kind == "text" or rest == []


def test_what_lines_tell_ends_with_its_place() -> None:
    with logs.log_context(request="r1"):
        assert logs.current("request") == "r1"
    assert logs.current("request") is None


def test_it_goes_to_standard_error_unless_told_otherwise(lines: Callable[[str], io.StringIO]) -> None:
    lines("text")
    logs.setup("json")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
    assert logging.getLogger("alembic").level == logging.WARNING
