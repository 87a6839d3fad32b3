"""A checkpoint read in the test's own process, for tests of what is done with it."""

import json
from collections.abc import Sequence
from threading import Event

from workers.ingest import reader
from workers.ingest.sandbox import Limits


def read_here(names: str, command: Sequence[str], request: bytes, limits: Limits, stop: Event | None = None) -> bytes:
    """In place of `workers.ingest.supervisor.supervise`: the answer of the child that it would start."""
    return reader.answer(json.loads(request)).encode()
