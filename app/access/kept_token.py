"""The token that `eigenscope serve --new-token` makes: random, and kept in the data folder for this account alone."""

import os
import pwd
import secrets
from pathlib import Path

NAME = "token"
BYTES = 24  # 192 bits
FIRST_PERSON = 1000  # of the user ids: below are those of the system (login.defs, UID_MIN)
NOBODY = 65534


def make(folder: Path) -> str:
    """A new token, kept in the folder in place of the one before."""
    token = secrets.token_urlsafe(BYTES)
    partial = folder / f"{NAME}.part"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(token + "\n")
    partial.replace(folder / NAME)
    return token


def read(folder: Path) -> str | None:
    """The token that was made for this folder; None where there is none."""
    try:
        return (folder / NAME).read_text().strip() or None
    except OSError:
        return None


def other_accounts() -> list[str]:
    """The names of other people's accounts on this machine: those that may sign in to it."""
    return sorted(
        entry.pw_name
        for entry in pwd.getpwall()
        if FIRST_PERSON <= entry.pw_uid != NOBODY
        and entry.pw_uid != os.geteuid()
        and not entry.pw_shell.endswith(("/nologin", "/false"))
    )
