"""Badges by project and name: a public link to an image that says the newest verdict over checkpoints of that name.

The link is signed, so that it shows that name's verdict and nothing else. The key of the signatures is in the data
folder; a new key, after the file is removed, ends every link.
"""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.gate.verdicts import AT_ONCE, subject
from app.models import Checkpoint, Member, Run, Verdict

KEY = "badge-key"
LENGTH = 32  # hexadecimal digits of a signature: 128 bits
UNKNOWN = "unknown"


def read_key(folder: Path) -> bytes:
    """The key of this installation, created by the process that asks first."""
    path = folder / KEY
    with suppress(FileNotFoundError):
        return path.read_bytes()
    new = folder / f"{KEY}.{secrets.token_hex(8)}"
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123  # with its mode
        file.write(secrets.token_hex(32).encode())
    with suppress(FileExistsError):
        os.link(new, path)  # whole, and only where there is none
    new.unlink()
    return path.read_bytes()


def sign(key: bytes, project: str, name: str) -> str:
    """The signature of a link: HMAC-SHA-256 of both names."""
    told = b"badge\0" + project.encode("utf-8", "surrogatepass") + b"\0" + name.encode("utf-8", "surrogatepass")
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:LENGTH]


def is_signed(key: bytes, project: str, name: str, signature: str) -> bool:
    return hmac.compare_digest(sign(key, project, name).encode(), signature.encode("utf-8", "replace"))


def word_of(session: Session, name: str) -> str:
    """The newest verdict of the session's project over a run whose last checkpoint has that name; else “unknown”."""
    named = Run.members.any(Member.checkpoint.has(Checkpoint.name == name))
    query = select(Verdict).join(Run, Verdict.run_id == Run.id).where(named).order_by(Verdict.id.desc()).limit(AT_ONCE)
    for verdict in session.scalars(query):
        if verdict.result is not None and subject(session, verdict.run_id) == name:
            return str(verdict.result["verdict"])
    return UNKNOWN
