"""The service: the application with the API and the pages, and `serve`, which runs it."""

import gc
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.routing import BaseRoute

from app import logs, pages
from app.access import kept_token
from app.access.quotas import usual
from app.access.security import content_security_policy, plotly_style_hashes
from app.api import ROUTERS, health, metrics
from app.api.metrics import Gauges
from app.db import Database, migrate_or_exit
from app.queue import supervisor as embedded
from app.queue.broker import Sender, worker_command
from app.queue.pings import HealthCheck
from app.runs.ends import Ends
from app.runs.report_cache import ReportCache
from app.settings import Settings
from app.storage.blobs import Storage
from app.storage.data_folder import open_data_folder
from app.web import openapi as contract
from app.web import problems
from app.web.compression import Compression
from app.web.connections import BoundedProtocol, allow_files
from app.web.guard import Guard
from app.web.head_requests import HeadRequests
from app.web.listeners import Listeners
from app.web.long_poll import Waiting
from app.web.recent_answers import RecentAnswers
from app.web.request_log import RequestLog
from app.web.request_metrics import RequestMetrics
from app.web.response_cache import Looks, ResponseCache
from frontend.document.assets import plotly_script

VERSION = metadata.version("eigenscope")
STATIC = Path(__file__).parents[1] / "frontend" / "static"
SHUTDOWN_SECONDS = 2  # open event streams are cut off after that
COLLECT_AFTER = (10_000, 10, 100)  # objects, and rounds: by default a page of 1,000 layers waits for a look through all
YEAR = 31_536_000  # seconds
DESCRIPTION = """What the spectra of your network's weights say.

Errors are `application/problem+json` with a `code` that never changes. Times are UTC. Numbers that are not available
are `null`, and a note gives the reason."""


def create_app(settings: Settings, sender: Sender | None = None) -> FastAPI:
    """The application. Its database's tables must be up to date: see `Database.migrate`."""
    sender = sender or Sender(settings)
    database = Database(settings.database, sender.send)
    database.limits = usual(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        database.close()
        sender.close()

    app = FastAPI(
        title="Eigenscope", version=VERSION, description=DESCRIPTION, lifespan=lifespan,
        openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.settings, app.state.database, app.state.pulse = settings, database, HealthCheck(database, sender)
    app.state.waiting, app.state.ends = Waiting(settings.waiting_limit), Ends(database)
    app.state.listeners = Listeners(settings.stream_limit)
    app.state.storage = Storage(settings.data_dir)
    app.state.cache, app.state.looks, traffic = ResponseCache(), Looks(), RequestMetrics()
    app.state.reports = ReportCache()
    app.state.gauges = Gauges(database, app.state.pulse, traffic)
    problems.install(app)
    contract.install(app)
    policy = content_security_policy(plotly_style_hashes(plotly_script()))
    app.add_middleware(Compression)
    app.add_middleware(RecentAnswers, database=database)
    app.add_middleware(Guard, settings=settings, database=database, policy=policy)
    app.add_middleware(HeadRequests, owner=app)
    app.add_middleware(RequestLog, owner=app, traffic=traffic)
    app.router.routes.extend(_routes())
    pages.install(app)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Every route: the API's, the pages' and what these load, all from here.

    They know nothing of their application, and FastAPI takes as long to build them as to do all else, so each process
    builds them once.
    """
    router = APIRouter()
    api = APIRouter(prefix="/api/v1", responses=problems.EVERYWHERE)
    for each in ROUTERS:
        api.include_router(each)
    for each in (api, health.router, metrics.router):
        router.include_router(each)
    script, name = plotly_script(), plotly_name()

    @router.get(f"/static/{name}", include_in_schema=False)
    def plotly() -> FileResponse:
        headers = {"Cache-Control": f"public, max-age={YEAR}, immutable"}  # its version is in its name
        return FileResponse(script, media_type="text/javascript", headers=headers)

    router.mount("/static", StaticFiles(directory=STATIC), name="static")
    for each in pages.ROUTERS:
        router.include_router(each, include_in_schema=False)
    return router.routes


@cache
def plotly_name() -> str:
    """The name that pages load it by, with the version of Plotly.js."""
    with plotly_script().open(encoding="utf-8") as file:
        head = file.read(200)
    version = head.partition("plotly.js v")[2].split()[0]
    return f"plotly-{version}.min.js"


def serve(settings: Settings) -> None:
    """Brings the tables up to date, starts the worker unless a broker is configured, and serves until interrupted."""
    logs.setup(settings.log)
    open_data_folder(settings.data_dir)
    allow_files()
    with ExitStack() as stack:
        if settings.is_embedded:
            try:
                stack.enter_context(embedded.lock(settings.data_dir))
            except BlockingIOError:
                sys.exit(f"`eigenscope serve` already uses {settings.data_dir}: stop it, or choose another --data-dir.")
        listener = stack.enter_context(_listener(settings))
        app = create_app(settings)
        migrate_or_exit(app.state.database)
        if settings.is_embedded:
            supervisor = embedded.Supervisor(
                worker_command(), embedded.worker_environment(settings), settings.restart_seconds, settings.data_dir
            )
            supervisor.start()
            stack.callback(supervisor.stop)
        _run(app, listener, settings)


def _listener(settings: Settings) -> socket.socket:
    """The socket that we listen at: taken first, so that a port that is in use stops us before anything starts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        sys.exit(f"Cannot listen at {settings.host}:{settings.port}: {reason}. Choose another with --port.")


def _login_line(settings: Settings, address: str) -> str:
    """Who may use it, in a line. The token is shown where it was made here: nobody else knows it."""
    if settings.token is None:
        others = kept_token.other_accounts()
        who = (
            f"Other people have accounts on this machine ({', '.join(others[:3])}), and can use it too"
            if others
            else ""
        )
        return f"{who or 'Requests from this machine need no login'}. `eigenscope serve --new-token` asks for a token."
    token = settings.token.get_secret_value()
    if token != kept_token.read(settings.data_dir):
        return "Every request needs EIGENSCOPE_TOKEN, or a token made with it."
    return f"Sign in at {address}login with the token {token} (kept in {settings.data_dir / kept_token.NAME})."


def _run(app: FastAPI, listener: socket.socket, settings: Settings) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{listener.getsockname()[1]}/"
    print(f"Eigenscope is at {address}", flush=True)  # noqa: T201
    print(_login_line(settings, address), flush=True)  # noqa: T201
    config = uvicorn.Config(
        app, http=BoundedProtocol, ws="none", log_level="warning", server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS, log_config=None,
        proxy_headers=False,  # whom to believe is `app.access.callers`'s to say
    )  # fmt: skip
    gc.freeze()  # what is imported stays: the collector need not look through it while readers wait
    gc.set_threshold(*COLLECT_AFTER)
    uvicorn.Server(config).run([listener])
