"""kill -9 of the worker in mid-run: nothing lost, nothing twice, and done within a minute of its restart.

24 kills over the embedded mode and Redis: of the main process, with which the pool process goes, and of the pool
process alone. The worker may also die in the middle of an ingest, 8 times in the middle of a mitigation, and twice in
the middle of a prescription.
"""

import json
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import torch
from safetensors.torch import save

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.prescriptions import rule
from analysis.prescriptions.members import Members
from tests.integration.conftest import Deployment, until

KILLS = 12
KILLS_OF_MITIGATION = 4  # more than the attempts that one tensor has
SEED = 20260710
Deploy = Callable[[str], Deployment]


def many(count: int = 120, width: int = 160) -> bytes:
    """Tensors of some 20 ms each."""
    generator = torch.Generator().manual_seed(1)
    return save({f"layers.{n}.q_proj.weight": torch.randn(width, width, generator=generator) for n in range(count)})


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_run_survives_its_workers(deploy: Deploy, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(many())
    expected = json.loads(json.dumps(analyze(open_checkpoint([path]), requests()).to_json()))
    chance = random.Random(SEED)
    deployment = deploy(kind)

    checkpoint = deployment.upload(path.read_bytes())
    runs = [deployment.run(checkpoint)]
    kill(deployment, whole=True)  # in the middle of the ingest, or just before it
    for number in range(1, KILLS):
        state = in_mid_run(deployment, runs[-1], chance.randrange(1, 5))
        if state == "done":
            runs.append(deployment.run(checkpoint))
            in_mid_run(deployment, runs[-1], 1)
        kill(deployment, whole=number % 3 != 0)

    for run in runs:
        finished = deployment.finished(run, 60)
        assert finished["state"] == "done", finished
        assert finished["progress"] == {"done": 120, "total": 120, "current": None, "eta_seconds": None}
        assert deployment.get(f"runs/{run}/report") == expected  # every row once, with the same numbers


def test_a_worker_that_is_told_to_stop_gives_back_what_it_holds(deploy: Deploy) -> None:
    """At once, and as if nobody had tried: a roll-out of a new version costs no attempt and waits for no lease."""
    deployment = deploy("redis")
    run = deployment.run(deployment.upload(many(6, 1200)))
    until(lambda: "leased" in [state for state, _ in units(deployment)], "a unit is in hand", 60)
    assert deployment.worker is not None
    deployment.worker.terminate()
    deployment.worker.wait(30)
    states = dict(units(deployment))
    assert states["queued"] == 0
    assert "leased" not in states
    deployment.start_worker()
    assert deployment.finished(run, 120)["state"] == "done"
    assert deployment.get(f"runs/{run}/report")["coverage"]["analysed"] == 6


def units(deployment: Deployment) -> list[tuple[str, int]]:
    """State and attempts of every unit, the most attempts last."""
    with psycopg.connect(deployment.environment["EIGENSCOPE_DATABASE_URL"]) as connection:
        found = connection.execute("SELECT state, attempts FROM units ORDER BY attempts")
        return [(state, attempts) for state, attempts in found]


def in_mid_run(deployment: Deployment, run: int, more: int) -> str:
    """Waits until the run has that many more tensors, or is over; its state."""
    begun: int = deployment.get(f"runs/{run}")["progress"]["done"]
    seen: dict[str, str] = {}

    def far_enough() -> bool:
        found = deployment.get(f"runs/{run}")
        seen["state"] = found["state"]
        assert found["state"] in ("waiting", "running", "done"), found
        done: int = found["progress"]["done"]
        return found["state"] == "done" or done >= begun + more

    until(far_enough, "the run goes on after a kill", 60)
    return seen["state"]


def kill(deployment: Deployment, whole: bool) -> None:
    """Kills the worker's main process, or its pool process alone, where there is one yet."""
    processes = deployment.worker_processes()
    until(lambda: len(deployment.worker_processes()) >= 1, "a worker is there", 30)
    processes = deployment.worker_processes()
    os.kill(processes[0] if whole or len(processes) == 1 else processes[-1], signal.SIGKILL)
    if deployment.worker is not None and (whole or len(processes) == 1):
        deployment.worker.wait()
        deployment.start_worker()


def mended_from(count: int = 24, width: int = 256) -> tuple[bytes, bytes]:
    """A base, and a full fine-tune of it with an intruder in every matrix: some 100 ms of search each."""
    generator = torch.Generator().manual_seed(2)
    base = {f"layers.{n}.q_proj.weight": torch.randn(width, width, generator=generator) for n in range(count)}
    direction = torch.ones(width, width) / width
    return save(base), save({name: tensor + 60.0 * direction for name, tensor in base.items()})


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_mitigation_survives_its_workers(deploy: Deploy, kind: str) -> None:
    """Four kills, each in the middle; what comes out is what an undisturbed one makes of the same two."""
    deployment = deploy(kind)
    base, tuned = (deployment.upload(content) for content in mended_from())
    asked = deployment.mitigation(base, tuned)
    for number in range(KILLS_OF_MITIGATION):
        in_mid_mitigation(deployment, asked)
        kill(deployment, whole=number % 2 == 0)
    disturbed = mitigate_to_end(deployment, asked)
    undisturbed = mitigate_to_end(deployment, deployment.mitigation(base, tuned))
    assert disturbed["report"] == undisturbed["report"]
    assert disturbed["report"]["matrices_with"] == 24
    assert downloaded(deployment, disturbed) == downloaded(deployment, undisturbed)
    assert len(deployment.get("checkpoints")) == 4  # base, tuned, and each mitigated one once
    until(lambda: not list((deployment.folder / "work").glob("mitigation-*")), "what it had kept is gone", 30)
    assert deployment.finished(disturbed["run"], 120)["state"] == "done"


def test_a_mitigation_that_is_told_to_stop_is_given_back(deploy: Deploy) -> None:
    deployment = deploy("redis")
    base, tuned = (deployment.upload(content) for content in mended_from())
    asked = deployment.mitigation(base, tuned)
    in_mid_mitigation(deployment, asked)
    assert deployment.worker is not None
    deployment.worker.terminate()
    deployment.worker.wait(30)
    with psycopg.connect(deployment.environment["EIGENSCOPE_DATABASE_URL"]) as connection:
        assert connection.execute("SELECT state, attempts FROM mitigations").fetchall() == [("queued", 0)]
    assert len(list((deployment.folder / "work").glob("mitigation-*/*"))) > 0  # what was found stays for the next
    deployment.start_worker()
    assert mitigate_to_end(deployment, asked)["report"]["matrices_with"] == 24


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_prescription_survives_its_worker(deploy: Deploy, kind: str, tmp_path: Path) -> None:
    """Killed in the middle it begins anew; told to stop it is given back. Its files are those of the command line."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(many(30, 400))
    deployment = deploy(kind)
    run = deployment.run(deployment.upload(path.read_bytes()))
    assert deployment.finished(run, 240)["state"] == "done"
    answer = deployment.client.post(f"/api/v1/runs/{run}/prescriptions", json={"kind": "quantisation"})
    assert answer.status_code == 202, answer.text
    address = f"runs/{run}/prescriptions/1"
    until(lambda: deployment.get(address)["current"] is not None, "a tensor is in hand", 120)
    kill(deployment, whole=True)
    if deployment.worker is not None:
        until(lambda: deployment.get(address)["state"] == "queued", "the lease runs out", 60)
        until(lambda: deployment.get(address)["current"] is not None, "the next worker has it", 120)
        deployment.worker.terminate()
        deployment.worker.wait(30)
        assert deployment.get(address)["state"] == "queued"
        deployment.start_worker()
    until(lambda: deployment.get(address)["state"] in ("done", "failed"), "it ends", 240)
    told, known = deployment.get(address), rule("quantisation")
    assert told["state"] == "done", told
    found = known.prescribe(Members((open_checkpoint([path]),), ("model",)), known.settings({}))
    assert told["record"]["entries"] == pytest.approx(dict(found.entries), rel=1e-6)
    assert set(told["files"]) == {"prescription.json", *found.answer.files}


def in_mid_mitigation(deployment: Deployment, mitigation: int) -> None:
    """Waits until one tensor more than before is kept, which says that the search goes on."""
    kept = set((deployment.folder / "work").glob("mitigation-*/*.safetensors"))

    def far_enough() -> bool:
        found = deployment.get(f"mitigations/{mitigation}")
        assert found["state"] in ("queued", "making"), found
        return bool(set((deployment.folder / "work").glob("mitigation-*/*.safetensors")) - kept)

    until(far_enough, "the mitigation goes on after a kill", 120)


def mitigate_to_end(deployment: Deployment, mitigation: int) -> dict[str, Any]:
    """The mitigation once it is done."""
    until(lambda: deployment.get(f"mitigations/{mitigation}")["state"] in ("done", "failed"), "it ends", 240)
    found: dict[str, Any] = deployment.get(f"mitigations/{mitigation}")
    assert found["state"] == "done", found
    return found


def downloaded(deployment: Deployment, mitigation: dict[str, Any]) -> bytes:
    answer = deployment.client.get(f"/api/v1/checkpoints/{mitigation['checkpoint']}/files/model.safetensors")
    assert answer.status_code == 200, answer.text
    return answer.content
