"""The limited child: what it may not do ends in a CheckpointError, and nothing of it is left behind."""

import errno
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from analysis.errors import CheckpointError, DamagedFile, MissingShard, UnsafeFile
from analysis.formats import open_checkpoint
from tests.hostile import HOSTILE, ODD_NAMES, Hostile, marker
from workers.ingest import supervisor as module
from workers.ingest.sandbox import MEBIBYTE
from workers.ingest.supervisor import ingest, limits_for, supervise

LIMITS = limits_for(0)
FEW = [hostile for hostile in HOSTILE if hostile.code in ("pickle-code", "unbounded", "missing-shard", "bad-offsets")]


def child(body: str) -> Sequence[str]:
    """A child whose `read` is replaced by that body: all else is as it is for a file."""
    source = f"import os, sys, time\nfrom workers.ingest import reader\ndef read(paths, target, *limits):\n    {body}\n"
    return (sys.executable, "-c", f"{source}reader.read = read\nreader.main()")


def told(body: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **limits: Any) -> CheckpointError:
    """The error of `ingest` where that body is what reading the file comes to."""
    monkeypatch.setattr(module, "COMMAND", child(body))
    (tmp_path / "file").write_bytes(b"anything")
    with pytest.raises(CheckpointError) as caught:
        ingest([tmp_path / "file"], tmp_path / "target", replace(LIMITS, **limits))
    assert "file" in caught.value.message
    return caught.value


def test_safetensors_stay_where_they_are(minilm: Path, tmp_path: Path) -> None:
    report = ingest([minilm], tmp_path / "target")
    assert (report.format, report.kind, report.rewritten) == ("safetensors", "model", False)
    assert report.tensors == open_checkpoint([minilm]).tensors
    assert report.facts["width"] == 384
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("zip_format", [True, False])
def test_anything_else_is_rewritten_once(zip_format: bool, tmp_path: Path) -> None:
    tensors = {"layer.0.weight": torch.randn(6, 4), "bias": torch.randn(3).bfloat16()}
    torch.save({"state_dict": tensors, "epoch": 7}, tmp_path / "in", _use_new_zipfile_serialization=zip_format)
    report = ingest([tmp_path / "in"], tmp_path / "target")
    found = safetensors.torch.load_file(tmp_path / "target")
    assert report.rewritten
    assert report.facts["epoch"] == 7
    assert [info.name for info in report.tensors] == list(tensors)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert {path.name for path in tmp_path.iterdir()} == {"in", "target"}


def test_an_adapter_is_one(tmp_path: Path) -> None:
    factors = {f"q.lora_{side}.weight": torch.zeros(2, 2) for side in "AB"}
    safetensors.torch.save_file(factors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    report = ingest([tmp_path], tmp_path / "target")
    assert report.kind == "adapter"
    assert report.facts["rank"] == 2


def test_odd_names_come_through(tmp_path: Path) -> None:
    torch.save({name: torch.zeros(2, 2) for name in ODD_NAMES}, tmp_path / "in")
    report = ingest([tmp_path / "in"], tmp_path / "target")
    assert {info.name for info in report.tensors} == set(ODD_NAMES)


@pytest.mark.parametrize("hostile", FEW, ids=lambda hostile: hostile.name)
def test_a_rejection_keeps_its_class_code_and_words(hostile: Hostile, tmp_path: Path) -> None:
    paths = hostile.build(tmp_path)
    with pytest.raises(CheckpointError) as here:
        open_checkpoint(paths)
    with pytest.raises(CheckpointError) as there:
        ingest(paths, tmp_path / "target")
    assert (type(there.value), there.value.code) == (type(here.value), hostile.code)
    assert there.value.message == here.value.message
    assert not marker(tmp_path).exists()
    assert not (tmp_path / "target").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingShard):
        ingest([tmp_path / "nowhere"], tmp_path / "target")


# What a file could make its reader do


def test_computing_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started = time.monotonic()
    error = told("while True: pass", monkeypatch, tmp_path, cpu=1)
    assert (type(error), error.code) == (UnsafeFile, "over-time")
    assert time.monotonic() - started < 10


def test_sleeping_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert told("time.sleep(1000)", monkeypatch, tmp_path, wall=1.0).code == "over-time"


def test_a_reader_that_hangs_ends_soon_after_it_is_told_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "COMMAND", child("time.sleep(1000)"))
    (tmp_path / "file").write_bytes(b"anything")
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(SystemExit):
        ingest([tmp_path / "file"], tmp_path / "target", LIMITS, stop=stop)
    assert time.monotonic() - began < 10


