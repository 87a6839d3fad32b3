"""Browsers that are signed in: a random cookie each, of which only a hash is kept, and which ends with its token."""

import hmac
import secrets

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.access import audit, tokens
from app.db import clock, now
from app.models import Login, Token
from app.settings import Settings

MONTH = 30 * 86_400  # seconds


def begin(session: Session, settings: Settings, text: str) -> str | None:
    """A new cookie for whoever shows a good token; None for anybody else."""
    token = tokens.verify(session, text)
    if token is None and not is_master(text, settings):
        audit.note(session, "login.refused", "an invalid or expired token")
        return None
    cookie, expiry = secrets.token_urlsafe(32), clock(session) + MONTH
    token_id, master = (token.id, None) if token else (None, tokens.digest(text))
    session.execute(delete(Login).where(Login.expires_at < now()))
    session.add(Login(digest=tokens.digest(cookie), token_id=token_id, master=master, expires_at=expiry))
    audit.note(session, "login", tokens.name_token(token) if token else "EIGENSCOPE_TOKEN")
    return cookie


def is_master(text: str, settings: Settings) -> bool:
    """Whether it is EIGENSCOPE_TOKEN."""
    return settings.token is not None and hmac.compare_digest(
        text.encode("utf-8", "replace"), settings.token.get_secret_value().encode()
    )


def find(session: Session, settings: Settings, cookie: str) -> Token | bool:
    """The token that the cookie stands for; True where it is EIGENSCOPE_TOKEN; False where it is nothing now."""
    login = session.get(Login, tokens.digest(cookie))
    if login is None or login.expires_at < clock(session):
        return False
    if login.token_id is None:
        current = "" if settings.token is None else tokens.digest(settings.token.get_secret_value())
        return bool(current) and hmac.compare_digest(login.master or "", current)
    return session.scalar(tokens.good().where(Token.id == login.token_id)) or False


def end(session: Session, cookie: str) -> None:
    """Signs out."""
    session.execute(delete(Login).where(Login.digest == tokens.digest(cookie)))
