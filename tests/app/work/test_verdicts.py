"""What the sweeper sees of verdicts, without torch."""

import subprocess
import sys

from sqlalchemy import select

from app.gate import verdicts
from app.models import Run
from app.runs import runs
from app.work import verdicts as awaited
from tests.service import Service, model


def test_pending_until_it_is_made(service: Service) -> None:
    service.upload(model())
    service.run(1)
    with service.database.writing() as session:
        verdicts.request(session, runs.get(session, 1), {"rules": [{"column": "esd.alpha", "min": 0}]})
    assert pending(service) == [1]
    service.work()
    service.get("/api/v1/runs/1/verdict")
    assert pending(service) == []


def pending(service: Service) -> list[int]:
    with service.database.reading() as session:
        return list(session.scalars(select(Run.id).where(awaited.pending(Run.id))))


def test_a_worker_s_main_process_stays_without_torch() -> None:
    code = "import sys, workers.sweeper, workers.webhook_sender; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