def test_taking_all_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = told("return {'x': [bytes(2**20) for _ in range(2**20)]}", monkeypatch, tmp_path, memory=256 * MEBIBYTE)
    assert (type(error), error.code) == (UnsafeFile, "over-memory")


def test_one_huge_allocation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert told("bytes(2**40)", monkeypatch, tmp_path).code == "over-memory"


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_crashing(signal: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = told(f"import signal; os.kill(os.getpid(), signal.{signal})", monkeypatch, tmp_path)
    assert (type(error), error.code) == (UnsafeFile, "reader-crashed")
    assert signal in error.message


def test_leaving_early(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert told("os._exit(3)", monkeypatch, tmp_path).code == "reader-crashed"
    assert told("os._exit(0)", monkeypatch, tmp_path).code == "reader-crashed"


def test_an_error_of_our_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = told("raise ZeroDivisionError('a bug')", monkeypatch, tmp_path)
    assert error.code == "reader-crashed"
    assert "ZeroDivisionError" in error.message


def test_talking_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endless = "while True: os.write(1, b'x' * 2**20)"
    assert told(endless, monkeypatch, tmp_path, said=8 * MEBIBYTE).code == "unbounded"


def test_writing_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    body = "f = open(str(target) + '.part', 'wb'); [f.write(bytes(2**20)) for _ in range(64)]"
    assert told(body, monkeypatch, tmp_path, written=8 * MEBIBYTE).code == "unbounded"
    assert {path.name for path in tmp_path.iterdir()} == {"file"}, "the half file is swept away"


def test_a_full_disk_is_not_the_fault_of_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "COMMAND", child("raise OSError(28, 'No space left on device', 'x')"))
    with pytest.raises(OSError, match="No space left") as caught:
        ingest([tmp_path], tmp_path / "target", LIMITS)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "answer",
    [
        "nonsense",
        "[]",
        "{}",
        '{"error": {"class": "SystemExit", "code": "x", "message": "y"}}',
        '{"format": 1, "kind": "model", "facts": {}, "tensors": [], "rewritten": false}',
        '{"format": "x", "kind": "model", "facts": {"a": [1]}, "tensors": [], "rewritten": false}',
        '{"format": "x", "kind": "model", "facts": {}, "tensors": [["a", [-1], "float32", 4]], "rewritten": false}',
        '{"format": "x", "kind": "model", "facts": {}, "tensors": [["a", [1], "__class__", 4]], "rewritten": false}',
        "[" * 100_000,
    ],
)
def test_an_answer_that_makes_no_sense(answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "answer").write_text(answer)
    body = f"os.write(1, open({str(tmp_path / 'answer')!r}, 'rb').read()); os._exit(0)"
    assert told(body, monkeypatch, tmp_path).code == "reader-crashed"


# What the child is given


def say(body: str) -> object:
    """What a child under the usual limits says, as JSON."""
    request = {"paths": [], "target": "", "limits": asdict(LIMITS)}
    return json.loads(supervise("test", child(body), json.dumps(request).encode(), LIMITS))


def test_nothing_of_our_environment_reaches_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIGENSCOPE_DATABASE_URL", "postgresql://user:password@host/database")
    found = say("return {'env': dict(os.environ)}")
    assert isinstance(found, dict)
    assert set(found["env"]) <= {"OPENBLAS_NUM_THREADS", "LC_CTYPE"}


def test_no_open_file_of_ours_reaches_the_child(tmp_path: Path) -> None:
    handle = os.open(tmp_path / "secret", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(handle, True)
    try:
        found = say("return {'files': [os.path.realpath(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')]}")
    finally:
        os.close(handle)
    assert isinstance(found, dict)
    assert found["files"]
    assert not any("secret" in name for name in found["files"])


def test_the_child_leads_its_own_group() -> None:
    found = say("return {'group': os.getpgid(0), 'session': os.getsid(0), 'self': os.getpid()}")
    assert isinstance(found, dict)
    assert found["group"] == found["session"] == found["self"] != os.getpgid(0)


def _in_a_daemon(path: Path, target: Path, queue: "multiprocessing.Queue[str]") -> None:
    queue.put(ingest([path], target).format)


def test_it_works_inside_a_daemonic_process(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2, 2)}, tmp_path / "in")
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_in_a_daemon, args=(tmp_path / "in", tmp_path / "target", queue), daemon=True)
    process.start()
    assert queue.get(timeout=60) == "torch-zip"
    process.join()


def test_a_truncated_file_keeps_its_class(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"")
    with pytest.raises(DamagedFile):
        ingest([tmp_path / "in"], tmp_path / "target")
