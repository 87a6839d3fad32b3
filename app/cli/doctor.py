"""`eigenscope doctor`: versions, devices, disk, database, broker and queue. What is wrong, and how to fix it."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from app.access import kept_token
from app.db import Database, connect, revisions
from app.queue import supervisor as embedded
from app.queue.broker import Sender, reach
from app.queue.pings import PATIENCE, round_trip
from app.settings import GIB, Settings

LIBRARIES = ("torch", "numpy", "scipy", "safetensors", "fastapi", "sqlalchemy", "celery", "plotly")
Look = Callable[[Settings], "Check"]
SHARED = "start with `eigenscope serve --new-token`, so that they need the token"
PROXY = "where a proxy ends TLS, set EIGENSCOPE_PROXY_ADDRESSES to its address, and have it set X-Forwarded-Proto"
ENOUGH_DISK = 5 * GIB  # a 7 B checkpoint in bfloat16 is 14 GB; below this even a small one may not fit


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `fix` says what to do if it is not good, `advice` what would be better if it is."""

    subject: str
    good: bool
    found: str
    fix: str = ""
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings, looks: Sequence[Look] | None = None) -> list[Check]:
    """Every check, or these and the queue, in the order in which a broken one explains the next."""
    checks = [look(settings) for look in looks or (versions, device, disk, database, broker, access, sign_in)]
    return [*checks, queue(settings)] if all(check.good for check in checks) else checks


def versions(settings: Settings) -> Check:
    numbers = {"eigenscope": _version("eigenscope"), "python": platform.python_version()}
    numbers |= {name: _version(name) for name in LIBRARIES}
    missing = [name for name, number in numbers.items() if number is None]
    good = not missing and sys.version_info >= (3, 11)
    text = ", ".join(f"{name} {number or 'missing'}" for name, number in numbers.items())
    return Check("versions", good, text, f"install what is missing: {', '.join(missing) or 'Python 3.11 or newer'}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def device(settings: Settings) -> Check:
    """A GPU that PyTorch can use, or the CPU. Good either way, unless a GPU is there that PyTorch cannot reach."""
    cores = f"CPU, {os.cpu_count()} cores"
    if shutil.which("nvidia-smi") is None and not Path("/dev/nvidia0").exists():
        return Check("device", True, f"{cores}; no GPU")
    import torch  # two seconds that only a machine with a GPU needs

    if torch.cuda.is_available():
        names = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
        return Check("device", True, ", ".join(f"{g.name} ({g.total_memory / GIB:.0f} GiB)" for g in names))
    fix = "install the PyTorch build for the driver's CUDA version, or continue on the CPU"
    return Check(
        "device", False, f"{cores}; an NVIDIA driver is installed, but PyTorch {torch.__version__} cannot use it", fix
    )


def disk(settings: Settings) -> Check:
    folder = settings.data_dir
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    writable = os.access(existing, os.W_OK | os.X_OK)
    text = f"{folder}: {free / GIB:.1f} GiB free" + ("" if writable else ", not writable")
    return Check(
        "disk", writable and free > ENOUGH_DISK, text, "free some space, or set EIGENSCOPE_DATA_DIR to another folder"
    )


def database(settings: Settings) -> Check:
    kind = "SQLite in the data folder" if settings.database_url is None else "database"
    if settings.database_url is None and not (settings.data_dir / "eigenscope.db").exists():
        return Check("database", True, f"{kind}: does not exist yet; `eigenscope serve` creates it")

    def look() -> str:
        engine = connect(settings.database)
        try:
            with engine.connect() as connection:
                current, newest = revisions(connection)
        finally:
            engine.dispose()
        if current != newest:
            raise RuntimeError(f"its tables have version {current}, this program needs {newest}")
        return f"{kind}: answers, tables at {current}"

    return _try("database", look, "check EIGENSCOPE_DATABASE_URL; `eigenscope serve` migrates old tables")


def broker(settings: Settings) -> Check:
    if settings.is_embedded:
        return Check("broker", True, "files in the data folder")

    def look() -> str:
        reach(settings)
        return "answers"

    return _try("broker", look, "check EIGENSCOPE_BROKER_URL, and that Redis or RabbitMQ runs there")


SERVICE = (database, broker)  # what a health check asks for every minute: it imports no PyTorch, on a GPU either


def access(settings: Settings) -> Check:
    """Who needs a token. Without one all accounts on this machine are administrators."""
    if settings.token is not None or kept_token.read(settings.data_dir) is not None:
        return Check("access", True, "every request needs a token")
    others = kept_token.other_accounts()
    found = "requests from this machine need no login"
    if not others:
        return Check("access", True, found)
    advice = f"other people have accounts here ({', '.join(others[:3])}{', …' * (len(others) > 3)}): {SHARED}"
    return Check("access", True, found, advice=advice)


def sign_in(settings: Settings) -> Check:
    """Whether browsers get a cookie that they send over https only."""
    if settings.proxy_addresses:
        return Check("sign-in", True, "cookies are Secure behind the proxies of EIGENSCOPE_PROXY_ADDRESSES over https")
    found = "cookies are not Secure: no proxy is trusted to say that a request came over https"
    if settings.proxy_user_header:
        return Check("sign-in", False, f"{found}, nor who signed in (EIGENSCOPE_PROXY_USER_HEADER)", PROXY)
    return Check("sign-in", True, found, advice=PROXY if settings.allowed_hosts else "")


def queue(settings: Settings) -> Check:
    """A round trip to a worker: asked for where a service should be running."""
    if settings.is_embedded and not running(settings):
        return Check("queue", True, "no service is running here; `eigenscope serve` starts one")

    def look() -> str:
        database, sender = Database(settings.database, lambda *_: None), Sender(settings)
        try:
            trip = round_trip(database, sender, PATIENCE)
        finally:
            sender.close()
            database.close()
        if trip.seconds is None:
            raise RuntimeError(trip.fault)
        return f"worker {trip.worker} answered in {trip.seconds:.2f} s"

    return _try("queue", look, "start a worker with `eigenscope worker`, and read its log")


def running(settings: Settings) -> bool:
    """Whether an `eigenscope serve` uses this data folder."""
    if not (settings.data_dir / "eigenscope.db").exists():
        return False
    try:
        embedded.lock(settings.data_dir).close()
    except BlockingIOError:
        return True
    return False


def _try(subject: str, look: Callable[[], str], fix: str) -> Check:
    try:
        return Check(subject, True, look())
    except Exception as error:  # whatever a driver raises: saying what it said is this program's purpose
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Check(subject, False, lines[0], fix)
