"""What routes ask for: a transaction, the storage, the settings, the length of a body.

Those that only look something up are coroutines: FastAPI sends plain functions to a thread each.
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from app.access.callers import Caller, check_admin
from app.db import Database, Session
from app.queue.pings import HealthCheck
from app.runs.report_cache import ReportCache
from app.settings import Settings
from app.storage.blobs import Storage

LARGEST_ID = 2**31 - 1  # of PostgreSQL's integer


async def get_caller(request: Request) -> Caller:
    caller: Caller = request.state.caller  # the guard put it there; without one there is no answer
    return caller


CallerOf = Annotated[Caller, Depends(get_caller)]


async def get_database(request: Request, caller: CallerOf) -> Database:
    """The database as the caller may see it: its project's rows and no others'."""
    database: Database = request.app.state.database
    return database.within(caller.project, caller.name)


async def get_storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


async def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def get_reports(request: Request) -> ReportCache:
    reports: ReportCache = request.app.state.reports
    return reports


async def get_health_check(request: Request) -> HealthCheck:
    health_check: HealthCheck = request.app.state.pulse
    return health_check


DatabaseOf = Annotated[Database, Depends(get_database)]
StorageOf = Annotated[Storage, Depends(get_storage)]
SettingsOf = Annotated[Settings, Depends(get_settings)]
ReportsOf = Annotated[ReportCache, Depends(get_reports)]
HealthCheckOf = Annotated[HealthCheck, Depends(get_health_check)]


def _writing(database: DatabaseOf) -> Iterator[Session]:
    with database.writing() as session:
        yield session


def _reading(database: DatabaseOf) -> Iterator[Session]:
    with database.reading() as session:
        yield session


# scope="function": the transaction ends before the answer goes out, so that nobody is told of what is not committed
Writing = Annotated[Session, Depends(_writing, scope="function")]
Reading = Annotated[Session, Depends(_reading, scope="function")]


def _all_reading(request: Request, caller: CallerOf) -> Iterator[Session]:
    """For what is not any one project's. The guard has asked for the scope admin: see `callers.ADMIN_PATHS`."""
    check_admin(caller)
    with request.app.state.database.reading() as session:
        yield session


def _all_writing(request: Request, caller: CallerOf) -> Iterator[Session]:
    check_admin(caller)
    with request.app.state.database.acting(caller.name).writing() as session:
        yield session


Admin = Annotated[Session, Depends(_all_reading, scope="function")]
Changing = Annotated[Session, Depends(_all_writing, scope="function")]


def _refuse_others(value: object) -> object:
    if isinstance(value, bool | str):
        raise PydanticCustomError("number_type", "Input should be a number")
    return value


# Of a number in a body: neither true nor a text that reads like one, both of which Pydantic takes and the API's schema
# forbids; its strict mode would refuse 5.0, which the schema allows. The last annotation of a type, else the schema
# loses those behind it.
NUMBER = BeforeValidator(_refuse_others)
Identity = Annotated[int, Path(alias="id", ge=1, le=LARGEST_ID, examples=[1])]
Number = Annotated[int, Path(ge=1, le=LARGEST_ID, examples=[1])]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items on one page.", examples=[100])]


def announced_length(request: Request) -> int | None:
    """The body's length, where the header Content-Length states it as a whole number of bytes."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None
