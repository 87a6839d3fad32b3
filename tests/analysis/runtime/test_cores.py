"""How many cores there are, as the environment, the affinity and control groups of both versions say."""

import os
from pathlib import Path

import pytest

from analysis.runtime import cores as module
from analysis.runtime.cores import cores, cpu_quota


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(module, "cpu_quota", lambda: None)


def test_the_affinity_counts_and_not_the_machine() -> None:
    assert cores() == 8


@pytest.mark.parametrize(("said", "count"), [("3", 3), ("3,2", 3), ("64", 64), ("", 8), ("0", 8), ("many", 8)])
def test_what_the_libraries_are_told_wins(said: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert cores() == count


@pytest.mark.parametrize(("quota", "count"), [(0.1, 1), (1.0, 1), (1.5, 2), (4.0, 4), (99.0, 8), (None, 8)])
def test_a_quota_counts_up_to_the_cores_there_are(
    quota: float | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cpu_quota", lambda: quota)
    assert cores() == count


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text + "\n")


@pytest.mark.parametrize(("text", "quota"), [("150000 100000", 1.5), ("max 100000", None), ("nonsense", None)])
def test_version_2_of_a_container(text: str, quota: float | None, tmp_path: Path) -> None:
    """A container sees its own group as the root."""
    write(tmp_path / "groups", cpu__max=text)
    write(tmp_path, own="0::/")
    assert cpu_quota(tmp_path / "groups", tmp_path / "own") == quota


def test_the_tightest_of_the_groups_around_a_process(tmp_path: Path) -> None:
    """As systemd nests them."""
    root = tmp_path / "groups"
    write(root / "user.slice", cpu__max="200000 100000")
    write(root / "user.slice" / "job.scope", cpu__max="max 100000")
    write(root / "other.slice", cpu__max="10000 100000")
    write(tmp_path, own="0::/user.slice/job.scope")
    assert cpu_quota(root, tmp_path / "own") == 2.0


@pytest.mark.parametrize(("quota", "found"), [("50000", 0.5), ("-1", None)])
def test_version_1(quota: str, found: float | None, tmp_path: Path) -> None:
    root = tmp_path / "groups"
    write(root / "cpu" / "docker" / "x", cpu__cfs_quota_us=quota, cpu__cfs_period_us="100000")
    write(tmp_path, own="5:memory:/docker/y\n4:cpu,cpuacct:/docker/x")
    assert cpu_quota(root, tmp_path / "own") == found


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path / "no file") is None
