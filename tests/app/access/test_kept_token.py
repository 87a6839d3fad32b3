"""The token of `serve --new-token`: random, kept for this account alone, replaced by the next."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.access import kept_token


def test_it_is_kept_for_this_account_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        token = kept_token.make(tmp_path)
    finally:
        os.umask(old)
    assert kept_token.read(tmp_path) == token
    assert len(token) >= 32
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["token"]


def test_the_next_one_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "token.part").write_text("left by one that was killed")
    first, second = kept_token.make(tmp_path), kept_token.make(tmp_path)
    assert first != second
    assert kept_token.read(tmp_path) == second


def test_there_may_be_none(tmp_path: Path) -> None:
    assert kept_token.read(tmp_path) is None
    (tmp_path / "token").write_text("\n")
    assert kept_token.read(tmp_path) is None


def test_other_people_are_those_who_may_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = [
        ("root", 0, "/bin/bash"), ("daemon", 1, "/usr/sbin/nologin"), ("ann", 1000, "/bin/bash"),
        ("bob", 1001, "/bin/zsh"), ("www", 1002, "/usr/sbin/nologin"), ("nobody", 65534, "/bin/sh"),
    ]  # fmt: skip
    entries = [SimpleNamespace(pw_name=name, pw_uid=number, pw_shell=shell) for name, number, shell in accounts]
    monkeypatch.setattr("app.access.kept_token.pwd.getpwall", lambda: entries)
    monkeypatch.setattr("app.access.kept_token.os.geteuid", lambda: 1000)
    assert kept_token.other_accounts() == ["bob"]
