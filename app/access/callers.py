"""Who asks: from what a request shows, a caller with a project and a scope, or nobody.

A request from this very machine needs no login, as long as no token of the whole service is set: its peer, its Host
and the absence of a proxy all have to say so. Everybody else shows a token, or the cookie of a browser that did, or
comes from a proxy that the administrator trusts to say who it is.
"""

import logging
import threading
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sqlalchemy.orm import Session

from app.access import projects, tokens
from app.access import sessions as logins
from app.access.security import SAFE_METHODS, host_name
from app.db import Database, clock
from app.errors import NotAllowed, TokenRequired
from app.models import Token
from app.settings import Settings, is_loopback

ADMIN_PATHS = ("/api/v1/tokens", "/api/v1/projects", "/api/v1/audit", "/access", "/metrics")
SIGN_OUT = "/login/out"  # whoever is signed in may end that
LONGEST_USER = 200  # characters of a name that a proxy tells
NOTE_SECONDS = 1.0  # that a request waits until the use of its token is noted
NOTING = threading.Lock()
LONGEST_ADDRESS = 100  # characters of an address that a proxy tells

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows of who sends it."""

    peer: str = ""  # the address that it comes from
    host: str | None = None
    forwarded: bool = False  # a proxy has written on it
    bearer: str | None = None
    cookie: str | None = None
    user: str | None = None  # as a proxy says; see `is_proxy`
    project: str | None = None  # the name of a project that it chooses
    kept: bool = False  # the project is what a browser's cookie has kept: nobody chose it now


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, whose things they see, and what they may do."""

    name: str
    scope: str  # tokens.SCOPES
    project: int
    token: int | None = None
    local: bool = False
    free: bool = False  # may choose any project


def caller(database: Database, settings: Settings, credentials: Credentials) -> Caller:
    """Raises TokenRequired for nobody in particular, NotFound for a project that is not there, NotAllowed."""
    with database.reading() as session:
        client = _identify(session, settings, credentials)
        if client is None:
            raise TokenRequired("Send a token as `Authorization: Bearer …`, or sign in at /login.")
        needs_note = client.token is not None and _is_unnoted(session, client.token)
    if needs_note and client.token is not None:
        _note_use(database, client, client.token)
    return client


def _note_use(database: Database, caller: Caller, token: int) -> None:
    """Notes that the token was used. A database that takes no write now must not stand in the way of a reader."""

    def note() -> None:
        try:
            with database.within(caller.project, caller.name).writing() as session:
                tokens.note_use(session, token)
        except Exception as error:  # whatever the database raises
            log.warning("the use of %s could not be noted: %s", caller.name, type(error).__name__)
        finally:
            NOTING.release()

    if NOTING.acquire(blocking=False):  # one at a time: those in between are noted by the next request
        thread = threading.Thread(target=note, name="token-use", daemon=True)
        thread.start()
        thread.join(NOTE_SECONDS)


def this_machine(settings: Settings, credentials: Credentials) -> Caller | None:
    """The caller, where it is this machine and asks for nothing else: told without a look at the database."""
    if is_local(settings, credentials) and credentials.project is None and credentials.bearer is None:
        return Caller("this machine", tokens.ADMIN, projects.DEFAULT, local=True, free=True)
    return None


def still_good(session: Session, caller: Caller) -> bool:
    """Whether the caller's token is good yet: for answers that take long, as streams do."""
    return caller.token is None or session.scalar(tokens.good().where(Token.id == caller.token)) is not None


def check_good(session: Session, caller: Caller) -> None:
    """Raises TokenRequired where the token was revoked, or expired, while its bytes came."""
    if not still_good(session, caller):
        raise TokenRequired("The token expired or was revoked during the request. Nothing was created.")


def _is_unnoted(session: Session, token: int) -> bool:
    return tokens.stale(session.get_one(Token, token), clock(session))


