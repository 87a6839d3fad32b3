"""A real server over an application, for tests whose client speaks HTTP over a socket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from tests.ports import free_port


@contextmanager
def listening(app: FastAPI) -> Iterator[int]:
    """The port of 127.0.0.1 at which it answers."""
    number = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=number, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    yield number
    server.should_exit = True
    thread.join()
