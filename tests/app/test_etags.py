"""Editions: they change with everything that a reader could see, and with nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from app import etags
from app.db import Session
from app.errors import NotFound
from app.models import Checkpoint, Mitigation, Prescription, Result, Run, Source, Unit
from app.runs import reports
from tests.service import Service


def of(service: Service, what: Callable[[Session, int], etags.Version], identity: int = 1) -> etags.Version:
    with service.database.reading() as session:
        return what(session, identity)


def change(service: Service, kind: type[Any], **values: Any) -> None:
    with service.everything.writing() as session:
        row = session.query(kind).first()
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Run, {"state": "failed"}),
        (Run, {"reason_code": "nothing-measured"}),
        (Checkpoint, {"name": "another"}),
        (Checkpoint, {"facts": {"width": 24}}),
    ],
)
def test_a_reports_version_follows_what_it_tells(analysed: Service, kind: type[Any], values: dict[str, Any]) -> None:
    before = of(analysed, etags.of_run)
    assert before == of(analysed, etags.of_run)
    assert before.final
    change(analysed, kind, **values)
    assert of(analysed, etags.of_run).name != before.name


def test_a_growing_reports_version_follows_its_rows(analysed: Service) -> None:
    change(analysed, Run, state="running")
    before = of(analysed, etags.of_run)
    assert not before.final
    change(analysed, Unit, state="failed")
    between = of(analysed, etags.of_run)
    with analysed.everything.writing() as session:
        row = session.query(Result).order_by(Result.id).first()
        session.delete(row)  # a row with a smaller id than the largest, as one that is committed late
    assert len({before.name, between.name, of(analysed, etags.of_run).name}) == 3


def test_a_page_also_follows_what_was_mended(compared: Service) -> None:
    before = of(compared, etags.of_page)
    assert before == of(compared, etags.of_run)
    compared.client.post("/api/v1/mitigations", json={"base": 1, "tuned": 2})
    asked = of(compared, etags.of_page)
    change(compared, Mitigation, state="failed")
    assert len({before.name, asked.name, of(compared, etags.of_page).name}) == 3


def test_a_page_also_follows_its_verdicts(analysed: Service) -> None:
    before = of(analysed, etags.of_page)
    assert before == of(analysed, etags.of_run)
    policy = {"rules": [{"column": "norms.rank_loss", "max": 0}]}
    answer = analysed.client.post("/api/v1/runs/1/verdicts", json={"policy": policy})
    assert answer.is_success, answer.text
    assert of(analysed, etags.of_page).name != before.name


def test_a_pages_version_follows_a_prescription_on_its_way(analysed: Service) -> None:
    seen = [of(analysed, etags.of_page).name]
    assert analysed.client.post("/api/v1/runs/1/prescriptions", json={"kind": "traps"}).status_code == 202
    seen.append(of(analysed, etags.of_page).name)
    for values in ({"state": "running"}, {"current": "Block 0 · MLP up"}, {"state": "done"}):
        change(analysed, Prescription, **values)
        seen.append(of(analysed, etags.of_page).name)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("values", [{"name": "another"}, {"facts": {"step": 3}}, {"pinned": True}, {"released_at": 1}])
def test_a_checkpoints_version_follows_it(analysed: Service, values: dict[str, Any]) -> None:
    before = of(analysed, etags.of_checkpoint)
    change(analysed, Checkpoint, **values)
    assert of(analysed, etags.of_checkpoint).name != before.name


def test_a_checkpoints_version_follows_its_newest_run(analysed: Service) -> None:
    before = of(analysed, etags.of_checkpoint)
    analysed.run(1)
    assert of(analysed, etags.of_checkpoint).name != before.name


def test_no_report_is_made_for_it(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(reports, "table")
    assert of(analysed, etags.of_run).final


@pytest.mark.parametrize("what", [etags.of_run, etags.of_page, etags.of_checkpoint])
def test_what_is_not_the_callers_has_none(analysed: Service, what: Callable[[Session, int], etags.Version]) -> None:
    with analysed.everything.within(2).reading() as session, pytest.raises(NotFound):
        what(session, 1)
    with pytest.raises(NotFound):
        of(analysed, what, 9)


def test_another_program_makes_other_answers(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of(analysed, etags.of_run)
    assert etags.program() == etags.program()
    monkeypatch.setattr(etags, "program", lambda: "another")
    assert of(analysed, etags.of_run).name != before.name


def test_a_checkpoints_version_follows_its_fetching(analysed: Service) -> None:
    with analysed.everything.writing() as session:
        session.add(Source(checkpoint_id=1, url="file:///models/run-7", fetched=0))
    before = of(analysed, etags.of_checkpoint)
    change(analysed, Source, fetched=8 << 20)
    assert of(analysed, etags.of_checkpoint).name != before.name
