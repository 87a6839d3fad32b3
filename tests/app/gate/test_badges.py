"""Signatures of badges' links, and the word that a badge says."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.gate.badges import KEY, UNKNOWN, is_signed, read_key, sign, word_of
from tests.service import Service, model

POLICY = {"rules": [{"column": "norms.rank_loss", "max": 0}]}


def test_one_key_for_all_processes(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(read_key, [tmp_path] * 32))
    assert len(found) == 1
    assert len(found.pop()) == 64
    assert [path.name for path in tmp_path.iterdir()] == [KEY]
    assert stat.S_IMODE((tmp_path / KEY).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("project", "name"), [("default", "model@main"), ("a", "b\0c"), ("a\0b", "c"), ("a", "ü\ud800")]
)
def test_a_signature_is_of_both_names_and_of_the_key(project: str, name: str) -> None:
    signature = sign(b"key", project, name)
    assert is_signed(b"key", project, name, signature)
    for other in ((b"key", project, f"{name}2"), (b"key", f"{project}2", name), (b"another", project, name)):
        assert not is_signed(*other, signature)
    assert not is_signed(b"key", project, name, signature[:-1])
    assert not is_signed(b"key", project, name, "é")


def test_the_newest_verdict_over_a_name(service: Service) -> None:
    def say(name: str) -> str:
        with service.database.reading() as session:
            return word_of(session, name)

    service.client.post("/api/v1/checkpoints", params={"filename": "m.safetensors", "name": "m@main"}, content=model())
    service.client.post("/api/v1/runs", json={"checkpoints": [1], "policy": POLICY})
    assert say("m@main") == UNKNOWN  # the run has not ended
    service.work()
    service.get("/api/v1/runs/1/verdict")
    assert (say("m@main"), say("m@pr-1"), say("m")) == ("pass", UNKNOWN, UNKNOWN)
    failing = {"policy": {"rules": [{"column": "norms.rank_loss", "min": 1}]}}
    service.client.post("/api/v1/runs/1/verdicts", json=failing)
    assert say("m@main") == "fail"
