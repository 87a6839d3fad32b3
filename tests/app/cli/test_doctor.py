"""What the doctor sees, in health and in sickness."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from app.access import kept_token
from app.cli import doctor
from app.db import Database
from app.queue import supervisor as embedded
from app.settings import Settings


def settings(folder: Path, **values: object) -> Settings:
    return Settings(data_dir=folder, **values)  # type: ignore[arg-type]  # each test gives what it needs


def test_a_fresh_machine_is_healthy(tmp_path: Path) -> None:
    found = {check.subject: check for check in doctor.examine(settings(tmp_path / "not" / "yet"))}
    assert found["database"].found.endswith("`eigenscope serve` creates it")
    assert found["broker"].good
    assert "torch 2." in found["versions"].found
    assert not (tmp_path / "not").exists(), "looking changes nothing"


def test_migrated_tables_are_named(tmp_path: Path) -> None:
    where = settings(tmp_path)
    database = Database(where.database, lambda *_: None)
    database.migrate()
    database.close()
    check = doctor.database(where)
    assert check.good
    assert "tables at" in check.found


def test_old_tables_are_found(tmp_path: Path) -> None:
    (tmp_path / "eigenscope.db").touch()
    check = doctor.database(settings(tmp_path))
    assert not check.good
    assert "version None" in check.found


def test_an_absent_database_and_broker_are_found(tmp_path: Path) -> None:
    away = settings(tmp_path, database_url="postgresql://127.0.0.1:1/x", broker_url="redis://127.0.0.1:1/0")
    for check in (doctor.database(away), doctor.broker(away)):
        assert not check.good
        assert check.fix
        assert "Traceback" not in check.found


def test_a_service_that_is_not_running_is_no_fault(tmp_path: Path) -> None:
    assert not doctor.running(settings(tmp_path))
    check = doctor.queue(settings(tmp_path))
    assert check.good
    assert "no service is running" in check.found


def test_a_service_without_a_worker_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    where = settings(tmp_path)
    database = Database(where.database, lambda *_: None)
    database.migrate()
    database.close()
    with embedded.lock(tmp_path):
        assert doctor.running(where)
        check = doctor.queue(where)
    assert not check.good
    assert "no worker answered" in check.found


def test_a_full_disk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 0))
    assert not doctor.disk(settings(tmp_path)).good


def test_a_driver_without_a_matching_pytorch_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert not doctor.device(settings(tmp_path)).good


def test_a_missing_library_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", ("torch", "no-such-library"))
    check = doctor.versions(settings(tmp_path))
    assert not check.good
    assert "no-such-library" in check.fix


def test_other_accounts_are_a_reason_for_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.kept_token.other_accounts", lambda: ["ann", "bob"])
    check = doctor.access(settings(tmp_path))
    assert check.good
    assert "other people have accounts here (ann, bob)" in check.advice
    assert "--new-token" in check.advice
    for safe in (settings(tmp_path, token="x" * 16), settings(tmp_path)):
        if safe.token is None:
            kept_token.make(tmp_path)
        assert doctor.access(safe) == doctor.Check("access", True, "every request needs a token")
    monkeypatch.setattr("app.access.kept_token.other_accounts", list)
    (tmp_path / "token").unlink()
    assert doctor.access(settings(tmp_path)).advice == ""


def test_a_cookie_that_would_not_be_secure_is_said(tmp_path: Path) -> None:
    behind = {"allowed_hosts": ("lab.example",)}
    assert "EIGENSCOPE_PROXY_ADDRESSES" in doctor.sign_in(settings(tmp_path, **behind)).advice
    assert doctor.sign_in(settings(tmp_path, **behind, proxy_addresses=("10.0.0.0/8",))).advice == ""
    assert doctor.sign_in(settings(tmp_path)).advice == ""
    assert not doctor.sign_in(settings(tmp_path, proxy_user_header="X-User")).good
