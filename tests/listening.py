"""A real server over an application, for tests whose client speaks HTTP over a socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.ports import free_port


@contextmanager
def listening(app: Any, **options: Any) -> Iterator[int]:
    """The port of 127.0.0.1 at which it answers. The options are those of uvicorn.Config."""
    number = free_port()
    config = uvicorn.Config(app, host="127.0.0.1", port=number, log_config=None, lifespan="off", **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    yield number
    server.should_exit = True
    thread.join()
