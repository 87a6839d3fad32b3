"""API tokens, `esc_<key>_<secret>`: the key may be seen, of the secret only a hash is kept.

The secret is 256 random bits, so that one round of SHA-256 is enough: there is nothing to guess (OWASP's advice on
slow hashes is for passwords, which people choose).
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from app.access import audit, projects
from app.db import clock, now
from app.errors import BadRequest, NotFound
from app.models import Project, Token
from app.tenancy import actor_of

READ, WRITE, ADMIN = SCOPES = ("read", "write", "admin")  # each includes those before it
LETTERS = string.digits + string.ascii_lowercase
SHOWN = re.compile(r"esc_([0-9a-z]{12})_([0-9a-f]{64})")
SEEN_EVERY = 60.0  # seconds between two notes of a token's last use
DAY = 86_400.0  # seconds
LONGEST_NAME = 100


def create(
    session: Session, name: str, scope: str, project: str | None = None, days: float | None = None
) -> tuple[Token, str]:
    """A new token, and what is shown of it this once. Without days it does not expire.

    Raises BadRequest, and NotFound for a project that is not there.
    """
    if scope not in SCOPES:
        raise BadRequest(f"A token's scope is one of {', '.join(SCOPES)}, not {scope!r}.")
    if not 1 <= len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise BadRequest(f"A token's name is 1 to {LONGEST_NAME} characters: say what uses it.")
    if days is not None and not 0 < days <= 3650:
        raise BadRequest("A token is valid for more than 0 and at most 3650 days, or does not expire.")
    owner = None if project is None else projects.project_named(session, project).id
    if owner is None and scope != ADMIN:
        raise BadRequest("A token with the scope read or write needs a project.")
    key, secret = "".join(secrets.choice(LETTERS) for _ in range(12)), secrets.token_hex(32)
    expires = None if days is None else clock(session) + days * 86_400
    token = Token(
        key=key, digest=digest(secret), name=name.strip(), scope=scope, project_id=owner, expires_at=expires,
        created_by=actor_of(session),
    )  # fmt: skip
    session.add(token)
    session.flush()
    session.refresh(token)
    audit.note(session, "token.create", name_token(token), {"scope": scope, "project": project, "days": days})
    return token, f"esc_{key}_{secret}"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def verify(session: Session, text: str) -> Token | None:
    """The token that this is, if it is good now."""
    parts = SHOWN.fullmatch(text)
    token = None if parts is None else session.scalar(good().where(Token.key == parts[1]))
    if parts is None or token is None or not hmac.compare_digest(token.digest, digest(parts[2])):
        return None
    return token


def good() -> Select[Token]:
    """The tokens that are good now."""
    return select(Token).where(Token.revoked_at.is_(None), or_(Token.expires_at.is_(None), Token.expires_at > now()))


def note_use(session: Session, identity: int) -> None:
    """Notes that the token was used, at most once a minute; the first use in a day is a line of the audit log."""
    token, moment = session.get_one(Token, identity), clock(session)
    if token.used_at is None or token.used_at < moment - DAY:
        audit.note(session, "token.use", name_token(token))
    token.used_at = moment


def stale(token: Token, moment: float) -> bool:
    """Whether its last use was noted so long ago that it is to be noted again."""
    return token.used_at is None or token.used_at < moment - SEEN_EVERY


def name_token(token: Token) -> str:
    """How pages and the audit log name a token."""
    return f"{token.name} (esc_{token.key})"


def revoke(session: Session, key: str) -> Token:
    """From now on the token is nobody's, and so is every browser that signed in with it."""
    token = session.scalar(select(Token).where(Token.key == key))
    if token is None:
        raise NotFound("The token does not exist.")
    if token.revoked_at is None:
        token.revoked_at = clock(session)
        audit.note(session, "token.revoke", name_token(token))
    return token


def listing(
    session: Session, limit: int | None = None, before: int | None = None
) -> Sequence[tuple[Token, str | None]]:
    """Each with its project's name, the newest first; where an id is given, those made before it."""
    query = select(Token, Project.name).outerjoin(Project, Project.id == Token.project_id).order_by(Token.id.desc())
    older = query if before is None else query.where(Token.id < before)
    return [(token, name) for token, name in session.execute(older.limit(limit))]
