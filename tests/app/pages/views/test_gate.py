"""The gate on a run's page."""

from sqlalchemy import select

from app.models import Event, Verdict
from tests.app.pages.reader import read, words
from tests.service import Service, model

POLICY = {"rules": [{"name": "tails <b>", "column": "esd.alpha", "max": 0.5}, {"column": "norms.rank_loss", "max": 0}]}


def asked(service: Service) -> None:
    assert service.client.post("/api/v1/runs/1/verdicts", json={"policy": POLICY}).status_code == 201


def gate(service: Service) -> tuple[str, list[str]]:
    """What the section says, and where its links lead."""
    page = read(service.client.get("/runs/1").text)
    found = [words(each) for each in page.all("section") if (each.attributes.get("id") or "").startswith("gate-")]
    return " ".join(found), [str(link.attributes.get("href")) for link in page.all("a")]


def test_without_a_policy_there_is_none(analysed: Service) -> None:
    assert gate(analysed)[0] == ""


def test_each_rule_is_told_with_a_layer_that_breaks_it(analysed: Service) -> None:
    asked(analysed)
    said, links = gate(analysed)
    assert "The gate is closed: 3 of 4 rules hold, 1 failed." in said
    assert "tails <b>" in said
    assert "esd.alpha is at most 0.5 in 0 of 5 layers." in said
    assert {f"/api/v1/runs/1/verdicts/1.{form}" for form in ("json", "xml", "md", "svg")} <= set(links)
    assert any("weight=model" in link for link in links)


def test_while_the_run_goes_on_it_waits(service: Service) -> None:
    service.upload(model())
    service.run(1)
    asked(service)
    assert "The gate waits for the end of the run." in gate(service)[0]


def test_looking_writes_nothing(service: Service) -> None:
    service.upload(model())
    service.run(1)
    asked(service)
    service.work()
    assert "The gate is closed" in gate(service)[0]
    with service.everything.reading() as session:
        assert session.scalars(select(Verdict.result)).all() == [None]
        assert "verdict.make" not in session.scalars(select(Event.action)).all()
    assert service.get("/api/v1/runs/1/verdict")["passed"] is False


def test_a_comparison_has_one_too(compared: Service) -> None:
    body = {"policy": {"rules": [{"column": "update.relative_norm", "min": 0}]}}
    assert compared.client.post("/api/v1/runs/1/verdicts", json=body).status_code == 201
    assert "The gate is open: every rule holds." in gate(compared)[0]
