"""Logs: one event a line, as JSON or for people, each with the request or the piece of work that it belongs to.

Names out of files are hostile: whatever could begin a line of its own, or move a terminal's cursor, is escaped.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

from app.escaping import for_log

PLAIN = re.compile(r"[A-Za-z0-9_./:{}+@%-]+")  # a value that stands without quotes
QUIET = ("alembic", "celery", "kombu", "amqp", "httpx")  # they tell of warnings only
HEAD = ("time", "level", "logger", "message")
FIELDS = "fields"  # of a record: what it says beside its message
NOTHING: Mapping[str, object] = MappingProxyType({})

_about: ContextVar[Mapping[str, object]] = ContextVar("about", default=NOTHING)


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Every line within tells these as well: the id of a request, of a run, of a unit."""
    token = _about.set({**_about.get(), **fields})
    try:
        yield
    finally:
        _about.reset(token)


def current(name: str) -> str | None:
    """What the lines of this place tell under a name."""
    value = _about.get().get(name)
    return None if value is None else str(value)


def extra(**fields: object) -> dict[str, Any]:
    """The `extra` of a log call: fields of this line alone."""
    return {FIELDS: fields}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """A line's time, level, logger and message, then where it belongs, then what it says beside. Absent is left out."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = dict(zip(HEAD, (moment, record.levelname.lower(), record.name, record.getMessage()), strict=True))
    extras = {**_about.get(), **getattr(record, FIELDS, {})}
    return {**head, **{name: value for name, value in extras.items() if value is not None}}


class JsonLines(logging.Formatter):
    """An object a line, in ASCII, so that nothing in it ends the line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


class Text(logging.Formatter):
    """Time, level, logger and message, then key=value; a traceback below it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        fields = fields_of(record)
        moment, level, logger, message = (fields.pop(name) for name in HEAD)
        head = f"{moment} {level.upper()} {logger}: {for_log(message)}"
        line = " ".join([head, *(f"{name}={quote(value)}" for name, value in fields.items())])
        if not record.exc_info:
            return line
        trace = self.formatException(record.exc_info).splitlines()
        return "\n".join([line, *(f"    {for_log(text)}" for text in trace)])


def quote(value: object) -> str:
    r"""A value of key=value, in quotes where it could be taken for something else.

    >>> quote("GET"), quote('a "b"\n')
    ('GET', '"a \\"b\\"\\n"')
    """
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text)


FORMATS: Mapping[str, type[logging.Formatter]] = {"text": Text, "json": JsonLines}


def setup(kind: str, stream: TextIO | None = None) -> None:
    """Has the whole process log in this format, to its standard error unless told otherwise."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(FORMATS[kind]())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