def is_local(settings: Settings, credentials: Credentials) -> bool:
    """Whether it comes from this machine alone, where that is enough."""
    is_direct = is_loopback(credentials.peer) and is_loopback(host_name(credentials.host)) and not credentials.forwarded
    return is_direct and settings.token is None and not is_proxy(settings, credentials.peer)


def is_proxy(settings: Settings, peer: str) -> bool:
    """Whether the peer is a proxy whose word counts."""
    if not settings.proxy_addresses:
        return False
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in _networks(settings.proxy_addresses))


def address(settings: Settings, peer: str, forwarded: str) -> str:
    """Whom a request comes from: behind proxies that are trusted, the last of X-Forwarded-For that is none of them."""
    steps = [step.strip() for step in forwarded.split(",") if step.strip()]
    while steps and is_proxy(settings, peer):
        peer = steps.pop()[:LONGEST_ADDRESS]
    return peer


@cache
def _networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


def _identify(session: Session, settings: Settings, credentials: Credentials) -> Caller | None:
    """By its token, else by its cookie, else by what the proxy says, else as this machine. A wrong token is nobody."""
    if credentials.bearer is not None:
        if logins.is_master(credentials.bearer, settings):
            return _free(session, "EIGENSCOPE_TOKEN", credentials)
        token = tokens.verify(session, credentials.bearer)
        return None if token is None else _of_token(session, token, credentials)
    match logins.find(session, settings, credentials.cookie) if credentials.cookie else False:
        case Token() as token:
            return _of_token(session, token, credentials)
        case True:
            return _free(session, "EIGENSCOPE_TOKEN", credentials)
    if settings.proxy_user_header and credentials.user and is_proxy(settings, credentials.peer):
        return Caller(
            f"user {credentials.user[:LONGEST_USER]}",
            settings.proxy_scope,
            _own_project(session, projects.DEFAULT, credentials),
        )
    return _free(session, "this machine", credentials, local=True) if is_local(settings, credentials) else None


def _of_token(session: Session, token: Token, credentials: Credentials) -> Caller:
    free = token.project_id is None
    project = (
        _chosen_project(session, credentials)
        if token.project_id is None
        else _own_project(session, token.project_id, credentials)
    )
    return Caller(f"token {tokens.name_token(token)}", token.scope, project, token.id, free=free)


def _free(session: Session, name: str, credentials: Credentials, local: bool = False) -> Caller:
    return Caller(name, tokens.ADMIN, _chosen_project(session, credentials), local=local, free=True)


def _chosen_project(session: Session, credentials: Credentials) -> int:
    """The project that a caller without one of its own has chosen."""
    if credentials.project is None:
        return projects.DEFAULT
    if credentials.kept:  # a project that is gone must not lock its browser out
        return projects.find(session, credentials.project) or projects.DEFAULT
    return projects.project_named(session, credentials.project).id


def _own_project(session: Session, own: int, credentials: Credentials) -> int:
    """The caller's own project, which is the only one that it can name. What a cookie has kept does not count."""
    if credentials.project is not None and not credentials.kept and projects.find(session, credentials.project) != own:
        raise NotAllowed("This token belongs to another project than the one that the request names.")
    return own


def required_scope(method: str, path: str) -> str:
    """The scope that a request takes: whatever is not known to be harmless takes more."""
    if path == SIGN_OUT:
        return tokens.READ
    if any(path == prefix or path.startswith(f"{prefix}/") for prefix in ADMIN_PATHS):
        return tokens.ADMIN
    return tokens.READ if method in SAFE_METHODS else tokens.WRITE


def check_admin(caller: Caller) -> None:
    """Raises NotAllowed where the caller is no administrator of the whole service."""
    if caller.scope != tokens.ADMIN or not caller.free:
        raise NotAllowed("This needs a token for all projects with the scope admin.")


def check_scope(caller: Caller, method: str, path: str) -> None:
    """Raises NotAllowed."""
    scope = required_scope(method, path)
    if tokens.SCOPES.index(caller.scope) < tokens.SCOPES.index(scope):
        raise NotAllowed(f"This needs the scope {scope}; the token has {caller.scope}.")
